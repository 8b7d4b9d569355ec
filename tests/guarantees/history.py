"""What happened in one run, line by line, for validators and for people.

A history is written by a `Recorder` while an informer works on a host. It has
everything that anybody saw: what was done to the host and what became true of it,
what the informer asked and was told (requests, replies, raw events), what its
subscribers, handlers and readers were given, who waited for what, and what was
left at the end. The validators in `tests.guarantees.contract` read it afterwards;
they know nothing else of the run.

Each line has a number, and the order of the numbers is the order in which things
happened: all are written on one event loop. Printed, a line reads ::

     17     1.003000  source     told: event Started(Booted) of web stamp 9
     18     1.005000  source     told: read of web from 10 to 11: RUNNING(BOOTED) id 1
     19     1.005000  fast       Updated web v4: RUNNING(BOOTED) id 1 ← v3, event: Started v4
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar, final
from uuid import UUID

import attrs

import virtinformer as vi
from virtinformer._core import messages
from virtinformer._core.model import CONTENT, Observation
from virtinformer._core.vocabulary import event_words
from virtinformer.source import Request

__all__ = [
    "FIELDS",
    "Asked",
    "AtRest",
    "Began",
    "Called",
    "Closed",
    "Ended",
    "Fact",
    "Given",
    "Had",
    "History",
    "Left",
    "Line",
    "Logged",
    "Looked",
    "Note",
    "Opened",
    "Returned",
    "Subscribed",
    "Told",
    "Violation",
    "Waiting",
    "Wanted",
    "WasTrue",
    "content_of",
]

Delta = vi.Added | vi.Updated | vi.Deleted
Item = Delta | vi.Synced | vi.DomainEvent
Content = tuple[object, ...]
"""What there is to know of a domain, without history: comparable."""


# ---------------------------------------------------------------------- the host


@attrs.frozen
class Note:
    """Something of which only people read: a fault, what a writer is about to do."""

    text: str

    def __str__(self) -> str:
        return self.text


@attrs.frozen
class Began:
    """Somebody began to change a domain of the host."""

    uuid: UUID
    text: str

    def __str__(self) -> str:
        return f"begins: {self.text}"


@attrs.frozen
class WasTrue:
    """From here on this is true of a domain, until the next such line about it.

    Attributes:
        uuid: whose.
        content: what an honest read sees; ``None``: there is no such domain.
        text: what made it so.
        began: number of the line at which that began, where it took time.
        visible_from: the time from which on it can be looked up: before, nobody can know.
    """

    uuid: UUID
    content: Observation | None
    text: str
    began: int | None = None
    visible_from: float = 0.0

    def __str__(self) -> str:
        return f"{self.text or 'as it is'} → {_content(self.uuid, self.content)}"


@attrs.frozen
class AtRest:
    """Nothing happens any more: an independent read of the host, and the informer's view."""

    truth: Mapping[UUID, Any]
    view: vi.Snapshot

    def __str__(self) -> str:
        return f"at rest: {len(self.truth)} domains are true, {self.view!r} is known"


# ---------------------------------------------------------------------- the source


@attrs.frozen
class Asked:
    """The informer asked its source for something."""

    request: Request

    def __str__(self) -> str:
        request = self.request
        about = f" {_short(request.uuid)}" if isinstance(request, messages.Read) else ""
        return f"asked: {type(request).__name__}{about} epoch {request.epoch}"


@attrs.frozen
class Told:
    """The source told the informer something: a reply or a raw event."""

    input: messages.Input

    def __str__(self) -> str:
        return f"told: {_input(self.input)}"


# ---------------------------------------------------------------------- subscribers


@attrs.frozen
class Subscribed:
    """Somebody subscribed.

    Attributes:
        kind: ``"deltas"``, ``"events"`` or ``"handler"``.
        view: what could be read at that moment.
        known: what the subscriber knows already (``since=``, ``initial=False``); else ``None``.
        since: the version after which it wants everything, if it said so.
        where: its predicate.
        prompt: whether it takes whatever comes at once.
    """

    kind: str
    view: vi.Snapshot
    known: Mapping[UUID, vi.Domain] | None = None
    since: int | None = None
    where: Any = None
    prompt: bool = False

    def __str__(self) -> str:
        since = f" since v{self.since}" if self.since is not None else ""
        where = " of some" if self.where else ""
        return f"subscribes to {self.kind}{where}{since} at v{self.view.resource_version}"


@attrs.frozen
class Given:
    """A subscriber was given something."""

    item: Item

    def __str__(self) -> str:
        return _item(self.item)


@attrs.frozen
class Called:
    """A handler was called."""

    method: str
    item: Item

    def __str__(self) -> str:
        return f"{self.method}: {_item(self.item)}"


@attrs.frozen
class Returned:
    """A handler's call is over. `error`: what it raised (also its cancellation)."""

    method: str
    error: str | None = None

    def __str__(self) -> str:
        return f"{self.method} ends" + (f": {self.error}" if self.error else "")


@attrs.frozen
class Waiting:
    """How many things wait in a subscriber's queue, and of how many lives there can be some."""

    length: int
    lives: int

    def __str__(self) -> str:
        return f"{self.length} wait, of at most {self.lives} lives"


@attrs.frozen
class Ended:
    """A subscription is over: nothing may be given any more.

    Attributes:
        why: ``"closed"``, ``"informer closed"``, ``"cancelled"`` or the name of an exception.
        drained: whether all that waited was given before.
    """

    why: str
    drained: bool = False

    def __str__(self) -> str:
        return f"subscription ends: {self.why}"


# ---------------------------------------------------------------------- readers


@attrs.frozen
class Looked:
    """Somebody looked at the store and at the health, at one moment."""

    view: vi.Snapshot
    health: vi.Health

    def __str__(self) -> str:
        health = self.health
        words = [word for word in ("connected", "synced") if getattr(health, word)]
        return (
            f"looked: v{self.view.resource_version}, {len(self.view)} domains, epoch "
            f"{health.epoch} {' and '.join(words) or 'not connected'}, "
            f"silent for {health.staleness:.3f} s"
        )


@attrs.frozen
class Wanted:
    """Somebody waits: for ``refresh`` or ``wait_for`` of a domain, or for ``sync``."""

    what: str
    uuid: UUID | None = None

    def __str__(self) -> str:
        return f"wants {self.what}({_short(self.uuid) if self.uuid else ''})"


@attrs.frozen
class Had:
    """The wait is over.

    Attributes:
        wanted: number of the line with the wish.
        view: what can be read now.
        result: the domain, the version, or ``None``.
        error: what was raised instead.
    """

    wanted: int
    view: vi.Snapshot
    result: Any = None
    error: BaseException | None = None

    def __str__(self) -> str:
        what = f"{self.error!r}" if self.error else f"at v{self.view.resource_version}"
        return f"line {self.wanted} is answered {what}"


# ---------------------------------------------------------------------- the informer


@attrs.frozen
class Opened:
    """An informer was opened, or could not be."""

    error: BaseException | None = None

    def __str__(self) -> str:
        return "the informer is open" if self.error is None else f"cannot open: {self.error!r}"


@attrs.frozen
class Closed:
    """``async with`` was left; `seconds` after it began to be left."""

    seconds: float = 0.0

    def __str__(self) -> str:
        return f"the informer is closed, after {self.seconds:.3f} s"


@attrs.frozen
class Left:
    """What was still there after the informer was closed: kind → how many more than before."""

    counts: Mapping[str, int]

    def __str__(self) -> str:
        left = ", ".join(f"{many} {kind}" for kind, many in self.counts.items() if many)
        return f"left behind: {left or 'nothing'}"


@attrs.frozen
class Logged:
    """The library logged something."""

    level: str
    text: str

    def __str__(self) -> str:
        return f"{self.level}: {self.text}"


Fact = (
    Note
    | Began
    | WasTrue
    | AtRest
    | Asked
    | Told
    | Subscribed
    | Given
    | Called
    | Returned
    | Waiting
    | Ended
    | Looked
    | Wanted
    | Had
    | Opened
    | Closed
    | Left
    | Logged
)

F = TypeVar("F")
T = TypeVar("T")


@attrs.frozen
class Line:
    """One thing that happened.

    Attributes:
        number: 1, 2, 3, ….
        time: of the event loop, in seconds.
        who: whom it happened to: ``"host"``, ``"source"``, a subscriber's or reader's name.
        fact: what happened.
    """

    number: int
    time: float
    who: str
    fact: Any

    def __str__(self) -> str:
        return f"{self.number:6} {self.time:12.6f}  {self.who:<12} {self.fact}"


@final
class Violation(AssertionError):
    """A promise was broken.

    Attributes:
        promise: ``"G1"`` … ``"G12"``.
        lines: those that prove it, in order.
    """

    def __init__(self, promise: str, text: str, *lines: Line) -> None:
        self.promise = promise
        by_number = {line.number: line for line in lines}
        self.lines = tuple(by_number[number] for number in sorted(by_number))
        super().__init__("\n".join([f"{promise}: {text}", *map(str, self.lines)]))


class History:
    """All lines of one run.

    Args:
        options: those of the informer; what is missing has the library's default.

    Attributes:
        lines: in order.
        knows_truth: whether `WasTrue` tells of every domain what is true at each moment. A
            real host does not tell: what a guest does by itself shows up nowhere.
        virtual: whether the time is made up, so that what happens at once has one time.
        slack: seconds by which somebody may be late for no fault of the informer; ``None``:
            it cannot be told whose fault it is. Made-up time needs no more than a trifle.
        dates_views: whether a read of the store says of which version it is. (Informers of
            another make may not; then a view has the greatest version that was seen in it.)
        repeats: whether an update may tell the same again, by design.
        replays: whether a handler that comes late is called for everything known, by design.
        complaint: what the log has to say of a handler that raised.
    """

    def __init__(self, **options: Any) -> None:
        self.options: Mapping[str, Any] = {**DEFAULTS, **options}
        self.knows_truth = False
        self.virtual = False
        self.slack: float | None = None
        self.dates_views = True
        self.repeats = False
        self.replays = True
        self.complaint = "failed for"
        self.lines: list[Line] = []
        self._by_type: dict[type, list[Line]] = {}
        self._by_who: dict[str, list[Line]] = {}
        self._remembered: dict[str, Any] = {}

    def write(self, time: float, who: str, fact: Fact) -> Line:
        """Add a line."""
        if self._remembered:
            self._remembered.clear()
        line = Line(len(self.lines) + 1, time, who, fact)
        self.lines.append(line)
        self._by_type.setdefault(type(fact), []).append(line)
        self._by_who.setdefault(who, []).append(line)
        return line

    def __str__(self) -> str:
        return "\n".join(map(str, self.lines))

    def of(self, kind: type[F], who: str | None = None) -> Iterator[tuple[Line, F]]:
        """The facts of one kind, with their lines; of somebody, or of all."""
        for line in self._by_type.get(kind, ()):
            if who is None or line.who == who:
                yield line, line.fact

    def by(self, who: str) -> list[Line]:
        """All that happened to somebody."""
        return self._by_who.get(who, [])

    def told(self, kind: type[F]) -> Iterator[tuple[Line, F]]:
        """What the source told, of one kind of input."""
        for line, fact in self.of(Told):
            if isinstance(fact.input, kind):
                yield line, fact.input

    def subscriptions(self, *kinds: str) -> Iterator[tuple[Line, Subscribed]]:
        """The subscriptions of some kinds, or all. Each subscriber has a name of its own."""
        for line, fact in self.of(Subscribed):
            if not kinds or fact.kind in kinds:
                yield line, fact

    def remember(self, what: str, find: Callable[[History], T]) -> T:
        """What `find` finds in this history; it looks only once, until a line is added."""
        if what not in self._remembered:
            self._remembered[what] = find(self)
        found: T = self._remembered[what]
        return found

    def at(self, number: int) -> Line:
        """The line of that number."""
        return self.lines[number - 1]


DEFAULTS: Final[Mapping[str, Any]] = {"resync_period": 60.0, "reorder_window": 0.1}


def content_of(domain: Any) -> Content:
    """What is known, or true, of a domain: the same for `Domain`, `Observation` and a record."""
    if isinstance(domain, Mapping):
        return tuple(domain[name] for name in FIELDS)
    return tuple(getattr(domain, name) for name in FIELDS)


FIELDS: Final = tuple(name for name in CONTENT if name != "settled")


# ---------------------------------------------------------------------- words


def _short(uuid: UUID) -> str:
    return f"{uuid.int:x}"[-8:]


def _content(uuid: UUID, seen: Observation | vi.Domain | None) -> str:
    if seen is None:
        return f"no domain {_short(uuid)}"
    words = [f"{seen.name}[{_short(uuid)}]", f"{seen.state}({seen.reason}) id {seen.id}"]
    words += [word for word in ("persistent", "autostart") if getattr(seen, word)]
    words += [] if seen.settled else ["unsettled"]
    # Enough to tell one text from another.
    words.append(f"xml {_mark(seen.xml)}/{_mark(seen.config_xml or '')}")
    return " ".join(words)


def _mark(text: str) -> str:
    # The same in every process, as `hash` is not: two printed histories can be compared.
    return f"{zlib.crc32(text.encode(errors='surrogatepass')) & 0xFFFF:04x}"


def _domain(domain: vi.Domain) -> str:
    place = f"v{domain.resource_version} g{domain.generation} life {domain.incarnation}"
    return f"{_content(domain.uuid, domain)} {place}"


def _item(item: Item) -> str:
    match item:
        case vi.Synced():
            return f"Synced v{item.resource_version}"
        case vi.DomainEvent():
            return f"{_event(item)}: {_domain(item.domain)}"
        case vi.Updated(old=old):
            rest = f" ← v{old.resource_version}"
        case vi.Deleted(reason=reason):
            rest = f" {reason.value}"
        case _:
            rest = ""
    events = ", ".join(map(_event, item.events))
    told = f", events: {events}" if events else ""
    return f"{type(item).__name__} {_domain(item.domain)}{rest} by {item.source.value}{told}"


def _event(event: vi.DomainEvent) -> str:
    star = "*" if event.inferred else ""
    return f"{event.type}({event.reason}){star} v{event.resource_version}"


def _input(told: messages.Input) -> str:
    match told:
        case messages.EventReceived(uuid=uuid, name=name, stamp=stamp):
            word, reason = event_words(told.kind, told.type, told.detail)
            return f"event {word}({reason}) of {name}[{_short(uuid)}] stamp {stamp}"
        case messages.Observed(uuid=uuid, result=Observation() as seen):
            return f"{_read(told)}: {_content(uuid, seen)}"
        case messages.Observed(result=messages.ReadFailed(error=error)):
            return f"{_read(told)}: {error!r}"
        case messages.Observed():
            return f"{_read(told)}: gone"
        case messages.Listed(present=present):
            return f"listed {len(present)} domains from stamp {told.began}"
        case (
            messages.ConnectFailed(error=error)
            | messages.Disconnected(error=error)
            | messages.ListFailed(error=error)
        ):
            return f"{type(told).__name__} epoch {told.epoch}: {error!r}"
        case _:
            return str(told)


def _read(told: messages.Observed) -> str:
    how = "list" if told.listed else "read"
    return f"{how} of {_short(told.uuid)} from {told.began} to {told.ended}"

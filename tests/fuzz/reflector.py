"""A source that lies, against the reflector.

`machine` has a host that is late and lossy but means well. Here is no host at all:
events, answers, lists and connections come in any order, asked for or not, with
any state, id and name, and of this epoch or another. All that holds of the
stamps is what the one counter makes true: no two are the same, and a read ends
after it began.

Whatever comes, versions grow, deltas follow from each other, no domain is
deleted without an answer that said so, no event is told that did not come, and
what is told is a walk. In the end the host answers honestly, one `sync` passes,
and the store must be the truth.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import singledispatchmethod
from typing import Any, Final
from uuid import UUID

import attrs

from tests.core.driving import ERROR, GONE, WALL, Driver
from tests.core.lifecheck import Walk, places_of
from virtinformer._core.messages import (
    Cancel,
    Connect,
    Connected,
    ConnectFailed,
    Disconnected,
    Effect,
    EventReceived,
    Gone,
    Input,
    List,
    Listed,
    ListFailed,
    Observed,
    Read,
    ReadFailed,
    Reject,
    Require,
    Resolve,
    Start,
    Subscribe,
    Subscribed,
    Tick,
)
from virtinformer._core.model import (
    CONTENT,
    Added,
    Change,
    Deleted,
    Domain,
    DomainEvent,
    Observation,
    Updated,
)
from virtinformer._core.reflector import Phase
from virtinformer._core.vocabulary import DomainState, event_words, reason_of

from .reader import Reader

__all__ = [
    "Answer",
    "Come",
    "Drop",
    "End",
    "Heard",
    "Leave",
    "Look",
    "Mark",
    "Pass",
    "Scene",
    "Wait",
    "decode",
    "run",
]

STEPS: Final = 80
PERIOD: Final = 60.0
UUIDS: Final = tuple(UUID(int=n) for n in (1, 2, 3))
NAMES: Final = ("n", "m", "\ud800\n")
XMLS: Final = ("<domain/>", "", "\x00<", "<domain id='7'>", "&a;")


@attrs.frozen
class Look:
    """What a read sees."""

    state: int = 5
    reason: int = 0
    id: int = -1
    name: int = 0
    persistent: bool = True
    autostart: bool = False
    xml: int = 0
    config: int | None = 0
    settled: bool = True

    def seen(self) -> Observation:
        state = DomainState(self.state)
        return Observation(
            name=NAMES[self.name],
            id=self.id,
            state=state,
            reason=reason_of(state, self.reason),
            persistent=self.persistent,
            autostart=self.autostart,
            xml=XMLS[self.xml],
            config_xml=None if self.config is None else XMLS[self.config],
            settled=self.settled,
        )


@attrs.frozen
class Heard:
    """An event."""

    domain: int
    type: int
    detail: int = 0
    id: int = -1
    kind: int = 0
    name: int = 0
    epoch: int = 0


@attrs.frozen
class Mark:
    """A read, or a list, begins."""


@attrs.frozen
class Answer:
    """A read ends that began at a mark: with a look, or ``"gone"`` or ``"refused"``."""

    domain: int
    result: Look | str
    mark: int = 0
    listed: bool = False
    epoch: int = 0


@attrs.frozen
class End:
    """A list that began at a mark ends and has named some domains, or (``None``) fails."""

    present: tuple[int, ...] | None
    mark: int = 0
    epoch: int = 0


@attrs.frozen
class Come:
    """A connection is there: opened, or subscribed to."""

    subscribed: bool = False
    epoch: int = 0


@attrs.frozen
class Drop:
    """A connection breaks, or could not be opened."""

    opened: bool = True
    epoch: int = 0


@attrs.frozen
class Wait:
    """Somebody waits for a domain, or (``None``) for the whole host."""

    domain: int | None


@attrs.frozen
class Leave:
    """The last who waits does not any more."""


@attrs.frozen
class Pass:
    """Time passes; with 0 as far as the reflector wants."""

    seconds: float = 0.0


Op = Heard | Mark | Answer | End | Come | Drop | Wait | Leave | Pass


@attrs.frozen
class Scene:
    """How it begins: live with some domains, or (``None``) not even started."""

    known: tuple[Look, ...] | None = ()


# ---------------------------------------------------------------------- reading


def decode(data: bytes) -> list[Scene | Op]:
    """A beginning, and what comes then."""
    reader = Reader(data)
    ops: list[Scene | Op] = [_scene(reader)]
    while reader.more and len(ops) <= STEPS:
        ops.append(_op(reader))
    return ops


def _scene(reader: Reader) -> Scene:
    count = reader.below(5)
    return Scene(tuple(_look(reader) for _ in range(count)) if count < 4 else None)


def _look(reader: Reader) -> Look:
    state = reader.below(8) if reader.byte() < 0xE0 else reader.number()
    bits = reader.byte()
    return Look(
        state=state,
        reason=reader.number(),
        id=reader.pick((-1, -1, 1, 2, 3)),
        name=bits & 3 if bits & 3 < 3 else 0,
        persistent=not bits & 4,
        autostart=bool(bits & 8),
        xml=reader.below(len(XMLS)),
        config=None if bits & 16 else reader.below(len(XMLS)),
        settled=bits < 0xE0,
    )


def _epoch(reader: Reader) -> int:
    """Nearly always this one."""
    return {254: -1, 255: 1}.get(reader.byte(), 0)


def _op(reader: Reader) -> Op:
    choice = reader.below(16)
    if choice < 5:
        return _heard(reader)
    if choice < 7:
        return Mark()
    if choice < 11:
        result = reader.pick(("look", "look", "look", "gone", "refused"))
        look = _look(reader) if result == "look" else result
        return Answer(reader.below(3), look, reader.below(8), reader.below(8) == 7, _epoch(reader))
    return _rarer(choice, reader)


def _heard(reader: Reader) -> Heard:
    domain, known = reader.below(3), reader.below(8)
    type_ = reader.below(9) if known else reader.number()
    kind = reader.number() if known > 6 else 0
    id_ = reader.pick((-1, -1, 1, 2, 3))
    return Heard(domain, type_, reader.number(), id_, kind, reader.below(3), _epoch(reader))


def _rarer(choice: int, reader: Reader) -> Op:
    if choice == 11:
        bits = reader.byte()
        named = tuple(bit for bit in range(3) if bits >> bit & 1)
        return End(named if bits < 0xC0 else None, reader.below(8), _epoch(reader))
    if choice == 12:
        return Come(reader.flag(), _epoch(reader))
    if choice == 13:
        return Drop(reader.flag(), _epoch(reader))
    if choice == 14:
        whom = reader.pick((None, 0, 1, 2, "nobody"))
        return Leave() if isinstance(whom, str) else Wait(whom)
    return Pass(reader.pick((0.0, 0.0, 0.001, 0.06, 0.11, 1.0, 11.0, 61.0)))


def run(ops: Iterable[Scene | Op]) -> None:
    """Feed it all to a reflector, and judge after each."""
    ops = iter(ops)
    scene = next(ops)
    assert isinstance(scene, Scene)
    judge = Judge(scene)
    for op in ops:
        judge.do(op)
    judge.be_honest()


# ---------------------------------------------------------------------- judging


class Judge:
    """Drives a reflector, and believes nothing that it tells."""

    def __init__(self, scene: Scene) -> None:
        self.driver = Driver(period=PERIOD)
        self.version = 0
        self.view: dict[UUID, Domain] = {}
        self.walks: dict[UUID, Walk] = {}
        self.came: dict[int, EventReceived] = {}
        self.gone: set[UUID] = set()
        self.truth: dict[UUID, Observation] = {}
        self.marks: list[int] = []
        self.asked: set[UUID] = set()
        self.tokens: set[int] = {0}
        self.token = 0
        self.first = True
        self.ended_last: UUID | None = None
        self.honest = False
        self.wanted: list[Effect] = []
        if scene.known is not None:
            self._begin(scene.known)

    def _begin(self, known: tuple[Look, ...]) -> None:
        epoch = self.driver.epoch
        self.receive(Start())
        self.receive(Connected(epoch))
        self.receive(Subscribed(epoch))
        began = self.driver.stamp()
        for uuid, look in zip(UUIDS, known, strict=False):
            self._answer(uuid, attrs.evolve(look.seen(), settled=True), began, listed=True)
        self.receive(Listed(epoch, began, frozenset(UUIDS[: len(known)])))

    # ------------------------------------------------------------------ what comes

    def receive(self, input_: Input) -> None:
        if not isinstance(input_, Start | Require | Cancel):
            self._note(input_)
        driver = self.driver
        epoch = driver.epoch
        effects = driver.receive(input_)
        if driver.epoch != epoch:
            self.asked.clear()
            self.wanted.clear()
        for effect in effects:
            self._effect(effect)
        driver.forget()
        self._check()

    def _note(self, input_: Any) -> None:
        """Remember what the reflector may believe from now on."""
        subscribed = self.driver.phase in (Phase.SUBSCRIBING, Phase.LISTING, Phase.LIVE)
        if getattr(input_, "epoch", None) != self.driver.epoch or not subscribed:
            return
        if isinstance(input_, EventReceived):
            self.came[input_.stamp] = input_
        if isinstance(input_, Observed):
            if not input_.listed:
                self.asked.discard(input_.uuid)
            if isinstance(input_.result, Gone):
                self.gone.add(input_.uuid)

    @singledispatchmethod
    def do(self, op: object) -> None:
        raise TypeError(op)

    @do.register
    def _(self, op: Heard) -> None:
        driver = self.driver
        uuid = UUIDS[op.domain]
        event = driver.make_event(uuid, op.type, op.detail, op.id, NAMES[op.name], op.kind)
        self.receive(attrs.evolve(event, epoch=driver.epoch + op.epoch))

    @do.register
    def _(self, op: Mark) -> None:
        self.marks.append(self.driver.stamp())

    @do.register
    def _(self, op: Answer) -> None:
        result: Observation | Gone | ReadFailed
        match op.result:
            case Look() as look:
                result = look.seen()
            case "gone":
                result = GONE
            case _:
                result = ReadFailed(ERROR)
        self._answer(UUIDS[op.domain], result, self._mark(op.mark), op.listed, op.epoch)

    def _answer(
        self,
        uuid: UUID,
        result: Observation | Gone | ReadFailed,
        began: int,
        listed: bool = False,
        epoch: int = 0,
    ) -> None:
        ended = self.driver.stamp()
        number = self.driver.epoch + epoch
        self.receive(Observed(number, uuid, began, ended, WALL + ended, result, listed))
        if isinstance(result, Observation):
            self.truth[uuid] = result
        elif isinstance(result, Gone):
            self.truth.pop(uuid, None)

    def _mark(self, back: int) -> int:
        """A stamp at which something began: the newest but so many; a new one if there is none."""
        if back >= len(self.marks):
            return self.driver.stamp()
        return self.marks[-1 - back]

    @do.register
    def _(self, op: End) -> None:
        epoch = self.driver.epoch + op.epoch
        if op.present is None:
            self.receive(ListFailed(epoch, ERROR))
        else:
            present = frozenset(UUIDS[index] for index in op.present)
            self.receive(Listed(epoch, self._mark(op.mark), present))

    @do.register
    def _(self, op: Come) -> None:
        if self.driver.phase is Phase.DISCONNECTED and not self.wanted:
            self.receive(Start())
        epoch = self.driver.epoch + op.epoch
        self.receive(Subscribed(epoch) if op.subscribed else Connected(epoch))

    @do.register
    def _(self, op: Drop) -> None:
        epoch = self.driver.epoch + op.epoch
        self.receive(Disconnected(epoch, ERROR) if op.opened else ConnectFailed(epoch, ERROR))

    @do.register
    def _(self, op: Wait) -> None:
        self.token += 1
        self.tokens.add(self.token)
        uuid = None if op.domain is None else UUIDS[op.domain]
        self.receive(Require(self.token, self.driver.stamp(), uuid))

    @do.register
    def _(self, op: Leave) -> None:
        if self.token:
            self.tokens.discard(self.token)
            self.receive(Cancel(self.token))

    @do.register
    def _(self, op: Pass) -> None:
        deadline = self.driver.reflector.deadline
        if op.seconds:
            self.driver.now += op.seconds
        elif deadline is not None:
            self.driver.now = max(self.driver.now, deadline)
        self.receive(Tick())

    # ------------------------------------------------------------------ what it tells

    def _effect(self, effect: Any) -> None:
        if isinstance(effect, Read):
            assert effect.uuid not in self.asked, "two reads of one domain"
            self.asked.add(effect.uuid)
        if isinstance(effect, Resolve | Reject):
            assert effect.token in self.tokens, "told twice, or nobody asked"
            self.tokens.discard(effect.token)
            self.first = self.first and effect.token != 0
        elif isinstance(effect, Read | List | Connect | Subscribe):
            self.wanted.append(effect)
        elif hasattr(effect, "change"):
            self._change(effect.change)

    def _change(self, change: Change) -> None:
        versions = [event.resource_version for event in change.events]
        assert versions == sorted(set(versions))
        assert all(self.version < version <= change.resource_version for version in versions)
        assert self.version < change.resource_version
        self.version = change.resource_version
        self._delta(change)
        for event in change.events:
            assert change.delta is None or event.domain is change.delta.domain
            self._event(event)
        if self.first and isinstance(change.delta, Added):
            self._begin_in_the_middle(change.delta.domain)
        deleted = isinstance(change.delta, Deleted)
        self.ended_last = change.delta.domain.uuid if deleted and change.delta else None

    def _begin_in_the_middle(self, domain: Domain) -> None:
        """As in `tests.core.test_machine`."""
        places = places_of(domain)
        if self.ended_last == domain.uuid:
            places |= self.walks[domain.uuid].places
        self.walks[domain.uuid] = Walk(places)

    def _delta(self, change: Change) -> None:
        delta = change.delta
        if delta is None:
            assert change.events
            assert all(event.domain_id not in self.view for event in change.events)
            return
        uuid = delta.domain.uuid
        assert delta.resource_version == delta.domain.resource_version == self.version
        match delta:
            case Added(domain=domain):
                assert uuid not in self.view
                assert domain.incarnation == self.version
                assert domain.generation == 1
            case Updated(old=old, domain=domain):
                assert self.view[uuid] is old
                assert domain.incarnation == old.incarnation
                grown = domain.generation - old.generation
                assert grown == (domain.config_xml != old.config_xml)
                assert delta.changed or delta.events
            case Deleted(domain=domain):
                assert attrs.evolve(self.view.pop(uuid), resource_version=self.version) == domain
                assert uuid in self.gone, "deleted, and no look-up said so"
                self.gone.discard(uuid)
                return
        self.view[uuid] = domain

    def _event(self, event: DomainEvent) -> None:
        self.walks.setdefault(event.domain_id, Walk()).step(event)
        if event.inferred:
            assert event.reason == ""
            assert not event.details
            return
        # Each time is of one event alone; `pop`: it is told once.
        came = self.came.pop(round(event.timestamp.timestamp() - WALL), None)
        assert came is not None, f"{event} never came, or was told before"
        assert (event.type, event.reason) == event_words(came.kind, came.type, came.detail)
        assert (event.domain_id, event.domain_name) == (came.uuid, came.name)

    def _check(self) -> None:
        driver = self.driver
        snapshot = driver.store.snapshot()
        assert dict(snapshot) == self.view
        assert snapshot.resource_version == self.version
        deadline = driver.reflector.deadline
        assert deadline is None or deadline > driver.now
        assert driver.reflector._tracker.outstanding >= 0
        for record in driver.reflector._tracker._records.values():
            newer = record.not_answered_by(record.began)
            for item in record.answered_by(record.began):
                assert newer or item.deadline > driver.now, "held too long"
                assert item.event.is_lifecycle, "news were held"

    # ------------------------------------------------------------------ the end

    def be_honest(self) -> None:
        """Let the host be honest until a `sync` passes, and what it told was seen to."""
        self.honest = True
        self.truth = {uuid: attrs.evolve(seen, settled=True) for uuid, seen in self.truth.items()}
        self._connect_anew()
        self.do(Wait(None))
        token = self.token
        self._settle(lambda: token not in self.tokens)
        self._check_truth()
        # What is held back, or may still be explained, is not for longer than the window.
        until = self.driver.now + 1.0
        self._settle(lambda: self.driver.now >= until)
        self._check_truth()
        for record in self.driver.reflector._tracker._records.values():
            assert record.idle, record
            walk = self.walks.get(record.uuid, Walk())
            assert walk.agrees(self.truth.get(record.uuid)), record

    def _connect_anew(self) -> None:
        """Nobody can be honest on a connection on which lies were told as late as now."""
        if self.driver.phase is Phase.DISCONNECTED and self.driver.epoch == 1:
            self.receive(Start())
        self.receive(Disconnected(self.driver.epoch, ERROR))

    def _settle(self, done: Any) -> None:
        for _ in range(300):
            while self.wanted:
                self._serve(self.wanted.pop(0))
            if done():
                return
            deadline = self.driver.reflector.deadline
            step = self.driver.now + 0.5
            self.driver.now = step if deadline is None else min(step, max(deadline, 0.0))
            self.receive(Tick())
        raise AssertionError("the core is never at rest")

    def _serve(self, effect: Any) -> None:
        epoch = self.driver.epoch
        if effect.epoch != epoch:
            return
        match effect:
            case Connect():
                self.receive(Connected(epoch))
            case Subscribe():
                self.receive(Subscribed(epoch))
            case Read(uuid=uuid):
                self._honestly(uuid, self.driver.stamp(), listed=False)
            case List(only=only):
                began = self.driver.stamp()
                for uuid in sorted(self.truth.keys() if only is None else only & self.truth.keys()):
                    self._honestly(uuid, began, listed=True)
                self.receive(Listed(epoch, began, frozenset(self.truth)))

    def _honestly(self, uuid: UUID, began: int, *, listed: bool) -> None:
        self._answer(uuid, self.truth.get(uuid, GONE), began, listed)

    def _check_truth(self) -> None:
        assert self.view.keys() == self.truth.keys()
        for uuid, truth in self.truth.items():
            for name in CONTENT:
                assert getattr(self.view[uuid], name) == getattr(truth, name), name

"""G5 Life cycle in order: the events of a domain are a walk in the documented life cycle.

Read from what subscribers to events were given; the map of the life cycle is
https://wiki.libvirt.org/VM_lifecycle.html. Where the history knows the source: each event that
is not marked as inferred is one that libvirt sent. In made-up time: none is held too long.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import virtinformer as vi
from tests.guarantees.contract.evidence import given_to, utc, views
from tests.guarantees.history import (
    AtRest,
    History,
    Item,
    Line,
    Subscribed,
    Told,
    Violation,
)
from virtinformer._core.messages import EventReceived, Observed
from virtinformer._core.model import Observation
from virtinformer._core.vocabulary import event_words

__all__ = ["Walk", "life_cycle", "place_of"]

Place = tuple[str, bool | None]
"""What a domain does (``"off"``, ``"running"``, …), and whether it is persistent, if known."""

ALIVE: Final = ("starting", "running", "paused", "asleep", "stopping", "crashed")

MOVES: Final[Mapping[str, Mapping[str, str]]] = {
    "Started": {"off": "starting", "asleep": "running"},
    "Resumed": dict.fromkeys(("starting", "running", "paused", "asleep", "stopping"), "running"),
    "Suspended": dict.fromkeys(("starting", "running", "paused", "stopping"), "paused"),
    "PMSuspended": dict.fromkeys(("starting", "running"), "asleep"),
    "Shutdown": dict.fromkeys(("starting", "running", "paused", "asleep", "crashed"), "stopping"),
    "Crashed": dict.fromkeys(("starting", "running", "paused", "stopping"), "crashed"),
    "Stopped": dict.fromkeys(ALIVE, "off"),
}
"""Event → from → to."""

PLACES: Final = {
    vi.DomainState.RUNNING: "running",
    vi.DomainState.BLOCKED: "running",
    vi.DomainState.PAUSED: "paused",
    vi.DomainState.SHUTDOWN: "stopping",
    vi.DomainState.SHUTOFF: "off",
    vi.DomainState.CRASHED: "crashed",
    vi.DomainState.PMSUSPENDED: "asleep",
}

UNKNOWN: Final = "in an unknown state"

NOWHERE: Final[Place] = ("off", False)


def life_cycle(history: History) -> None:
    """Check G5."""
    sent = _sent(history)
    for subscribed, fact in history.subscriptions("events", "handler"):
        given = [
            (line, item)
            for line, item in given_to(history, subscribed.who)
            if isinstance(item, vi.DomainEvent)
        ]
        if any(True for _ in history.of(Told)):
            _none_is_made_up(sent, given)
        if fact.kind == "events" and fact.where is None:
            walks = _walk(history, fact, given)
            _ends_at_the_truth(history, subscribed, walks)
    if history.virtual:
        _none_is_held_too_long(history)


def place_of(domain: Any) -> Place:
    """Where a domain is that is seen so; of ``None``, nowhere."""
    if domain is None:
        return NOWHERE
    if domain.reason is vi.PausedReason.STARTING_UP:
        # QEMU, while libvirt starts it: its Started may be to come, or told already.
        return (UNKNOWN, domain.persistent)
    # A state of a newer libvirt: no walk leads to it, and any step leads on from it.
    return (PLACES.get(domain.state, UNKNOWN), domain.persistent)


class Walk:
    """Follows the life-cycle events of one domain from where it was."""

    def __init__(self, place: Place, start: Line) -> None:
        self._place = place
        self._begun = False
        self.lines = [start]

    def step(self, line: Line, event: vi.DomainEvent) -> None:
        """Take a step, if it can be taken from here."""
        self.lines.append(line)
        after = _after(self._place, event.type)
        if after is None and not self._begun:
            # What was stored for somebody who could not wait, its events tell afterwards.
            after = _after((UNKNOWN, None), event.type)
        self._begun = self._begun or after != self._place
        if after is None:
            text = f"{event.domain_name} cannot be {event.type}: it is {self._place}"
            raise Violation("G5", text, *self.lines[:1], *self.lines[-6:])
        self._place = after

    @property
    def place(self) -> Place:
        """Where the steps have led. One that was started and no more is running."""
        return _settled(self._place)


def _after(place: Place, type_: str) -> Place | None:
    run, persistent = place
    if type_ == "Defined":
        return (run, True)
    if type_ == "Undefined":
        return None if persistent is False else (run, False)
    if type_ not in MOVES:
        return place
    to = next(iter(MOVES[type_].values())) if run == UNKNOWN else MOVES[type_].get(run)
    return None if to is None else (to, persistent)


Given = list[tuple[Line, vi.DomainEvent]]


def _walk(history: History, fact: Subscribed, given: Given) -> dict[UUID, Walk]:
    """The walks of one subscriber; none if it is not known where they began."""
    start = _begin(history, fact)
    if start is None:
        return {}
    line, known = start
    walks = {uuid: Walk(place_of(domain), line) for uuid, domain in known.items()}
    for at, event in given:
        walks.setdefault(event.domain_id, Walk(NOWHERE, line)).step(at, event)
    return walks


def _begin(history: History, fact: Subscribed) -> tuple[Line, vi.Snapshot] | None:
    """What the subscriber knew: the store at the version after which it wants everything."""
    version = fact.view.resource_version if fact.since is None else fact.since
    for line, view in views(history):
        if view.resource_version == version:
            return line, view
    return None


def _ends_at_the_truth(history: History, subscribed: Line, walks: dict[UUID, Walk]) -> None:
    """At rest the steps have led to where the domain is."""
    last = history.by(subscribed.who)[-1]
    for line, rest in history.of(AtRest):
        fact = last.fact
        if last.number < line.number or not getattr(fact, "drained", False):
            continue  # it left before, or did not read to the end
        for uuid, walk in walks.items():
            if not _agree(walk.place, place_of(rest.view.get(uuid))):
                text = f"the events lead to {walk.place}, and it is at another place"
                raise Violation("G5", text, *walk.lines[:1], *walk.lines[-6:], line)


def _agree(told: Place, seen: Place) -> bool:
    return UNKNOWN in (told[0], seen[0]) or told in (seen, (seen[0], None))


# ---------------------------------------------------------------------- what was sent

_Key = tuple[UUID, datetime, str, str]


def _sent(history: History) -> Counter[_Key]:
    sent: Counter[_Key] = Counter()
    for _, event in history.told(EventReceived):
        sent[_key_of(event)] += 1
    return sent


def _key_of(event: EventReceived) -> _Key:
    return (event.uuid, utc(event.time), *event_words(event.kind, event.type, event.detail))


def _none_is_made_up(sent: Counter[_Key], given: Iterable[tuple[Line, Item]]) -> None:
    """Each event that is not marked as inferred was sent, and is given once."""
    left = sent.copy()
    for line, event in given:
        assert isinstance(event, vi.DomainEvent)
        key = (event.domain_id, event.timestamp, event.type, event.reason)
        if event.inferred:
            continue
        if not left[key]:
            raise Violation("G5", f"{event.type} was never sent, or is given twice", line)
        left[key] -= 1


# ---------------------------------------------------------------------- how long it took

SLACK: Final = 1e-3
"""Seconds: made-up time stands still while somebody works."""


def _none_is_held_too_long(history: History) -> None:
    """An event is held for the window at most, once it can be told; one in order not at all."""
    received = _Received(history)
    for subscribed, fact in history.subscriptions("events"):
        if not fact.prompt:
            continue
        last: dict[UUID, Line] = {}
        walks = _places(history, fact)
        for line, item in given_to(history, subscribed.who):
            assert isinstance(item, vi.DomainEvent)
            uuid = item.domain_id
            if line.time > subscribed.time + SLACK:  # what came earlier it asked for just now
                _is_prompt(received, history.options["reorder_window"], line, item)
            if fact.where is None and walks is not None:
                place = walks.get(uuid, NOWHERE)
                _is_not_held(received, place, last.get(uuid, subscribed), line, item)
                walks[uuid] = _after(place, item.type) or place
            last[uuid] = line


def _places(history: History, fact: Subscribed) -> dict[UUID, Place] | None:
    begun = _begin(history, fact)
    return None if begun is None else {u: place_of(d) for u, d in begun[1].items()}


def _is_prompt(received: _Received, window: float, line: Line, event: vi.DomainEvent) -> None:
    raw = received.raw(event)
    if raw is None:
        return
    came, told = raw
    ready = received.ready(told, came.time + window)
    if ready is not None and line.time > max(ready.time, came.time + window) + SLACK:
        held = f"{event.type} was held for {line.time - came.time:.3f} s"
        raise Violation("G5", held, came, ready, line)


def _is_not_held(
    received: _Received, place: Place, before: Line, line: Line, event: vi.DomainEvent
) -> None:
    """One that goes on from what was told when it came is told as soon as it is read."""
    raw = received.raw(event)
    if raw is None or before.number > raw[0].number:
        return  # something was told since: whether it was in order when it came is not known
    came, told = raw
    after = _after(place, event.type)
    answer = received.answer_if_alone(told)
    if answer is None or after is None or _settled(after) != place_of(answer[1].result):
        return
    if line.time > answer[0].time + SLACK:
        held = f"{event.type} was in order, and was held for {line.time - answer[0].time:.3f} s"
        raise Violation("G5", held, before, came, answer[0], line)


class _Received:
    """The raw events and reads of each domain, as the source told them."""

    def __init__(self, history: History) -> None:
        self._by_key: dict[_Key, list[tuple[Line, EventReceived]]] = {}
        self._events: dict[UUID, list[tuple[Line, EventReceived]]] = {}
        self._reads: dict[UUID, list[tuple[Line, Observed]]] = {}
        for line, event in history.told(EventReceived):
            self._by_key.setdefault(_key_of(event), []).append((line, event))
            self._events.setdefault(event.uuid, []).append((line, event))
        for line, read in history.told(Observed):
            self._reads.setdefault(read.uuid, []).append((line, read))

    def raw(self, event: vi.DomainEvent) -> tuple[Line, EventReceived] | None:
        """The raw event that this is, if there is but one that it can be."""
        key = (event.domain_id, event.timestamp, event.type, event.reason)
        found = self._by_key.get(key, [])
        return found[0] if len(found) == 1 and not event.inferred else None

    def ready(self, event: EventReceived, due: float) -> Line | None:
        """When a read was in hand, at or after `due`, that answers for an event."""
        last: tuple[Line, Observed] | None = None
        for line, read in self._answers(event):
            if line.time >= due and (last is None or self._overtaken(last, due)):
                return line
            if line.time < due:
                last = line, read
        return last[0] if last is not None and not self._overtaken(last, due) else None

    def answer_if_alone(self, event: EventReceived) -> tuple[Line, Observed] | None:
        """The first read after an event, if it answers for no other one."""
        answer = next(self._answers(event), None)
        if answer is None or not getattr(answer[1].result, "settled", False):
            return None
        reads = self._reads[event.uuid]
        newest = max((r.began for _, r in reads if r.began <= event.stamp), default=0)
        others = [other for _, other in self._events[event.uuid] if other.stamp > newest]
        return answer if min(other.stamp for other in others) == event.stamp else None

    def _answers(self, event: EventReceived) -> Iterator[tuple[Line, Observed]]:
        """The reads that began after an event, and that nothing had overtaken."""
        newest = 0
        for line, read in self._reads.get(event.uuid, ()):
            known = isinstance(read.result, Observation) and read.began > newest
            after = read.epoch == event.epoch and read.began > event.stamp
            if known and after and not self._is_late(line, read):
                yield line, read
            newest = max(newest, read.ended)

    def _is_late(self, line: Line, read: Observed) -> bool:
        return any(
            other.stamp > read.began and told.number < line.number
            for told, other in self._events[read.uuid]
        )

    def _overtaken(self, read: tuple[Line, Observed], due: float) -> bool:
        return any(
            other.stamp > read[1].began and told.time <= due
            for told, other in self._events[read[1].uuid]
        )


def _settled(place: Place) -> Place:
    run, persistent = place
    return ("running" if run == "starting" else run, persistent)

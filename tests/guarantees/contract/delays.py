"""How long an event is held, of which G5 speaks too: in made-up time, where nothing else takes any.

An event that can be told is held for its predecessor for the window at most, and one that
goes on from what was told when it came is not held at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from uuid import UUID

import virtinformer as vi
from tests.guarantees.contract.evidence import EventKey, given_to, key_of
from tests.guarantees.contract.lifemap import Place, place_of, settled, step
from tests.guarantees.contract.starts import Starts
from tests.guarantees.history import (
    Asked,
    History,
    Line,
    Violation,
)
from virtinformer._core.messages import Disconnect, Disconnected, EventReceived, Observed
from virtinformer._core.model import Observation

__all__ = ["none_is_held_too_long"]

SLACK: Final = 1e-3
"""Seconds: made-up time stands still while somebody works."""


def none_is_held_too_long(history: History) -> None:
    """An event is held for the window at most, once it can be told; one in order not at all."""
    received = _Received(history)
    for subscribed, fact in history.subscriptions("events"):
        if not fact.prompt:
            continue
        last: dict[UUID, Line] = {}
        walks: dict[UUID, Place] = {}
        starts = Starts.of(history, fact)
        for line, item in given_to(history, subscribed.who):
            assert isinstance(item, vi.DomainEvent)
            uuid = item.domain_id
            if line.time > subscribed.time + SLACK:  # what came earlier it asked for just now
                _is_prompt(received, history.options["reorder_window"], line, item)
            if fact.where is None and starts is not None:
                place = walks.get(uuid, starts.place(uuid))
                _is_not_held(received, place, last.get(uuid, subscribed), line, item)
                walks[uuid] = step(place, item.type) or place
            last[uuid] = line


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
    after = step(place, event.type)
    answer = received.answer_if_alone(told)
    if answer is None or after is None or settled(after) != place_of(answer[1].result):
        return
    if line.time > answer[0].time + SLACK:
        held = f"{event.type} was in order, and was held for {line.time - answer[0].time:.3f} s"
        raise Violation("G5", held, before, came, answer[0], line)


def _over(history: History) -> dict[int, int]:
    """Connection → the line from which on nothing that it says counts."""
    over: dict[int, int] = {}
    for line, told in history.told(Disconnected):
        over.setdefault(told.epoch, line.number)
    for line, asked in history.of(Asked):
        if isinstance(asked.request, Disconnect):
            over.setdefault(asked.request.epoch, line.number)
    return over


class _Received:
    """The raw events and reads of each domain, as the source told them."""

    def __init__(self, history: History) -> None:
        self._by_key: dict[EventKey, list[tuple[Line, EventReceived]]] = {}
        self._events: dict[UUID, list[tuple[Line, EventReceived]]] = {}
        self._reads: dict[UUID, list[tuple[Line, Observed]]] = {}
        for line, event in history.told(EventReceived):
            self._by_key.setdefault(key_of(event), []).append((line, event))
            self._events.setdefault(event.uuid, []).append((line, event))
        over = _over(history)
        for line, read in history.told(Observed):
            if line.number < over.get(read.epoch, line.number + 1):
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

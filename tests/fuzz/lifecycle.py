"""Events in any order and with any detail, at any position, against `arrange`.

What came is told, held or superseded, each event once. What is told is a walk in
the eyes of `tests.core.lifecheck`, which shares nothing with the code. What is in
order does not wait; what is held still may; what is inferred is the shortest way
there is by lifecheck's table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final
from uuid import UUID

import attrs

from tests.core.lifecheck import ALIVE, MOVES, NOWHERE, Place, Walk
from virtinformer._core.lifecycle import Arrangement, Step, Waiting, arrange
from virtinformer._core.messages import EventReceived
from virtinformer._core.position import Position, Run
from virtinformer._core.vocabulary import EventKind, LifecycleType, event_words

from .reader import Reader

__all__ = ["At", "Came", "Case", "decode", "run"]

NOW: Final = 100.0

RUNS: Final = (*(run.value for run in Run), None)
SEEN: Final = tuple(run for run in RUNS if run != "started")
"""Nobody can see that a domain was started and not whether it runs."""

WORDS: Final[dict[Run | None, tuple[str, ...]]] = {
    Run.OFF: ("off",),
    Run.STARTED: ("starting",),
    Run.RUNNING: ("running",),
    Run.PAUSED: ("paused",),
    Run.PMSUSPENDED: ("asleep",),
    Run.STOPPING: ("stopping",),
    Run.CRASHED: ("crashed",),
    None: ("off", *ALIVE),
}
"""The same in the words of lifecheck."""


@attrs.frozen
class Came:
    """An event; `patience` is how many seconds it can still be held."""

    type: int
    detail: int = 0
    id: int = -1
    kind: int = 0
    patience: float = 0.1


@attrs.frozen
class At:
    """A position, in words that can be typed."""

    run: str | None
    persistent: bool
    id: int = -1

    @property
    def position(self) -> Position:
        return Position(None if self.run is None else Run(self.run), self.persistent, self.id)


@attrs.frozen
class Case:
    """What `arrange` is asked."""

    told: At
    seen: At
    conclude: bool
    events: tuple[Came, ...]


def decode(data: bytes) -> list[Case]:
    """One question."""
    reader = Reader(data)
    told = At(reader.pick(RUNS), reader.flag(), reader.pick((-1, 1, 2)))
    seen = At(reader.pick(SEEN), reader.flag(), reader.pick((-1, 1, 2)))
    conclude = reader.flag()
    events: list[Came] = []
    patience = -0.1
    while reader.more and len(events) < 9:
        patience += reader.pick((0.0, 0.0, 0.1, 0.2))
        events.append(_came(reader, patience))
    return [Case(told, seen, conclude, tuple(events))]


def _came(reader: Reader, patience: float) -> Came:
    known = reader.below(8)
    type_ = reader.below(9) if known else reader.number()
    kind = reader.number() if known == 7 else 0
    return Came(type_, reader.number(), reader.pick((-1, 1, 2, 3)), kind, patience)


def run(cases: Iterable[Case]) -> None:
    """Ask, and judge the answer."""
    for case in cases:
        waiting = [
            Waiting(_event(stamp, came), NOW + came.patience)
            for stamp, came in enumerate(case.events)
        ]
        question = _Question(case.told.position, case.seen.position, case.conclude)
        found = question.asked(waiting)
        check(question, waiting, found)
        assert found == question.asked(waiting), "not the same every time"


@attrs.frozen
class _Question:
    told: Position
    seen: Position
    conclude: bool

    def asked(self, waiting: Sequence[Waiting]) -> Arrangement:
        return arrange(self.told, waiting, self.seen, NOW, conclude=self.conclude)


def _event(stamp: int, came: Came) -> EventReceived:
    uuid = UUID(int=1)
    return EventReceived(1, stamp, uuid, "n", came.id, came.kind, came.type, came.detail, 0.0)


def check(case: _Question, waiting: Sequence[Waiting], found: Arrangement) -> None:
    """All that can be said of any answer."""
    _check_nothing_is_lost(waiting, found)
    _check_patience(case, waiting, found)
    _check_walk(case, found)
    _check_promptness(case, waiting, found)
    _check_superseded(case, waiting, found)
    _check_order(case, waiting, found)
    if case.conclude and not found.held:
        assert found.position.agrees(case.seen), f"does not end as seen: {found}"
        again = arrange(found.position, (), case.seen, NOW, conclude=True)
        assert not again.steps, "concluded twice"
    if case.conclude and not waiting:
        _check_shortest(case, found)


def _check_nothing_is_lost(waiting: Sequence[Waiting], found: Arrangement) -> None:
    told = [step.event for step in found.steps if step.event is not None]
    held = [item.event for item in found.held]
    went = Counter(event.stamp for event in (*told, *held, *found.superseded))
    assert went == Counter(item.event.stamp for item in waiting), f"not each once: {found}"


def _check_patience(case: _Question, waiting: Sequence[Waiting], found: Arrangement) -> None:
    for item in found.held:
        assert item.deadline > NOW, "held too long"
        assert item.event.is_lifecycle, "news were held"
    deadlines = {item.event.stamp: item.deadline for item in waiting}
    assert all(deadlines[event.stamp] <= NOW for event in found.superseded), "given up too early"
    expired = any(deadline <= NOW for deadline in deadlines.values())
    inferred = any(step.event is None for step in found.steps)
    assert not inferred or expired or case.conclude, "inferred too early"


def places_of(position: Position) -> frozenset[Place]:
    """Where lifecheck has a domain that is at a position."""
    return frozenset((word, position.persistent) for word in WORDS[position.run])


def words_of(step: Step) -> tuple[str, str]:
    """The type and the reason that a subscriber gets."""
    if step.event is not None:
        return event_words(step.event.kind, step.event.type, step.event.detail)
    assert step.type is not None
    return event_words(EventKind.LIFECYCLE, step.type, 0)[0], ""


def _check_walk(case: _Question, found: Arrangement) -> None:
    walk = Walk(places_of(case.told))
    run_id = case.told.id
    for step in found.steps:
        type_, reason = words_of(step)
        after = walk.after(type_, reason)
        assert after, f"{type_}({reason}) at {walk.places}: {found}"
        run_id = _run_id(step, run_id, walk, case)
        walk.places = after
    assert walk.places & places_of(found.position), f"not where the walk has led: {found}"


def _run_id(step: Step, run_id: int, walk: Walk, case: _Question) -> int:
    """The number of the run after a step; no step may be of another run."""
    match step.type:
        case LifecycleType.STARTED if any(run == "off" for run, _ in walk.places):
            return step.event.id if step.event is not None else -1
        case LifecycleType.STOPPED:
            return -1
        case LifecycleType.STARTED | LifecycleType.DEFINED | LifecycleType.UNDEFINED | None:
            return run_id
    if step.event is not None and 0 <= step.type <= LifecycleType.CRASHED:
        assert run_id < 0 or step.event.id in (-1, run_id), f"{step} is of another run"
    return run_id


def _check_promptness(case: _Question, waiting: Sequence[Waiting], found: Arrangement) -> None:
    """The first event, if it is in order wherever the domain may be, and alone, is told."""
    if len(waiting) != 1 or not found.held:
        return
    event = waiting[0].event
    walk = Walk(places_of(case.told))
    type_, reason = event_words(event.kind, event.type, event.detail)
    other_run = event.id >= 0 <= case.told.id != event.id
    not_defined_yet = type_ == "Started" and NOWHERE in walk.places and case.seen.persistent
    not_begun_anew = NOWHERE in walk.after(type_, reason) and not case.seen.absent
    excused = other_run or not_defined_yet or not_begun_anew
    assert excused or not walk.surely_allows(type_, reason), "held, and in order"


def _check_shortest(case: _Question, found: Arrangement) -> None:
    """With nothing to go by, what is made up is the shortest way by lifecheck's table."""
    if _is_simple(case):
        steps = _shortest(places_of(case.told), _goal(case))
        assert len(found.steps) == steps, f"{steps} would do: {found}"


def _check_superseded(case: _Question, waiting: Sequence[Waiting], found: Arrangement) -> None:
    """An event that is not told is in no story as short as the shortest without it."""
    if len(waiting) != 1 or not found.superseded or waiting[0].event.id >= 0:
        return
    if not _is_simple(case):
        return
    event = found.superseded[0]
    without = _shortest(places_of(case.told), _goal(case))
    for place, steps in _distances(places_of(case.told)).items():
        if after := _after(frozenset({place}), event, case):
            story = steps + _shortest(after, _goal(case))
            assert story > without, f"superseded, and part of a story of {story}: {found}"


def _check_order(case: _Question, waiting: Sequence[Waiting], found: Arrangement) -> None:
    """If the events that came can be told so that they end as seen, they are, and no others."""
    steps = [item.event for item in waiting if item.event.is_lifecycle]
    if not _is_simple(case) or len(steps) > SEARCHED or any(event.id >= 0 for event in steps):
        return
    if _can_end_as_seen(places_of(case.told), steps, case):
        assert not found.held, f"held, and could be told: {found}"
        assert not found.superseded, f"superseded, and could be told: {found}"
        assert all(step.event is not None for step in found.steps), f"inferred: {found}"


SEARCHED: Final = 5
"""Of so many events every order is tried (and by the code, too, as it says)."""


def _can_end_as_seen(
    places: frozenset[Place], events: Sequence[EventReceived], case: _Question
) -> bool:
    if not events:
        # What was seen to be there, in whatever state, has not just ended.
        return bool(places & (_goal(case) - (frozenset() if case.seen.absent else {NOWHERE})))
    return any(
        _can_end_as_seen(after, [*events[:index], *events[index + 1 :]], case)
        for index, event in enumerate(events)
        if (after := _after(places, event, case))
    )


def _after(places: frozenset[Place], event: EventReceived, case: _Question) -> frozenset[Place]:
    """Where an event may lead; what is seen to be persistent must be defined first."""
    type_, reason = event_words(event.kind, event.type, event.detail)
    if type_ == "Started" and case.seen.persistent:
        places -= {NOWHERE}
    return Walk(places).after(type_, reason)


def _is_simple(case: _Question) -> bool:
    """Whether the places alone decide, and not the numbers of the runs as well."""
    ids = (case.told.id, case.seen.id)
    return case.told.run is not None and (min(ids) < 0 or ids[0] == ids[1])


def _goal(case: _Question) -> frozenset[Place]:
    goal = places_of(case.seen)
    return goal | {("starting", case.seen.persistent)} if case.seen.run is Run.RUNNING else goal


def _shortest(start: frozenset[Place], goal: frozenset[Place]) -> int:
    return min(steps for place, steps in _distances(start).items() if place in goal)


@cache
def _distances(start: frozenset[Place]) -> dict[Place, int]:
    """How many steps there are to each place."""
    found = dict.fromkeys(start, 0)
    places, steps = start, 0
    while places:
        steps += 1
        places = frozenset(to for at in places for type_ in TYPES for to in _from(at, type_))
        places -= found.keys()
        found |= dict.fromkeys(places, steps)
    return found


TYPES: Final = (*MOVES, "Defined", "Undefined")


def _from(place: Place, type_: str) -> frozenset[Place]:
    return Walk(frozenset({place})).after(type_, "")

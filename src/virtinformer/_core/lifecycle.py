"""The life cycle of a domain, and how to tell it in order.

libvirt documents a life cycle (https://wiki.libvirt.org/VM_lifecycle.html): a
domain is defined, started, suspended, resumed, stopped, undefined. Its events do
not keep to it: a plain start on QEMU tells RESUMED before STARTED, two threads
of the daemon may swap two events of one domain, and an event may be lost with a
connection. This module turns whatever came into a *walk* through the life cycle.

A domain's `Position` has two coordinates. `run` says what its guest does, and
`persistent` whether it has a configuration that outlives the run. A domain that
neither runs nor is persistent does not exist::

                          run
                          OFF            STARTED … CRASHED
    persistent   False    it is absent   transient
                 True     shut off       running, paused, …

DEFINED and UNDEFINED move along `persistent`, all other events along `run`; the
table `_RUN` holds the second kind. An event is *possible* at a position if the
table has a row for it there.

`arrange` is the whole of it. Given the position last told, the events that wait
and the position that was read from the host, it tells what can be told:

1. An ordering of the waiting events that is a walk, one that ends where the host
   was seen to be if there is such a one, as they arrived if there is a choice.
2. An event that is not possible yet is *held* until its predecessor comes, for
   at most a window of time. Those in order do not wait for it.
3. Past the window, the shortest story that ends where the host was seen to be is
   told. Steps that libvirt never sent are inferred. An event that no shortest
   story needs is a repetition, or one overtaken by its successor (a SHUTDOWN
   that comes after its STOPPED): it is *superseded*, counted and not told.

News that are no steps of the life cycle (a device was added, metadata changed)
are never held; they keep their place among the steps while those are in order.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, product
from typing import Final

import attrs

from .messages import EventReceived
from .model import Domain, Observation
from .vocabulary import DomainState, LifecycleType, PausedReason

__all__ = [
    "ABSENT",
    "Arrangement",
    "Position",
    "Run",
    "Step",
    "Waiting",
    "arrange",
    "led_to",
    "position_of",
]


class Run(enum.Enum):
    """What the guest of a domain does, as far as the events told."""

    OFF = "off"
    STARTED = "started"
    """Started; whether it runs or is paused was not told yet, or never will be."""
    RUNNING = "running"
    PAUSED = "paused"
    PMSUSPENDED = "pmsuspended"
    STOPPING = "stopping"
    CRASHED = "crashed"


@attrs.frozen
class Position:
    """Where in its life cycle a domain is.

    Attributes:
        run: ``None`` where the host names a state that this release does not
            know, or one on the way: it agrees with everything, and every step
            is possible from it.
        persistent: whether it has a configuration.
        id: libvirt's number of the run, -1 if it is off or the number is not known.
    """

    run: Run | None
    persistent: bool
    id: int = -1

    @property
    def absent(self) -> bool:
        """Whether there is no such domain."""
        return self.run is Run.OFF and not self.persistent

    def explains(self, told: Position) -> bool:
        """Whether this, read from the host, is where a walk to `told` has led."""
        return told.agrees(self)

    def agrees(self, seen: Position) -> bool:
        """Whether `seen`, read from the host, is where this walk has led."""
        return (
            self.persistent == seen.persistent
            and _ids_agree(self.id, seen.id)
            and (seen.run is None or self.run is seen.run or (self.run, seen.run) in _ALIKE)
        )


ABSENT: Final = Position(Run.OFF, persistent=False)

_RESTING: Final = {
    (run, persistent): Position(run, persistent)
    for run, persistent in product((None, *Run), (False, True))
}
"""Thousands of domains are off: they share their positions."""

_ALIKE: Final = {(Run.STARTED, Run.RUNNING)}
"""Told and seen that agree: the test driver tells of a start by STARTED alone."""

_ACTIVE: Final = frozenset(Run) - {Run.OFF}

_RUN: Final[dict[LifecycleType, tuple[frozenset[Run], Run]]] = {
    LifecycleType.STARTED: (frozenset({Run.OFF}), Run.STARTED),
    # From STOPPING: a reboot by QEMU's -no-shutdown is SHUTDOWN, then RESUMED.
    LifecycleType.RESUMED: (
        frozenset({Run.STARTED, Run.PAUSED, Run.PMSUSPENDED, Run.STOPPING}),
        Run.RUNNING,
    ),
    LifecycleType.SUSPENDED: (
        frozenset({Run.STARTED, Run.RUNNING, Run.STOPPING}),
        Run.PAUSED,
    ),
    LifecycleType.PMSUSPENDED: (frozenset({Run.STARTED, Run.RUNNING}), Run.PMSUSPENDED),
    LifecycleType.SHUTDOWN: (
        frozenset({Run.STARTED, Run.RUNNING, Run.PAUSED, Run.PMSUSPENDED, Run.CRASHED}),
        Run.STOPPING,
    ),
    LifecycleType.CRASHED: (
        frozenset({Run.STARTED, Run.RUNNING, Run.PAUSED, Run.STOPPING}),
        Run.CRASHED,
    ),
    LifecycleType.STOPPED: (_ACTIVE, Run.OFF),
}
"""Life-cycle type → where it is possible, where it leads."""

_WAKEUP: Final = 4
"""``VIR_DOMAIN_EVENT_STARTED_WAKEUP``: the guest goes on from a suspend of its own."""

_CHANGES_OF_REASON: Final = {
    LifecycleType.RESUMED: Run.RUNNING,
    LifecycleType.SUSPENDED: Run.PAUSED,
}
"""Steps on the spot: with another detail than 0 these tell a new reason (post-copy, migrated)."""

_BEGINNINGS: Final = frozenset({LifecycleType.DEFINED, LifecycleType.STARTED})
"""With these a domain that was absent is there."""

_STATES: Final = {
    DomainState.RUNNING: Run.RUNNING,
    DomainState.BLOCKED: Run.RUNNING,
    DomainState.PAUSED: Run.PAUSED,
    DomainState.SHUTDOWN: Run.STOPPING,
    DomainState.SHUTOFF: Run.OFF,
    DomainState.CRASHED: Run.CRASHED,
    DomainState.PMSUSPENDED: Run.PMSUSPENDED,
}

_SEARCHED: Final = 5
"""Up to so many waiting events all orderings are searched; of more, the first possible is first."""


@attrs.frozen
class Waiting:
    """An event, and until when it may be held for its predecessor (seconds, monotonic)."""

    event: EventReceived
    deadline: float


@attrs.frozen
class Step:
    """One thing to tell: an event that came, or (`event` is ``None``) one inferred.

    Attributes:
        type: the step of the life cycle; ``None`` for other news.
    """

    event: EventReceived | None
    type: LifecycleType | None


@attrs.frozen
class Arrangement:
    """What `arrange` found.

    Attributes:
        steps: to be told now, in this order.
        position: where they lead.
        held: still waiting for a predecessor.
        superseded: not to be told at all.
    """

    steps: tuple[Step, ...]
    position: Position
    held: tuple[Waiting, ...]
    superseded: tuple[EventReceived, ...]


def position_of(seen: Observation | Domain | None) -> Position:
    """The position that a state tells; ``None`` stands for a domain that is gone."""
    if seen is None:
        return ABSENT
    # QEMU is paused while it starts, for as long as that takes; what it comes to, events tell.
    starting = seen.reason is PausedReason.STARTING_UP
    run = None if starting else _STATES.get(seen.state)
    if seen.id == -1:
        return _RESTING[run, seen.persistent]
    return Position(run, seen.persistent, seen.id)


def led_to(position: Position, events: Iterable[EventReceived]) -> Position:
    """Where events lead if they are believed: all there is, if the host will not say."""
    for event in events:
        if event.is_lifecycle:
            position = _after(event, position)
    run = Run.RUNNING if position.run is Run.STARTED else position.run
    return Position(run, position.persistent, position.id)


def arrange(
    position: Position,
    waiting: Sequence[Waiting],
    seen: Position,
    now: float,
    *,
    conclude: bool,
) -> Arrangement:
    """Put the waiting events in order and infer what is missing.

    Args:
        position: where the events told so far have led.
        waiting: in the order of arrival.
        seen: where the domain was seen to be after all of them.
        now: seconds, on the clock of the deadlines.
        conclude: whether what still differs from `seen` after all that waits is
            to be inferred now (its event is lost) rather than expected.
    """
    if not conclude and not any(item.event.is_lifecycle for item in waiting):
        steps = tuple(Step(item.event, None) for item in waiting)
        return Arrangement(steps, position, (), ())
    telling = _Telling(position, seen)
    held = telling.tell(waiting)
    while held and held[0].deadline <= now:
        telling.force(held[0].event)
        held = telling.tell(held[1:])
    if conclude and not held:
        telling.infer(_path(telling.position, seen.explains, seen.id), seen.id)
    return Arrangement(
        tuple(telling.steps), telling.position, tuple(held), tuple(telling.superseded)
    )


class _Telling:
    """A walk in the making."""

    def __init__(self, position: Position, seen: Position) -> None:
        self.position = position
        self.seen = seen
        self.steps: list[Step] = []
        self.superseded: list[EventReceived] = []

    def tell(self, waiting: Sequence[Waiting]) -> Sequence[Waiting]:
        """Tell what is possible, in the best order; return what is not."""
        queue = deque(self._best_order(waiting))
        held: list[Waiting] = []
        while queue:
            item = queue.popleft()
            if not self._can_be_told(item.event, held, queue):
                held.append(item)
                continue
            self._step(item.event)
            if item.event.is_lifecycle:
                # What was not possible before this step goes first after it.
                queue.extendleft(reversed(held))
                held.clear()
        return held

    def _can_be_told(self, event: EventReceived, *others: Iterable[Waiting]) -> bool:
        """Whether an event is possible now, and no end that its new beginning has yet to follow.

        A domain that was seen to exist did not just end: it was renamed, or
        defined or started anew, and the event that says so is on its way.
        """
        if not _possible(event, self.position, self.seen):
            return False
        ends = event.is_lifecycle and _after(event, self.position).absent
        if not ends or self.position.absent or self.seen.absent:
            return True
        return any(
            item.event.is_lifecycle and item.event.type in _BEGINNINGS
            for item in chain.from_iterable(others)
        )

    def _best_order(self, waiting: Sequence[Waiting]) -> Sequence[Waiting]:
        """An ordering that is a walk and ends as seen; or else a walk; or else that of arrival."""
        steps = [item for item in waiting if item.event.is_lifecycle]
        if len(steps) < 2 or len(steps) > _SEARCHED:
            return waiting
        walks = _walks(self.position, steps, self.seen)
        fallback = next(walks, None)
        if fallback is None:
            return waiting
        best = next(
            (order for order, end in chain([fallback], walks) if end.agrees(self.seen)), fallback[0]
        )
        if best == steps:
            return waiting
        return [*(item for item in waiting if not item.event.is_lifecycle), *best]

    def _step(self, event: EventReceived) -> None:
        if not event.is_lifecycle:
            self.steps.append(Step(event, None))
            return
        self.position = _after(event, self.position)
        self.steps.append(Step(event, LifecycleType(event.type)))

    def force(self, event: EventReceived) -> None:
        """Tell an event whose predecessor did not come, or find it superseded.

        It is told if the story with it is no longer than the story without it.
        """
        run_id = event.id if event.id >= 0 else self.seen.id
        before = _path(self.position, lambda at: _possible(event, at, self.seen), run_id)
        if self._is_longer_with(event, before, run_id):
            self.superseded.append(event)
            return
        self.infer(before, run_id)
        self._step(event)

    def _is_longer_with(
        self, event: EventReceived, before: Sequence[LifecycleType], run_id: int
    ) -> bool:
        after = _after(event, _walk(self.position, before, run_id))
        rest = _path(after, self.seen.explains, self.seen.id)
        without = _path(self.position, self.seen.explains, self.seen.id)
        return len(before) + len(rest) > len(without)

    def infer(self, types: Sequence[LifecycleType], run_id: int) -> None:
        """Tell steps that libvirt never sent."""
        for type_ in types:
            self.position = _move(type_, self.position, run_id)
            self.steps.append(Step(None, type_))


def _walks(
    position: Position, waiting: Sequence[Waiting], seen: Position
) -> Iterator[tuple[list[Waiting], Position]]:
    """All orderings of `waiting` that are walks, by order of arrival, and where they end."""
    if not waiting:
        yield [], position
        return
    for index, item in enumerate(waiting):
        if _possible(item.event, position, seen):
            rest = [*waiting[:index], *waiting[index + 1 :]]
            for order, end in _walks(_after(item.event, position), rest, seen):
                yield [item, *order], end


def _possible(event: EventReceived, at: Position, seen: Position) -> bool:
    """Whether the event can be told at a position.

    A STARTED of an absent domain that is seen to be persistent is not: its
    DEFINED has not come yet. (A transient domain may well be started so.)
    """
    if not event.is_lifecycle:
        return True
    type_ = LifecycleType(event.type)
    if type_ is LifecycleType.STARTED:
        if at.run is Run.PMSUSPENDED:
            return event.detail == _WAKEUP
        return _row_allows(type_, at) and not (at.absent and seen.persistent)
    if type_ in _RUN and not _ids_agree(at.id, event.id):
        return False
    if type_ in _CHANGES_OF_REASON and _CHANGES_OF_REASON[type_] is at.run and event.detail != 0:
        return True
    return _row_allows(type_, at)


def _row_allows(type_: LifecycleType, at: Position) -> bool:
    if type_ is LifecycleType.UNDEFINED:
        return at.persistent
    if type_ not in _RUN:
        return True
    return at.run is None or at.run in _RUN[type_][0]


def _after(event: EventReceived, at: Position) -> Position:
    """Where a life-cycle event that is possible leads."""
    if at.run is Run.PMSUSPENDED and event.type == LifecycleType.STARTED:
        return Position(Run.RUNNING, at.persistent, at.id)
    return _move(LifecycleType(event.type), at, event.id)


def _move(type_: LifecycleType, at: Position, run_id: int) -> Position:
    if type_ is LifecycleType.DEFINED:
        return Position(at.run, True, at.id)
    if type_ is LifecycleType.UNDEFINED:
        return Position(at.run, False, at.id)
    if type_ not in _RUN:
        return at
    run = _RUN[type_][1]
    if run is Run.OFF:
        return Position(run, at.persistent)
    return Position(run, at.persistent, run_id if run is Run.STARTED else at.id)


def _path(
    start: Position, arrived: Callable[[Position], bool], run_id: int
) -> tuple[LifecycleType, ...]:
    """The fewest steps from `start` to where `arrived` holds.

    Breadth first over a few dozen positions; steps are tried in a fixed order,
    so that the path is the same every time. There always is one: steps lead from
    any position to any that a host may show, and to one where any event is possible.
    """
    queue: deque[tuple[Position, tuple[LifecycleType, ...]]] = deque([(start, ())])
    met = {start}
    while True:
        at, path = queue.popleft()
        if arrived(at):
            return path
        for type_ in _INFERABLE:
            if _inferable(type_, at) and (to := _move(type_, at, run_id)) not in met:
                met.add(to)
                queue.append((to, (*path, type_)))


def _walk(start: Position, types: Sequence[LifecycleType], run_id: int) -> Position:
    for type_ in types:
        start = _move(type_, start, run_id)
    return start


_INFERABLE: Final = (
    LifecycleType.DEFINED,
    LifecycleType.STARTED,
    LifecycleType.RESUMED,
    LifecycleType.SUSPENDED,
    LifecycleType.PMSUSPENDED,
    LifecycleType.CRASHED,
    LifecycleType.STOPPED,
    LifecycleType.UNDEFINED,
    LifecycleType.SHUTDOWN,
)


def _inferable(type_: LifecycleType, at: Position) -> bool:
    """Whether a step may be made up here: a repeated definition never explains anything."""
    if type_ is LifecycleType.DEFINED:
        return not at.persistent
    return _row_allows(type_, at)


def _ids_agree(one: int, other: int) -> bool:
    return one == other or one < 0 or other < 0

"""Where in its life cycle a domain is, and how its events move it.

libvirt documents a life cycle (https://wiki.libvirt.org/VM_lifecycle.html): a
domain is defined, started, suspended, resumed, stopped, undefined. A `Position`
in it has two coordinates. `run` says what the guest does, and `persistent`
whether the domain has a configuration that outlives the run. A domain that
neither runs nor is persistent does not exist::

                          run
                          OFF            STARTED … CRASHED
    persistent   False    it is absent   transient
                 True     shut off       running, paused, …

DEFINED and UNDEFINED move along `persistent`, all other events along `run`; the
table `_RUN` holds the second kind. An event is *possible* at a position if the
table has a row for it there. A *walk* is a series of events, each
of them possible where those before it have led.

What a host shows is a position as well, and can be compared with the one to
which events have led. Where the two differ, `shortest_path` finds the fewest
steps from one to the other.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import Final

import attrs

from .messages import EventReceived
from .model import Domain, Observation
from .vocabulary import DomainState, LifecycleType, PausedReason

__all__ = [
    "ABSENT",
    "Position",
    "Run",
    "is_possible",
    "led_to",
    "move",
    "position_after",
    "position_of",
    "shortest_path",
    "walk",
]


class Run(enum.Enum):
    """What the guest of a domain does, as far as the events told."""

    __hash__ = object.__hash__  # that of `Enum` is made in Python, for each event anew

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
"""Steps that may be made up, in the order in which they are tried."""

_STATES: Final = {
    DomainState.RUNNING: Run.RUNNING,
    DomainState.BLOCKED: Run.RUNNING,
    DomainState.PAUSED: Run.PAUSED,
    DomainState.SHUTDOWN: Run.STOPPING,
    DomainState.SHUTOFF: Run.OFF,
    DomainState.CRASHED: Run.CRASHED,
    DomainState.PMSUSPENDED: Run.PMSUSPENDED,
}


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
            position = position_after(event, position)
    run = Run.RUNNING if position.run is Run.STARTED else position.run
    return Position(run, position.persistent, position.id)


def is_possible(event: EventReceived, at: Position, seen: Position) -> bool:
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


def position_after(event: EventReceived, at: Position) -> Position:
    """Where a life-cycle event that is possible leads."""
    if at.run is Run.PMSUSPENDED and event.type == LifecycleType.STARTED:
        return Position(Run.RUNNING, at.persistent, at.id)
    return move(LifecycleType(event.type), at, event.id)


def move(type_: LifecycleType, at: Position, run_id: int) -> Position:
    """Where a step leads; `run_id` is the number of the run, if it begins one."""
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


def shortest_path(
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
            if _inferable(type_, at) and (to := move(type_, at, run_id)) not in met:
                met.add(to)
                queue.append((to, (*path, type_)))


def walk(start: Position, types: Sequence[LifecycleType], run_id: int) -> Position:
    """Where several steps lead, one after the other."""
    for type_ in types:
        start = move(type_, start, run_id)
    return start


def _inferable(type_: LifecycleType, at: Position) -> bool:
    """Whether a step may be made up here: a repeated definition never explains anything."""
    if type_ is LifecycleType.DEFINED:
        return not at.persistent
    return _row_allows(type_, at)


def _ids_agree(one: int, other: int) -> bool:
    return one == other or one < 0 or other < 0

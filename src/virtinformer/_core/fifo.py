"""What waits for one subscriber: its own queue, in order, bounded.

A `DeltaFifo` gives a subscriber first all domains of a snapshot, then `Synced`,
then what changed, in the order of versions. A subscriber that is slow is given
less, not later: what waits for it is folded together, domain by domain, so that
at most one delta waits for each. It misses states in between, but no last state
and no deletion; and `old` is always the state that *it* was given last.

Deltas wait by UUID *and* incarnation. A domain that was deleted and defined
again under its UUID is two of them, so its deletion is never folded away::

    waiting     + comes      = waits
    Added       + Updated    = Added, with the new state
    Added       + Deleted    = nothing: the subscriber never heard of it
    Updated     + Updated    = Updated, from the first's old to the second's new
    Updated     + Deleted    = Deleted

A predicate (`where`) is asked when a delta is taken out, in the subscriber's own
time. To a subscriber a domain that begins to match is added and one that ceases
to match is deleted.

An `EventFifo` has no such mercy, since each event counts: one that grows too
long has overflowed, and its subscriber must list again.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final
from uuid import UUID

import attrs

from .model import (
    Added,
    Change,
    Deleted,
    DeletionReason,
    Delta,
    DeltaSource,
    Domain,
    DomainEvent,
    Synced,
    Updated,
)
from .store import Snapshot

__all__ = ["FOLDED_EVENTS", "SKIPPED", "DeltaFifo", "EventFifo", "Predicate", "Skipped"]

Predicate = Callable[[Domain], bool]


class Skipped(enum.Enum):
    """What `pop` gives where none of the next candidates matched, and more wait."""

    SKIPPED = enum.auto()


SKIPPED: Final = Skipped.SKIPPED

CANDIDATES: Final = 32
"""So many candidates a `pop` offers to the predicate, which may be slow."""

FOLDED_EVENTS: Final = 64
"""A delta that many were folded into keeps the newest so many events."""

_Key = tuple[UUID, int]


@attrs.frozen
class _Pending:
    """A delta that waits, and what the subscriber was given before it, if anything."""

    given: Domain | None
    delta: Delta


class DeltaFifo:
    """The deltas that wait for one subscriber: nothing at first, and then what is pushed.

    Args:
        where: deliver only domains for which it holds; ``None`` for all.
    """

    def __init__(self, where: Predicate | None = None) -> None:
        self._where = where
        self._initial: Iterator[Domain] = iter(())
        self._next: Domain | None = None
        self._left = 0
        self._synced: Synced | None = None
        self._pending: dict[_Key, _Pending] = {}

    def __len__(self) -> int:
        """How many deltas wait (before the predicate has its say)."""
        return self._left + len(self._pending)

    def begin_with(self, snapshot: Snapshot) -> None:
        """Give all domains of a snapshot first, then `Synced`."""
        self._initial = iter(snapshot.values())
        self._next = next(self._initial, None)
        self._left = len(snapshot)
        self._synced = Synced(snapshot.resource_version)

    def replay(self, changes: Iterable[Change], version: int) -> None:
        """Give past changes first, then `Synced` at the version they lead to."""
        for change in changes:
            self.push(change)
        self._synced = Synced(version)

    def push(self, change: Change) -> None:
        """Add what changed, folded into what waits already."""
        delta = change.delta
        if delta is None:
            return
        key = (delta.domain.uuid, delta.domain.incarnation)
        # Taken out and put in again, so that the order stays that of the versions.
        waiting = self._pending.pop(key, None)
        if waiting is None:
            self._pending[key] = _Pending(_given_before(delta), delta)
        elif not (isinstance(waiting.delta, Added) and isinstance(delta, Deleted)):
            self._pending[key] = _Pending(waiting.given, _fold(waiting.delta, delta))

    def pop(self) -> Delta | Synced | Skipped | None:
        """Take out what the subscriber gets next; ``None`` if nothing waits.

        Raises:
            Exception: what the predicate raised. The delta stays where it was.
        """
        for _ in range(CANDIDATES):
            if self._next is not None:
                delta: Delta | None = self._pop_initial(self._next)
            elif (key := next(iter(self._pending), None)) is None or self._is_synced_before(key):
                return self._pop_synced()
            else:
                delta = self._pop_pending(key)
            if delta is not None:
                return delta
        return SKIPPED

    def _pop_synced(self) -> Synced | None:
        synced, self._synced = self._synced, None
        return synced

    def _is_synced_before(self, key: _Key) -> bool:
        version = self._pending[key].delta.resource_version
        return self._synced is not None and version > self._synced.resource_version

    def _pop_initial(self, domain: Domain) -> Added | None:
        matches = self._where is None or self._where(domain)
        self._next = next(self._initial, None)
        self._left -= 1
        return Added(domain, domain.resource_version, DeltaSource.INITIAL) if matches else None

    def _pop_pending(self, key: _Key) -> Delta | None:
        pending = self._pending[key]
        delta = pending.delta if self._where is None else _seen_through(self._where, pending)
        del self._pending[key]
        return delta


def _given_before(delta: Delta) -> Domain | None:
    match delta:
        case Added():
            return None
        case Updated(old=old):
            return old
        case _:
            return delta.domain


def _fold(first: Delta, second: Delta) -> Delta:
    events = (*first.events, *second.events)[-FOLDED_EVENTS:]
    match first, second:
        case Added(), Updated(domain=new):
            return Added(new, second.resource_version, first.source, events)
        case Updated(old=old), Updated(domain=new):
            return Updated(old, new, second.resource_version, second.source, events)
        case _:
            return attrs.evolve(second, events=events)


def _seen_through(where: Predicate, pending: _Pending) -> Delta | None:
    """The delta as it looks to a subscriber that sees only what matches."""
    delta = pending.delta
    given = pending.given
    before = given is not None and where(given)
    after = not isinstance(delta, Deleted) and where(delta.domain)
    if before and after:
        return delta
    rest = (delta.resource_version, delta.source, delta.events)
    if after:
        return Added(delta.domain, *rest)
    if not before:
        return None
    reason = delta.reason if isinstance(delta, Deleted) else DeletionReason.FILTERED
    return Deleted(delta.domain, reason, *rest)


class EventFifo:
    """The events that wait for one subscriber.

    Args:
        limit: how many may wait.
        where: deliver only events of domains for which it holds; ``None`` for all.
        since: deliver only events later than this version.

    Attributes:
        overflowed: the version from which on events were lost, or ``None``.
            What waited before is still given first.
    """

    def __init__(self, limit: int, where: Predicate | None = None, since: int = 0) -> None:
        self._limit = limit
        self._where = where
        self._since = since
        self._events: deque[DomainEvent] = deque()
        self.overflowed: int | None = None

    def __len__(self) -> int:
        return len(self._events)

    def push(self, change: Change) -> None:
        """Add the events of a change, if there is room for all of them."""
        if self.overflowed is not None:
            return
        if len(self._events) + len(change.events) > self._limit:
            self.overflowed = change.events[0].resource_version
            return
        self._events.extend(
            event for event in change.events if event.resource_version > self._since
        )

    def pop(self) -> DomainEvent | Skipped | None:
        """Take out the next event; ``None`` if none waits.

        Raises:
            Exception: what the predicate raised. The event stays where it was.
        """
        for _ in range(CANDIDATES):
            if not self._events:
                return None
            event = self._events[0]
            matches = self._where is None or self._where(event.domain)
            self._events.popleft()
            if matches:
                return event
        return SKIPPED

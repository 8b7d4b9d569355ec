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
to match is deleted. What the predicate asks of updates and events is answered when
they are pushed, and kept with the delta as a set of answers, so that nothing is
folded away that it asks for. An update that it leaves out is *withheld*: only the
state that the subscriber was given last is kept, and is the `old` of the next one.

An `EventFifo` has no such mercy, since each event counts: one that grows too
long has overflowed, and its subscriber must list again.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import product, repeat
from typing import Final

import attrs

from .lineup import Lineup
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
from .predicate import Facts, Where, as_predicate, facts_of
from .shelves import Shelves, itself
from .store import Snapshot

__all__ = ["FOLDED_EVENTS", "SKIPPED", "DeltaFifo", "EventFifo", "Skipped"]


class Skipped(enum.Enum):
    """What `pop` gives where none of the next candidates was one, and more may wait."""

    SKIPPED = enum.auto()


SKIPPED: Final = Skipped.SKIPPED

CANDIDATES: Final = 32
"""So many candidates a `pop` offers to the predicate, which may be slow."""

FOLDED_EVENTS: Final = 64
"""A delta that many were folded into keeps the newest so many events."""

_Key = tuple[int, int]
"""The number of a UUID, of which Python makes a hash quickly, and the incarnation."""
_NO_FACTS: Final[frozenset[Facts]] = frozenset()


@attrs.frozen
class _Pending:
    """A delta that waits.

    Attributes:
        given: what the subscriber was given before it, if anything.
        delta: what it is to be given.
        facts: what the predicate wants to know of each step that was folded into it.
    """

    given: Domain | None
    delta: Delta
    facts: frozenset[Facts] = frozenset()


class _Filter:
    """A predicate at work."""

    def __init__(self, where: Where) -> None:
        self._where = as_predicate(where)
        self._questions = self._where.questions

    def facts(self, change: Change) -> list[Facts]:
        """What it wants to know of each event of a change, or of the silent change."""
        return facts_of(self._questions, change.delta, change.events)

    def facts_to_wait(self, change: Change) -> frozenset[Facts]:
        """The same, each fact once, for a delta that others may be folded into."""
        return frozenset(self.facts(change)) if self._questions else _NO_FACTS

    def has(self, domain: Domain) -> bool:
        """Whether a domain belongs."""
        return self._where(domain)

    def passes(self, domain: Domain, facts: Facts) -> bool:
        """Whether a step passes that leads from the domain, or to it."""
        answers = zip(self._questions, facts, strict=True)
        return self._where.judge(domain, dict(answers)) is not False

    def seen(self, pending: _Pending) -> Delta | None:
        """A delta as it looks to a subscriber to whom only what matches exists."""
        delta = pending.delta
        given = pending.given
        before = given is not None and self._where(given)
        after = not isinstance(delta, Deleted) and self._where(delta.domain)
        if before and after:
            return delta
        rest = (delta.resource_version, delta.source, delta.events)
        if after:
            return Added(delta.domain, *rest)
        if not before:
            return None
        reason = delta.reason if isinstance(delta, Deleted) else DeletionReason.FILTERED
        return Deleted(delta.domain, reason, *rest)

    def withholds(self, pending: _Pending) -> bool:
        """Whether an update of a domain that belongs, and did, has no step that passes."""
        sides = (pending.delta.domain, pending.given)
        steps = product(pending.facts, (side for side in sides if side is not None))
        return bool(self._questions) and not any(
            self.passes(domain, facts) for facts, domain in steps
        )


class DeltaFifo:
    """The deltas that wait for one subscriber: nothing at first, and then what is pushed.

    Args:
        where: deliver only domains for which it holds, and only the updates of
            them that it lets pass; ``None`` for all.
    """

    def __init__(self, where: Where | None = None) -> None:
        self._filter = None if where is None else _Filter(where)
        self._initial: Iterator[Domain] = iter(())
        self._next: Domain | None = None
        self._left = 0
        self._synced: Synced | None = None
        self._pending: Lineup[_Key, _Pending] = Lineup()
        self._withheld: Shelves[_Key, Domain] = Shelves(itself)

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
        key = (delta.domain.uuid.int, delta.domain.incarnation)
        facts = _NO_FACTS if self._filter is None else self._filter.facts_to_wait(change)
        # Taken out and put in again, so that the order stays that of the versions.
        waiting = self._pending.take(key)
        if waiting is None:
            self._pending.put(key, self._next_of(key, delta, facts))
        elif not (isinstance(waiting.delta, Added) and isinstance(delta, Deleted)):
            folded = _fold(waiting.delta, delta)
            self._pending.put(key, _Pending(waiting.given, folded, waiting.facts | facts))

    def _next_of(self, key: _Key, delta: Delta, facts: frozenset[Facts]) -> _Pending:
        """A delta before which none waits; it follows the last one that was given."""
        given = self._withheld.pop(key)
        if given is not None and isinstance(delta, Updated):
            delta = attrs.evolve(delta, old=given)
        return _Pending(_given_before(delta), delta, facts)

    def pop(self) -> Delta | Synced | Skipped | None:
        """Take out what the subscriber gets next; ``None`` if nothing waits.

        Raises:
            Exception: what the predicate raised. The delta stays where it was.
        """
        for _ in range(CANDIDATES):
            if self._next is not None:
                delta: Delta | None = self._pop_initial(self._next)
            elif self._pending.pass_over():
                return SKIPPED
            elif (first := self._pending.first) is None or self._is_synced_before(first[1]):
                return self._pop_synced()
            else:
                delta = self._pop_pending(*first)
            if delta is not None:
                return delta
        return SKIPPED

    def _pop_synced(self) -> Synced | None:
        synced, self._synced = self._synced, None
        return synced

    def _is_synced_before(self, pending: _Pending) -> bool:
        version = pending.delta.resource_version
        return self._synced is not None and version > self._synced.resource_version

    def _pop_initial(self, domain: Domain) -> Added | None:
        matches = self._filter is None or self._filter.has(domain)
        self._next = next(self._initial, None)
        self._left -= 1
        return Added(domain, domain.resource_version, DeltaSource.INITIAL) if matches else None

    def _pop_pending(self, key: _Key, pending: _Pending) -> Delta | None:
        delta = pending.delta if self._filter is None else self._filter.seen(pending)
        is_withheld = delta is pending.delta and self._withholds(pending)
        self._pending.take(key)
        if is_withheld and pending.given is not None:
            self._withheld[key] = pending.given
        return None if is_withheld else delta

    def _withholds(self, pending: _Pending) -> bool:
        # What comes and what goes is always given.
        is_update = isinstance(pending.delta, Updated)
        return is_update and self._filter is not None and self._filter.withholds(pending)


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


class EventFifo:
    """The events that wait for one subscriber.

    Args:
        limit: how many may wait.
        where: deliver only events of domains for which it holds, and only those
            that it lets pass; ``None`` for all.
        since: deliver only events later than this version.

    Attributes:
        overflowed: the version from which on events were lost, or ``None``.
            What waited before is still given first.
    """

    def __init__(self, limit: int, where: Where | None = None, since: int = 0) -> None:
        self._limit = limit
        self._filter = None if where is None else _Filter(where)
        self._since = since
        self._events: deque[tuple[DomainEvent, Facts]] = deque()
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
        facts = repeat(()) if self._filter is None else self._filter.facts(change)
        self._events.extend(
            (event, known)
            for event, known in zip(change.events, facts, strict=False)
            if event.resource_version > self._since
        )

    def pop(self) -> DomainEvent | Skipped | None:
        """Take out the next event; ``None`` if none waits.

        Raises:
            Exception: what the predicate raised. The event stays where it was.
        """
        for _ in range(CANDIDATES):
            if not self._events:
                return None
            event, facts = self._events[0]
            matches = self._filter is None or self._filter.passes(event.domain, facts)
            self._events.popleft()
            if matches:
                return event
        return SKIPPED

"""What waits for one subscriber."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import attrs
import pytest

from virtinformer._core.fifo import CANDIDATES, FOLDED_EVENTS, SKIPPED, DeltaFifo, EventFifo
from virtinformer._core.lineup import PASSED
from virtinformer._core.model import (
    Added,
    Change,
    Deleted,
    DeletionReason,
    DeltaSource,
    Domain,
    DomainEvent,
    Synced,
    Updated,
)
from virtinformer._core.store import Store

from .driving import A, B, C
from .making import add, afterword, delete, event, make, update


def drain(fifo: DeltaFifo) -> list[Any]:
    found = []
    while (delta := fifo.pop()) is not None:
        found.append(delta)
    return found


def drain_events(fifo: EventFifo) -> list[DomainEvent]:
    found = []
    while (event := fifo.pop()) is not None:
        assert isinstance(event, DomainEvent)
        found.append(event)
    return found


A1, A2, A3 = (make(A, version, autostart=version == 2) for version in (1, 2, 3))
AGAIN = attrs.evolve(make(A, 9), incarnation=9)


def found_by(source: DeltaSource, change: Change) -> Change:
    assert change.delta is not None
    return attrs.evolve(change, delta=attrs.evolve(change.delta, source=source))


# ---------------------------------------------------------------------- folding


def test_very_many_that_were_folded_are_passed_over_a_part_at_a_time() -> None:
    fifo = DeltaFifo()
    domains = [make(UUID(int=number), number) for number in range(1, PASSED + 2)]
    for domain in domains:
        fifo.push(add(domain))
    for number, domain in enumerate(domains, PASSED + 2):
        fifo.push(update(domain, make(domain.uuid, number, incarnation=domain.incarnation)))
    assert fifo.pop() is SKIPPED
    found = drain(fifo)
    assert [type(delta) for delta in found] == [Added] * len(domains)
    versions = [delta.resource_version for delta in found]
    assert versions == sorted(versions)


def test_nothing_at_first() -> None:
    fifo = DeltaFifo()
    assert len(fifo) == 0
    assert fifo.pop() is None


def test_added_and_updated_is_added() -> None:
    fifo = DeltaFifo()
    fifo.push(add(A1, event(A1, type_="Defined")))
    fifo.push(update(A1, A2, event(A2)))
    [added] = drain(fifo)
    assert isinstance(added, Added)
    assert added.domain is A2
    assert added.resource_version == 2
    assert [e.type for e in added.events] == ["Defined", "Started"]


def test_a_folded_delta_came_to_be_known_as_its_domain_did() -> None:
    """An addition by what made it known first, an update by what told of it last."""
    fifo = DeltaFifo()
    fifo.push(add(A1))
    fifo.push(found_by(DeltaSource.RESYNC, update(A1, A2)))
    fifo.push(update(b1 := make(B, 3), b2 := make(B, 4)))
    fifo.push(found_by(DeltaSource.RESYNC, update(b2, b1)))
    added, updated = drain(fifo)
    assert added.source is DeltaSource.EVENT
    assert updated.source is DeltaSource.RESYNC


def test_added_and_deleted_is_nothing() -> None:
    fifo = DeltaFifo()
    fifo.push(add(A1))
    fifo.push(delete(A1, 2))
    assert drain(fifo) == []
    assert len(fifo) == 0


def test_updated_and_updated_is_updated() -> None:
    fifo = DeltaFifo()
    fifo.push(update(A1, A2, event(A2)))
    fifo.push(update(A2, A3, event(A3)))
    assert len(fifo) == 1
    [updated] = drain(fifo)
    assert isinstance(updated, Updated)
    assert updated.old is A1
    assert updated.domain is A3
    assert updated.resource_version == 3
    assert len(updated.events) == 2


def test_updated_and_deleted_is_deleted() -> None:
    fifo = DeltaFifo()
    fifo.push(update(A1, A2, event(A2)))
    fifo.push(delete(A2, 3, event(A2, 3, "Undefined")))
    [deleted] = drain(fifo)
    assert isinstance(deleted, Deleted)
    assert deleted.resource_version == 3
    assert [e.type for e in deleted.events] == ["Started", "Undefined"]


def test_a_redefinition_is_never_folded_away() -> None:
    fifo = DeltaFifo()
    fifo.push(update(A1, A2))
    fifo.push(delete(A2, 3))
    fifo.push(add(AGAIN))
    deleted, added = drain(fifo)
    assert isinstance(deleted, Deleted)
    assert isinstance(added, Added)


def test_a_life_in_between_is_folded_away() -> None:
    fifo = DeltaFifo()
    between = attrs.evolve(make(A, 4), incarnation=4)
    for change in (delete(A1, 3), add(between), delete(between, 5), add(AGAIN)):
        fifo.push(change)
    assert [delta.resource_version for delta in drain(fifo)] == [3, 9]


def test_the_order_is_that_of_the_versions() -> None:
    fifo = DeltaFifo()
    fifo.push(update(A1, A2))
    fifo.push(add(make(B, 3)))
    fifo.push(update(A2, make(A, 4)))
    assert [delta.resource_version for delta in drain(fifo)] == [3, 4]


def test_folded_events_are_bounded() -> None:
    fifo = DeltaFifo()
    old = A1
    for version in range(2, FOLDED_EVENTS + 20):
        new = make(A, version)
        fifo.push(update(old, new, event(new)))
        old = new
    [updated] = drain(fifo)
    assert len(updated.events) == FOLDED_EVENTS
    assert updated.events[-1].resource_version == FOLDED_EVENTS + 19


def test_events_without_a_delta_do_not_wait() -> None:
    fifo = DeltaFifo()
    fifo.push(afterword(event(A1)))
    assert len(fifo) == 0


# ---------------------------------------------------------------------- synced


def snapshot_of(*domains: Domain) -> Any:
    store = Store({}, 10)
    for domain in domains:
        store.apply(add(domain))
    return store.snapshot()


def test_a_snapshot_comes_first_then_synced() -> None:
    fifo = DeltaFifo()
    fifo.begin_with(snapshot_of(A1, make(B, 2)))
    assert len(fifo) == 2
    fifo.push(add(make(C, 3)))
    fifo.push(delete(A1, 4))
    assert len(fifo) == 4
    a, b, synced, c, gone = drain(fifo)
    assert (a.domain, a.source, a.resource_version) == (A1, DeltaSource.INITIAL, 1)
    assert isinstance(b, Added)
    assert synced == Synced(2)
    assert c.resource_version == 3
    assert isinstance(gone, Deleted)
    assert len(fifo) == 0


def test_synced_of_an_empty_host() -> None:
    fifo = DeltaFifo()
    fifo.begin_with(snapshot_of())
    assert drain(fifo) == [Synced(0)]


def test_what_was_missed_comes_before_synced() -> None:
    fifo = DeltaFifo()
    fifo.replay([update(A1, A2), add(make(B, 3))], 3)
    fifo.push(add(make(C, 4)))
    kinds = [type(delta).__name__ for delta in drain(fifo)]
    assert kinds == ["Updated", "Added", "Synced", "Added"]


def test_what_was_missed_and_changed_again_comes_after_synced() -> None:
    fifo = DeltaFifo()
    fifo.replay([update(A1, A2)], 2)
    fifo.push(update(A2, A3))
    synced, updated = drain(fifo)
    assert synced == Synced(2)
    assert updated.old is A1


# ---------------------------------------------------------------------- where


def on(domain: Domain) -> bool:
    return domain.autostart


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [(False, False, None), (False, True, Added), (True, True, Updated), (True, False, Deleted)],
)
def test_an_update_through_a_predicate(before: bool, after: bool, expected: type | None) -> None:
    fifo = DeltaFifo(on)
    old, new = make(A, 1, autostart=before), make(A, 2, autostart=after)
    fifo.push(update(old, new, event(new)))
    found = drain(fifo)
    assert [type(delta) for delta in found] == ([expected] if expected else [])
    for delta in found:
        assert delta.resource_version == 2
        assert delta.domain is new
        assert len(delta.events) == 1
        if isinstance(delta, Deleted):
            assert delta.reason is DeletionReason.FILTERED


@pytest.mark.parametrize("matches", [True, False])
def test_a_life_through_a_predicate(matches: bool) -> None:
    domain = make(A, 1, autostart=matches)
    fifo = DeltaFifo(on)
    fifo.push(add(domain))
    assert [type(delta) for delta in drain(fifo)] == [Added] * matches
    fifo.push(delete(domain, 2))
    found = drain(fifo)
    assert [type(delta) for delta in found] == [Deleted] * matches
    assert all(delta.reason is DeletionReason.UNDEFINED for delta in found)


@pytest.mark.parametrize("at_first", [True, False])
def test_a_new_domain_is_judged_by_what_it_became(at_first: bool) -> None:
    """Nothing was given of it yet: what it was before it was asked for does not count."""
    fifo = DeltaFifo(on)
    old, new = make(A, 1, autostart=at_first), make(A, 2, autostart=not at_first)
    fifo.push(add(old))
    fifo.push(update(old, new))
    assert [type(delta) for delta in drain(fifo)] == ([] if at_first else [Added])


def test_a_deletion_is_judged_by_what_was_given() -> None:
    """It matched when it was given, and did no longer before it went."""
    fifo = DeltaFifo(on)
    on_, off_ = make(A, 1, autostart=True), make(A, 2)
    fifo.push(update(on_, off_))
    fifo.push(delete(off_, 3))
    [deleted] = drain(fifo)
    assert deleted.reason is DeletionReason.UNDEFINED


def test_a_snapshot_through_a_predicate() -> None:
    fifo = DeltaFifo(on)
    fifo.begin_with(snapshot_of(make(A, 1), make(B, 2, autostart=True), make(C, 3)))
    added, synced = drain(fifo)
    assert added.domain.uuid == B
    assert synced == Synced(3)


def test_a_predicate_that_raises_keeps_the_delta() -> None:
    broken = [True]

    def where(domain: Domain) -> bool:
        if broken[0]:
            raise ZeroDivisionError
        return True

    fifo = DeltaFifo(where)
    fifo.begin_with(snapshot_of(A1))
    fifo.push(update(A1, A2))
    for expected in (Added, Synced, Updated):
        if expected is not Synced:
            broken[0] = True
            with pytest.raises(ZeroDivisionError):
                fifo.pop()
            broken[0] = False
        assert isinstance(fifo.pop(), expected)


# ---------------------------------------------------------------------- events


def test_events_come_one_by_one() -> None:
    fifo = EventFifo(10)
    fifo.push(add(A2, event(A2, 1, "Defined"), event(A2, 2)))
    fifo.push(afterword(event(A2, 3, "Stopped")))
    fifo.push(add(make(B, 4)))
    assert len(fifo) == 3
    assert [e.type for e in drain_events(fifo)] == ["Defined", "Started", "Stopped"]


def test_events_since_a_version_within_a_change() -> None:
    fifo = EventFifo(10, None, 1)
    fifo.push(add(A2, event(A2, 1, "Defined"), event(A2, 2)))
    assert [e.type for e in drain_events(fifo)] == ["Started"]


def test_events_through_a_predicate() -> None:
    fifo = EventFifo(10, on)
    off_, on_ = make(A, 1), make(B, 2, autostart=True)
    fifo.push(add(off_, event(off_)))
    fifo.push(add(on_, event(on_)))
    assert [e.domain_id for e in drain_events(fifo)] == [B]


def test_an_event_predicate_that_raises_keeps_the_event() -> None:
    fifo = EventFifo(10, lambda domain: 1 // 0 > 0)
    fifo.push(add(A1, event(A1)))
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            fifo.pop()
    assert len(fifo) == 1


def test_as_many_events_as_the_limit_may_wait() -> None:
    fifo = EventFifo(2)
    fifo.push(add(A2, event(A2, 1), event(A2, 2)))
    assert fifo.overflowed is None
    assert len(drain_events(fifo)) == 2


def test_an_overflow_keeps_what_waits_and_takes_no_more() -> None:
    fifo = EventFifo(2)
    fifo.push(add(A1, event(A1)))
    fifo.push(update(A1, A3, event(A3, 2), event(A3, 3)))
    assert fifo.overflowed == 2
    fifo.push(add(make(B, 4), event(make(B, 4))))
    assert fifo.overflowed == 2
    assert len(fifo) == 1
    assert fifo.pop() is not None
    assert fifo.pop() is None


def test_a_slow_predicate_is_asked_of_a_few_at_a_time() -> None:
    """So that a subscriber whom nothing interests does not keep the loop from others."""
    asked: list[UUID] = []

    def never(domain: Domain) -> bool:
        asked.append(domain.uuid)
        return False

    fifo, events = DeltaFifo(never), EventFifo(1000, never)
    for number in range(CANDIDATES + 1):
        domain = make(UUID(int=number), number + 1)
        fifo.push(add(domain, event(domain)))
        events.push(add(domain, event(domain)))
    assert fifo.pop() is SKIPPED
    assert len(asked) == CANDIDATES
    assert fifo.pop() is None
    assert events.pop() is SKIPPED
    assert events.pop() is None

"""What waits for one subscriber that is told of some domains and some changes only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtinformer._core.fifo import FOLDED_EVENTS, SKIPPED, DeltaFifo, EventFifo
from virtinformer._core.model import (
    Added,
    Change,
    Deleted,
    DeletionReason,
    Delta,
    Domain,
    Synced,
    Updated,
)
from virtinformer._core.predicate import OfDomain, OfEvent, OfUpdate, Predicate
from virtinformer._core.store import Store

from .driving import A, B
from .making import add, afterword, delete, event, make, update

ON = OfDomain(lambda domain: domain.autostart, "on")
RENAMED = OfUpdate(lambda old, new: old.name != new.name, "renamed")
CONFIGURED = OfUpdate(lambda old, new: old.generation != new.generation, "configured")
BOOTED = OfEvent(lambda event: event.type == "Started", "booted")


def drain(fifo: DeltaFifo) -> list[Any]:
    found = []
    while (delta := fifo.pop()) is not None:
        if delta is not SKIPPED:
            found.append(delta)
    return found


def types(fifo: DeltaFifo) -> list[type]:
    return [type(delta) for delta in drain(fifo)]


A1 = make(A, 1)
QUIET, NAMED = attrs.evolve(A1, resource_version=2), make(A, 3, name="m")

# ---------------------------------------------------------------------- what is left out


def test_an_update_that_does_not_pass_is_left_out() -> None:
    fifo = DeltaFifo(RENAMED)
    fifo.push(update(A1, QUIET))
    assert drain(fifo) == []
    assert len(fifo) == 0


def test_what_comes_and_what_goes_always_passes() -> None:
    for where in (RENAMED, ~RENAMED, BOOTED, ~BOOTED):
        fifo = DeltaFifo(where)
        fifo.push(add(A1))
        assert types(fifo) == [Added]
        fifo.push(delete(A1, 2))
        assert types(fifo) == [Deleted]


def test_old_is_what_was_given_last_and_not_what_was_left_out() -> None:
    fifo = DeltaFifo(RENAMED)
    fifo.push(update(A1, QUIET, event(QUIET, 2, "Left out")))
    assert drain(fifo) == []
    fifo.push(update(QUIET, NAMED, event(NAMED, 3, "Told")))
    [updated] = drain(fifo)
    assert updated.old is A1
    assert updated.domain is NAMED
    assert [e.type for e in updated.events] == ["Told"]
    fifo.push(update(NAMED, back := make(A, 4)))
    [updated] = drain(fifo)
    assert (updated.old, updated.domain) == (NAMED, back)


def test_many_are_left_out_in_a_row() -> None:
    fifo = DeltaFifo(RENAMED)
    old = A1
    for version in range(2, 10):
        new = make(A, version)
        fifo.push(update(old, new))
        assert drain(fifo) == []
        old = new
    fifo.push(update(old, make(A, 10, name="m")))
    [updated] = drain(fifo)
    assert updated.old is A1


def test_after_what_was_left_out_it_is_deleted_as_ever() -> None:
    fifo = DeltaFifo(RENAMED)
    fifo.push(update(A1, QUIET))
    assert drain(fifo) == []
    fifo.push(delete(QUIET, 3))
    [deleted] = drain(fifo)
    assert isinstance(deleted, Deleted)
    assert deleted.reason is DeletionReason.UNDEFINED


def test_the_next_life_does_not_follow_from_the_last() -> None:
    fifo = DeltaFifo(RENAMED)
    fifo.push(update(A1, QUIET))
    assert drain(fifo) == []
    again = attrs.evolve(make(A, 9), incarnation=9)
    fifo.push(delete(QUIET, 8))
    fifo.push(add(again))
    fifo.push(update(again, attrs.evolve(again, resource_version=10, name="m")))
    assert types(fifo) == [Deleted, Added]


def test_a_pair_that_is_left_out_does_not_hide_that_it_ceases_to_match() -> None:
    fifo = DeltaFifo(ON & RENAMED)
    on1, on2, off = make(A, 1, autostart=True), make(A, 2, autostart=True), make(A, 3)
    fifo.push(update(on1, on2))
    assert drain(fifo) == []
    fifo.push(update(on2, off))
    [deleted] = drain(fifo)
    assert deleted.reason is DeletionReason.FILTERED
    fifo.push(update(off, make(A, 4, name="m")))
    assert drain(fifo) == []
    fifo.push(update(make(A, 4, name="m"), make(A, 5, autostart=True)))
    assert types(fifo) == [Added]


# ---------------------------------------------------------------------- folding


@pytest.mark.parametrize("where", [RENAMED, ~RENAMED])
def test_folded_with_one_that_does_not_pass_it_passes(where: Predicate) -> None:
    """In whatever order, and though the sum of both may look like neither."""
    named = make(A, 2, name="m")
    quiet = attrs.evolve(named, resource_version=3)
    fifo = DeltaFifo(where)
    fifo.push(update(A1, named))
    fifo.push(update(named, quiet))
    [updated] = drain(fifo)
    assert (updated.old, updated.domain) == (A1, quiet)


def test_what_was_undone_meanwhile_is_told_all_the_same() -> None:
    """A fast subscriber was told twice, so a slow one is told once."""
    fifo = DeltaFifo(RENAMED)
    fifo.push(update(A1, NAMED))
    fifo.push(update(NAMED, back := make(A, 4)))
    [updated] = drain(fifo)
    assert (updated.old, updated.domain) == (A1, back)


def test_an_event_counts_though_newer_ones_have_displaced_it() -> None:
    fifo = DeltaFifo(BOOTED)
    old = A1
    for version in range(2, FOLDED_EVENTS + 20):
        new = make(A, version)
        fifo.push(update(old, new, event(new, version, "Started" if version == 2 else "Other")))
        old = new
    [updated] = drain(fifo)
    assert "Started" not in {e.type for e in updated.events}


def test_an_event_is_judged_by_itself() -> None:
    fifo = DeltaFifo(~BOOTED)
    both = (event(QUIET, 2, "Started"), event(QUIET, 2, "Other"))
    fifo.push(update(A1, QUIET, *both[:1]))
    assert drain(fifo) == []
    fifo.push(update(QUIET, QUIET, *both))
    assert types(fifo) == [Updated]


def test_a_silent_change_is_no_event() -> None:
    for where, expected in ((BOOTED, []), (~BOOTED, [Updated])):
        fifo = DeltaFifo(where)
        fifo.push(update(A1, NAMED))
        assert types(fifo) == expected


def test_one_way_or_the_other_is_judged_by_what_was_and_by_what_is() -> None:
    """It is told that a domain stops to be on, and not what happens to it while it is off."""
    fifo = DeltaFifo(ON | RENAMED)
    on = make(A, 2, autostart=True)
    fifo.push(update(A1, on))
    fifo.push(update(on, make(A, 3, autostart=True)))
    assert types(fifo) == [Updated]
    fifo.push(update(make(A, 3, autostart=True), off := make(A, 4)))
    assert types(fifo) == [Updated]
    fifo.push(update(off, make(A, 5)))
    assert types(fifo) == []
    fifo.push(update(make(A, 5), make(A, 6, name="m")))
    [updated] = drain(fifo)
    assert updated.old is off


def test_a_snapshot_is_given_whole() -> None:
    store = Store({}, 10)
    for domain in (A1, make(B, 2)):
        store.apply(add(domain))
    fifo = DeltaFifo(RENAMED)
    fifo.begin_with(store.snapshot())
    fifo.push(update(A1, make(A, 3)))
    assert types(fifo) == [Added, Added, Synced]


def test_a_predicate_that_raises_loses_nothing() -> None:
    broken = [False]

    def where(domain: Domain) -> bool:
        return 1 // (not broken[0]) > 0

    fifo = DeltaFifo(RENAMED & where)
    fifo.push(update(A1, QUIET))
    assert drain(fifo) == []
    broken[0] = True
    fifo.push(update(QUIET, NAMED))
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            fifo.pop()
    broken[0] = False
    [updated] = drain(fifo)
    assert updated.old is A1


# ---------------------------------------------------------------------- events


def drain_events(fifo: EventFifo) -> list[str]:
    found = []
    while (item := fifo.pop()) is not None:
        if item is not SKIPPED:
            found.append(item.type)
    return found


def test_events_are_judged_one_by_one() -> None:
    for where, expected in ((BOOTED, ["Started"]), (~BOOTED, ["Other"])):
        fifo = EventFifo(10, where)
        fifo.push(add(A1, event(A1, 1, "Started"), event(A1, 1, "Other")))
        assert drain_events(fifo) == expected


def test_events_by_the_change_they_came_with() -> None:
    for where, expected in ((RENAMED, ["Second"]), (~RENAMED, ["First"])):
        fifo = EventFifo(10, where)
        fifo.push(update(A1, QUIET, event(QUIET, 2, "First")))
        fifo.push(update(QUIET, NAMED, event(NAMED, 3, "Second")))
        assert drain_events(fifo) == expected


def test_events_of_what_comes_or_is_not_there_pass_what_asks_of_updates() -> None:
    for where in (RENAMED, ~RENAMED):
        fifo = EventFifo(10, where)
        fifo.push(add(A1, event(A1, 1, "Came")))
        fifo.push(delete(A1, 2, event(A1, 2, "Went")))
        fifo.push(afterword(event(A1, 3, "Late")))
        assert drain_events(fifo) == ["Came", "Went", "Late"]


def test_events_since_a_version_keep_their_facts() -> None:
    fifo = EventFifo(10, BOOTED, since=2)
    fifo.push(add(A1, event(A1, 1, "Started"), event(A1, 2, "Other"), event(A1, 3, "Started")))
    fifo.push(add(make(B, 4), event(make(B, 4), 4, "Other")))
    assert drain_events(fifo) == ["Started"]


# ---------------------------------------------------------------------- any history

_ATOMS = (ON, RENAMED, CONFIGURED, BOOTED)


def _formulas(*atoms: Predicate) -> st.SearchStrategy[Predicate]:
    return st.recursive(
        st.sampled_from(atoms),
        lambda inner: st.one_of(
            st.builds(lambda a, b: a & b, inner, inner),
            st.builds(lambda a, b: a | b, inner, inner),
            st.builds(lambda a: ~a, inner),
        ),
        max_leaves=4,
    )


@st.composite
def histories(draw: st.DrawFn) -> list[Change]:
    """Changes of two UUIDs that follow from one another."""
    known: dict[UUID, Domain] = {}
    changes: list[Change] = []
    for version in range(1, draw(st.integers(1, 14)) + 1):
        uuid = draw(st.sampled_from([A, B]))
        told = draw(st.lists(st.sampled_from(["Started", "Other"]), max_size=2))
        old = known.get(uuid)
        if old is None:
            new = attrs.evolve(
                make(uuid, version, autostart=draw(st.booleans())), incarnation=version
            )
        else:
            new = attrs.evolve(
                old,
                resource_version=version,
                autostart=draw(st.booleans()),
                name=draw(st.sampled_from("nm")),
                generation=old.generation + draw(st.integers(0, 1)),
            )
        events = [event(new, version, type_) for type_ in told]
        if old is not None and draw(st.integers(0, 5)) == 0:
            changes.append(delete(old, version, *events))
            del known[uuid]
        else:
            changes.append(add(new, *events) if old is None else update(old, new, *events))
            known[uuid] = new
    return changes


def truth(changes: Iterable[Change]) -> dict[UUID, Domain]:
    known: dict[UUID, Domain] = {}
    for change in changes:
        assert change.delta is not None
        known.pop(change.delta.domain.uuid, None)
        if not isinstance(change.delta, Deleted):
            known[change.delta.domain.uuid] = change.delta.domain
    return known


def follow(view: dict[UUID, Domain], delta: Delta) -> None:
    """Do what a delta says, and make sure that it can be done."""
    uuid = delta.domain.uuid
    match delta:
        case Added():
            assert uuid not in view
            view[uuid] = delta.domain
        case Updated():
            assert view[uuid] is delta.old
            view[uuid] = delta.domain
        case _:
            del view[uuid]


@given(_formulas(*_ATOMS), histories(), st.data())
def test_a_subscriber_ends_with_the_domains_that_belong(
    where: Predicate, changes: list[Change], data: st.DataObject
) -> None:
    fifo = DeltaFifo(where)
    view: dict[UUID, Domain] = {}
    last = 0
    for change in changes:
        fifo.push(change)
        for delta in drain(fifo) if data.draw(st.booleans()) else ():
            assert delta.resource_version > last
            last = delta.resource_version
            follow(view, delta)
    for delta in drain(fifo):
        follow(view, delta)
    assert view.keys() == {uuid for uuid, domain in truth(changes).items() if where(domain)}
    assert len(fifo) == 0


@given(_formulas(RENAMED, CONFIGURED, BOOTED), histories(), st.data())
def test_a_slow_subscriber_is_told_if_and_only_if_a_fast_one_is(
    where: Predicate, changes: list[Change], data: st.DataObject
) -> None:
    """Of updates; what comes and goes while it sleeps it need not hear of."""
    slow, fast = DeltaFifo(where), DeltaFifo(where)
    missed: set[tuple[UUID, int]] = set()
    for change in changes:
        slow.push(change)
        fast.push(change)
        missed |= {_life(delta) for delta in drain(fast)}
        if data.draw(st.booleans()):
            told = {_life(delta) for delta in drain(slow)}
            assert told <= missed
            assert {life for life in missed - told if life in _lives(changes, change)} == set()
            missed = set()


def _life(delta: Delta) -> tuple[UUID, int]:
    return delta.domain.uuid, delta.domain.incarnation


def _lives(changes: list[Change], until: Change) -> set[tuple[UUID, int]]:
    """The lives that go on after a change."""
    known = truth(changes[: changes.index(until) + 1])
    return {(domain.uuid, domain.incarnation) for domain in known.values()}


@given(_formulas(*_ATOMS), histories())
def test_a_fast_subscriber_is_told_what_the_formula_says(
    where: Predicate, changes: list[Change]
) -> None:
    fifo = DeltaFifo(where)
    for change in changes:
        fifo.push(change)
        told = drain(fifo)
        delta = change.delta
        if isinstance(delta, Updated) and where(delta.old) and where(delta.domain):
            assert bool(told) is _passes(where, delta)


def _passes(where: Predicate, delta: Updated) -> bool:
    """By the definition."""
    known: dict[Predicate, bool] = {
        RENAMED: delta.old.name != delta.domain.name,
        CONFIGURED: delta.old.generation != delta.domain.generation,
    }
    steps = [e.type == "Started" for e in delta.events] or [False]
    return any(
        where.judge(domain, {**known, BOOTED: booted})
        for booted in steps
        for domain in (delta.old, delta.domain)
    )

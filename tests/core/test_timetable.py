"""Appointments, without a clock."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from virtinformer._core.timetable import Timetable


def test_the_earliest_is_first() -> None:
    table: Timetable[str] = Timetable()
    table.set("b", 2.0)
    table.set("a", 1.0)
    assert table.next == 1.0
    assert list(table.due(0.5)) == []
    assert list(table.due(2.0)) == ["a", "b"]
    assert table.next is None


def test_an_appointment_can_be_moved_and_cancelled() -> None:
    table: Timetable[str] = Timetable()
    table.set("a", 1.0)
    table.set("a", 3.0)
    table.set("b", 2.0)
    assert table.next == 2.0
    table.set("a", 1.0)
    assert "a" in table
    table.cancel("a")
    table.cancel("a")
    assert "a" not in table
    assert list(table.due(9.0)) == ["b"]


def test_one_that_is_made_while_others_are_kept() -> None:
    table: Timetable[str] = Timetable()
    table.set("a", 1.0)
    found = []
    for key in table.due(2.0):
        found.append(key)
        if len(found) == 1:
            table.set("a", 2.0)
    assert found == ["a", "a"]


def test_keys_that_cannot_be_ordered() -> None:
    table: Timetable[object] = Timetable()
    keys = [object(), object()]
    for key in keys:
        table.set(key, 1.0)
    assert list(table.due(1.0)) == keys


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5) | st.none())))
def test_it_is_a_dictionary_that_knows_its_least(steps: list[tuple[int, int | None]]) -> None:
    table: Timetable[int] = Timetable()
    model: dict[int, float] = {}
    for key, when in steps:
        if when is None:
            table.cancel(key)
            model.pop(key, None)
        else:
            table.set(key, when)
            model[key] = when
        assert table.next == min(model.values(), default=None)
    assert sorted(table.due(2)) == sorted(key for key, when in model.items() if when <= 2)
    assert table.next == min((when for when in model.values() if when > 2), default=None)

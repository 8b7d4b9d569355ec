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
    assert [table.overdue(now) for now in (0.5, 1.0, 2.0)] == [0, 1, 2]
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


def test_what_an_appointment_is() -> None:
    table: Timetable[str] = Timetable()
    assert table.when("a") is None
    table.set("a", 1.0)
    table.set("a", 2.0)
    assert table.when("a") == 2.0
    assert len(table) == 1
    table.cancel("a")
    assert table.when("a") is None
    assert len(table) == 0


def test_appointments_far_ahead_that_are_moved_do_not_pile_up() -> None:
    table: Timetable[str] = Timetable()
    for number, key in enumerate(["first", "second", "third"], 10):
        table.set(key, number)
    for number in range(10_000):
        table.set("a", 3600.0 + number)
        table.set("b", 3600.0 + number % 2)
        table.cancel("c")
        table.set("c", 7200.0)
    assert len(table._heap) < 100
    assert list(table.due(9e9)) == ["first", "second", "third", "b", "c", "a"]


def test_appointments_that_all_stand_are_not_cleaned_up_after() -> None:
    class Table(Timetable[int]):
        def _clean(self) -> None:
            raise AssertionError

    table = Table()
    for key in range(1000):
        table.set(key, key)
    assert len(table) == 1000

"""Whose turn it is to be read again."""

from __future__ import annotations

from uuid import UUID

import pytest

from virtinformer._core.record import Record
from virtinformer._core.rota import LARGEST, SLACK, SLICE, SLICES, Rota

PERIOD = 60.0


def rota_of(count: int) -> tuple[Rota, list[Record]]:
    """So many are known since second 0, 1, 2, …"""
    rota, records = Rota(), [Record(UUID(int=number)) for number in range(count)]
    for number, record in enumerate(records):
        rota.note(record, known=True, now=float(number))
    return rota, records


@pytest.mark.parametrize(
    ("known", "slices"),
    [
        (0, 1),
        (1, 1),
        (SLICE, 1),
        (SLICE + 1, 2),
        (SLICE * SLICES, SLICES),
        (SLICE * SLICES + 1, SLICES),
        (LARGEST * SLICES, SLICES),
        (LARGEST * SLICES + 1, SLICES + 1),
        (100_000, 49),
    ],
)
def test_slices_are_neither_many_nor_large(known: int, slices: int) -> None:
    rota = Rota()
    rota.known = known
    assert rota.pause(PERIOD) == PERIOD / slices


def test_who_is_overdue_is_read_at_once_however_many_they_are() -> None:
    rota, records = rota_of(SLICE * 3)
    assert rota.next_slice(PERIOD, 500.0) == frozenset(record.uuid for record in records)


def test_slices_are_of_one_size_and_go_round() -> None:
    rota, records = rota_of(0)
    records = [Record(UUID(int=number)) for number in range(SLICE * 3)]
    for record in records:
        rota.note(record, known=True, now=0.0)
    names = [record.uuid for record in records]
    for turn in range(6):
        first = turn % 3 * SLICE
        found = rota.next_slice(PERIOD, 20.0 * turn)
        assert found == frozenset(names[first : first + SLICE])


def test_a_slice_is_rounded_up() -> None:
    rota, _ = rota_of(0)
    for number in range(SLICE + 1):
        rota.note(Record(UUID(int=number)), known=True, now=0.0)
    assert len(rota.next_slice(PERIOD, 0.0)) == SLICE // 2 + 1


def test_who_would_be_overdue_by_the_next_slice_is_in_this_one() -> None:
    rota, _ = rota_of(0)
    count = SLICE * 2
    for number in range(count):
        rota.note(Record(UUID(int=number)), known=True, now=0.0 if number < 200 else 10.0)
    # Two slices, half a minute apart: whoever was read before 5.0 would wait for too long.
    assert len(rota.next_slice(PERIOD, 35.0)) == 200
    assert len(rota.next_slice(PERIOD, 35.0)) == SLICE


def test_who_is_not_known_any_more_has_no_turn() -> None:
    rota, records = rota_of(3)
    rota.note(records[0], known=False, now=5.0)
    assert rota.known == 2
    assert not records[0].known
    assert rota.next_slice(PERIOD, 5.0) == {records[1].uuid, records[2].uuid}
    assert not records[0].in_rota
    rota.note(records[0], known=True, now=6.0)
    assert records[0].turn == 6.0
    assert rota.next_slice(PERIOD, 7.0) == {record.uuid for record in records}


def test_who_comes_back_in_time_keeps_the_place() -> None:
    rota, records = rota_of(2)
    rota.note(records[0], known=False, now=5.0)
    rota.note(records[0], known=True, now=6.0)
    assert len(rota._line) == 2
    assert records[0].turn == 0.0


def test_who_had_a_turn_waits_for_one_more_only() -> None:
    rota, records = rota_of(2)
    rota.next_slice(PERIOD, 5.0)
    for record in records:
        assert record.in_rota
        rota.note(record, known=True, now=6.0)
    assert list(rota._line) == records


def test_those_who_are_gone_are_left_out_when_there_are_too_many() -> None:
    rota, records = rota_of(SLACK + 3)
    for record in records[1:]:
        rota.note(record, known=False, now=5.0)
    rota.tidy()
    assert [record.uuid for record in rota._line] == [records[0].uuid]
    assert [record.in_rota for record in records[:2]] == [True, False]


def test_a_few_who_are_gone_are_not_worth_it() -> None:
    rota, records = rota_of(SLACK + 2)
    for record in records[1:]:
        rota.note(record, known=False, now=5.0)
    rota.tidy()
    assert len(rota._line) == SLACK + 2

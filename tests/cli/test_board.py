"""What the live table holds, and what is lit up."""

from __future__ import annotations

import pytest

import virtinformer as vi
from tests.cli.making import added, deleted, domain, updated
from virtinformer.cli.board import LIT, Board, chosen

WEB = domain("web", 1)
DATABASE = domain("db", 2)
SYNCED = vi.Synced(2)


@pytest.fixture
def board() -> Board:
    board = Board()
    for delta in (added(WEB), added(DATABASE), SYNCED):
        board.take(delta, 0.0)
    return board


def test_what_was_there_at_first_is_not_lit(board: Board) -> None:
    assert [(e.row.domain.name, e.sign, e.is_lit(0.0)) for e in board.entries(0.0)] == [
        ("db", "", False),
        ("web", "", False),
    ]


def test_what_comes_then_is_lit_for_a_while(board: Board) -> None:
    board.take(added(domain("app", 3), vi.DeltaSource.EVENT), 1.0)
    entry = board.entries(1.0)[0]
    assert (entry.sign, entry.is_lit(1.0), entry.is_lit(1.0 + LIT)) == ("+", True, False)


def test_what_changed_is_named(board: Board) -> None:
    delta = updated(WEB, "Suspended", state=vi.DomainState.PAUSED, generation=2)
    board.take(delta, 1.0)
    entry = board.entries(1.0)[1]
    assert (entry.sign, entry.told, entry.changed) == (
        "~",
        "Suspended",
        frozenset({"state", "generation"}),
    )


def test_a_silent_change_says_what_found_it(board: Board) -> None:
    board.take(updated(WEB, autostart=True), 1.0)
    assert board.entries(1.0)[1].told == "(resync)"


def test_what_is_gone_stays_for_a_while(board: Board) -> None:
    board.take(deleted(WEB), 1.0)
    assert [e.row.state for e in board.entries(1.0)] == ["running", "deleted"]
    assert [e.row.state for e in board.entries(1.0 + LIT)] == ["running"]


def test_what_comes_back_meanwhile_stays(board: Board) -> None:
    board.take(deleted(WEB), 1.0)
    board.take(added(WEB, vi.DeltaSource.EVENT), 2.0)
    assert [e.row.state for e in board.entries(1.0 + LIT)] == ["running", "running"]


def test_it_says_when_the_next_light_goes_out(board: Board) -> None:
    assert board.fading(0.0) is None
    board.take(updated(WEB, autostart=True), 1.0)
    board.take(updated(DATABASE, autostart=True), 2.0)
    assert board.fading(2.5) == pytest.approx(LIT - 1.5)
    assert board.fading(1.0 + LIT) == pytest.approx(1.0)


def test_where_there_is_no_room_the_latest_changes_are_shown(board: Board) -> None:
    for number in range(3, 10):
        board.take(added(domain(f"x-{number}", number), vi.DeltaSource.EVENT), float(number))
    names = [e.row.domain.name for e in chosen(board.entries(9.0), 3)]
    assert names == ["x-7", "x-8", "x-9"]
    board.take(updated(WEB, autostart=True), 10.0)
    assert [e.row.domain.name for e in chosen(board.entries(10.0), 3)] == ["web", "x-8", "x-9"]

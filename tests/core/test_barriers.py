"""The barriers: each waits for its own domains, read after its own stamp."""

from __future__ import annotations

import pytest

from virtinformer._core.barriers import CATCH_UP, FIRST_SYNC, Barrier, Barriers

from .driving import A, B

REFRESH_A, REFRESH_B, SYNC = 1, 2, 3


def waiting(*barriers: Barrier) -> Barriers:
    found = Barriers()
    for barrier in barriers:
        found.add(barrier)
    return found


def test_a_read_counts_only_if_it_began_after_the_stamp() -> None:
    barriers = waiting(Barrier(REFRESH_A, 5, {A}))
    assert not barriers.seen(A, 5)
    assert not barriers.seen(B, 6)
    assert barriers.passed() == []
    assert barriers.seen(A, 6)
    assert barriers.passed() == [REFRESH_A]
    assert barriers.passed() == []
    assert REFRESH_A not in barriers


def test_a_list_counts_only_if_it_began_after_the_stamp() -> None:
    barriers = waiting(Barrier(SYNC, 5, None))
    need = [barriers.need_list]
    assert not barriers.listed(5, lambda _: set())
    need += [barriers.need_list]
    assert barriers.listed(6, lambda stamp: {A} if stamp == 5 else set())
    need += [barriers.need_list]
    assert need == [True, True, False]
    assert barriers.passed() == []
    assert not barriers.listed(7, lambda _: {B}), "one list is enough"
    assert barriers.seen(A, 7)
    assert barriers.passed() == [SYNC]


def test_who_waits_for_several_waits_for_the_last() -> None:
    barriers = waiting(Barrier(SYNC, 5, {A, B}))
    assert barriers.seen(A, 6)
    assert barriers.passed() == []
    assert not barriers.seen(A, 7)
    assert barriers.seen(B, 7)
    assert barriers.passed() == [SYNC]


def test_an_unreadable_domain_fails_those_who_wait_for_it_alone() -> None:
    barriers = waiting(
        Barrier(REFRESH_A, 5, {A}), Barrier(REFRESH_B, 5, {B}), Barrier(SYNC, 5, None)
    )
    assert barriers.unreadable(A) == [REFRESH_A]
    assert REFRESH_A not in barriers
    assert REFRESH_B in barriers
    assert SYNC in barriers


@pytest.mark.parametrize("token", [FIRST_SYNC, CATCH_UP])
def test_an_unreadable_domain_is_not_waited_for_where_nobody_could_be_told(token: int) -> None:
    barriers = waiting(Barrier(token, 5, {A, B}))
    assert barriers.unreadable(A) == []
    assert barriers.passed() == []
    assert barriers.seen(B, 6)
    assert barriers.passed() == [token]


def test_a_host_that_does_not_list_fails_those_who_wait_for_a_list() -> None:
    barriers = waiting(
        Barrier(FIRST_SYNC, -1, None), Barrier(REFRESH_A, 5, {A}), Barrier(SYNC, 5, None)
    )
    assert barriers.unlistable(unread=False) == [SYNC]
    assert barriers.unlistable(unread=True) == [REFRESH_A]
    assert FIRST_SYNC in barriers
    assert barriers.need_list


def test_whoever_cancelled_is_forgotten() -> None:
    barriers = waiting(Barrier(REFRESH_A, 5, {A}))
    barriers.cancel(REFRESH_A)
    barriers.cancel(REFRESH_A)
    assert not barriers.seen(A, 6)
    assert barriers.passed() == []

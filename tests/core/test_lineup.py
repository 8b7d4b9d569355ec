"""The queue from whose middle can be taken, against an ordered dictionary."""

from __future__ import annotations

from collections import OrderedDict

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from virtinformer._core.lineup import PASSED, SLACK, Lineup

KEYS = st.integers(0, 4)


def places(lineup: Lineup[int, str]) -> int:
    return len(lineup._looked_at) + len(lineup._line)


def emptied(lineup: Lineup[int, str]) -> list[tuple[int, str]]:
    """All entries, in order, taken out."""
    taken = []
    while len(lineup):
        while lineup.pass_over():
            pass
        assert lineup.first is not None
        taken.append(lineup.first)
        lineup.take(lineup.first[0])
    return taken


class TwoQueues(RuleBasedStateMachine):
    """What is done to one is done to the other."""

    def __init__(self) -> None:
        super().__init__()
        self.ours: Lineup[int, str] = Lineup()
        self.plain: OrderedDict[int, str] = OrderedDict()

    @rule(key=KEYS, value=st.text(max_size=1))
    def put(self, key: int, value: str) -> None:
        assert self.ours.take(key) == self.plain.pop(key, None)
        self.ours.put(key, value)
        self.plain[key] = value

    @rule(key=KEYS, times=st.integers(SLACK // 4, 2 * SLACK))
    def put_often(self, key: int, times: int) -> None:
        for number in range(times):
            self.put(key, str(number))

    @rule(key=KEYS)
    def take(self, key: int) -> None:
        assert self.ours.take(key) == self.plain.pop(key, None)

    @precondition(lambda self: self.plain)
    @rule()
    def take_the_first(self) -> None:
        assert not self.ours.pass_over()
        first = self.ours.first
        assert first == next(iter(self.plain.items()))
        self.take(first[0])

    @invariant()
    def they_are_alike(self) -> None:
        assert len(self.ours) == len(self.plain)

    def teardown(self) -> None:
        assert emptied(self.ours) == list(self.plain.items())


TestLineup = TwoQueues.TestCase


def test_it_is_empty_at_first() -> None:
    lineup: Lineup[int, str] = Lineup()
    assert not lineup.pass_over()
    assert lineup.first is None
    assert len(lineup) == 0


def test_an_entry_that_stays_first_does_not_let_empty_places_pile_up() -> None:
    lineup: Lineup[int, str] = Lineup()
    lineup.put(0, "stays")
    for number in range(10_000):
        lineup.take(1 + number % 50)
        lineup.put(1 + number % 50, str(number))
        assert places(lineup) <= 3 * 51 + SLACK
    assert not lineup.pass_over()
    assert lineup.first == (0, "stays")


def test_places_are_bounded_where_only_the_newest_comes_and_goes() -> None:
    lineup: Lineup[int, str] = Lineup()
    for key in range(1_000):
        lineup.put(key, "")
    for _ in range(5_000):
        lineup.take(999)
        lineup.put(999, "")
        assert places(lineup) <= 3 * 1_000 + SLACK


def test_empty_places_are_passed_over_a_part_at_a_time() -> None:
    lineup: Lineup[int, str] = Lineup()
    count = 3 * PASSED
    for key in [*range(count), *range(count)]:
        lineup.take(key)
        lineup.put(key, "")
    assert [lineup.pass_over() for _ in range(4)] == [True, True, True, False]
    assert lineup.first == (0, "")
    assert places(lineup) == count


def test_what_is_left_keeps_its_order() -> None:
    lineup: Lineup[int, str] = Lineup()
    for key in [*range(500), *range(0, 500, 2)]:
        lineup.take(key)
        lineup.put(key, str(key))
    for key in range(0, 500, 5):
        lineup.take(key)
    kept = [key for key in [*range(1, 500, 2), *range(0, 500, 2)] if key % 5]
    assert emptied(lineup) == [(key, str(key)) for key in kept]


def test_what_was_looked_at_is_looked_at_again() -> None:
    lineup: Lineup[int, str] = Lineup()
    for key in range(200):
        lineup.put(key, "")

    def come_and_go(times: int) -> None:
        for _ in range(times):
            lineup.take(-1)
            lineup.put(-1, "")

    come_and_go(1_000)
    assert len(lineup._looked_at) == 200  # all of them were there
    for key in range(1, 200):
        lineup.take(key)
    come_and_go(1_000)
    assert places(lineup) <= 2 * 2 + SLACK
    assert emptied(lineup) == [(0, ""), (-1, "")]

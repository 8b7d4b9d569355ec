"""How long to wait before trying again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtinformer._core.backoff import Backoff


def test_it_doubles_up_to_the_ceiling() -> None:
    backoff = Backoff(initial=0.1, maximum=30.0)
    waits = [backoff.delay(tries, lambda: 0.0) for tries in range(1, 12)]
    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0])


def test_a_host_that_is_away_for_ever() -> None:
    assert Backoff().delay(100_000, lambda: 0.0) == 30.0


@given(tries=st.integers(1, 10_000), chance=st.floats(0.0, 1.0, exclude_max=True))
def test_jitter_takes_off_a_half_at_most(tries: int, chance: float) -> None:
    full = Backoff().delay(tries, lambda: 0.0)
    delay = Backoff().delay(tries, lambda: chance)
    assert full / 2 <= delay <= full <= 30.0


@pytest.mark.parametrize(
    ("initial", "maximum", "complaint"),
    [
        (0.0, 1.0, "initial must be above 0"),
        (-1.0, 1.0, "initial must be above 0"),
        (float("nan"), 1.0, "initial must be above 0"),
        (2.0, 1.0, "maximum must not be below initial"),
        (2.0, float("nan"), "maximum must not be below initial"),
    ],
)
def test_what_makes_no_sense(initial: float, maximum: float, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{complaint}$"):
        Backoff(initial, maximum)


def test_a_wait_that_is_always_the_same() -> None:
    assert Backoff(2.0, 2.0).delay(7, lambda: 0.0) == 2.0

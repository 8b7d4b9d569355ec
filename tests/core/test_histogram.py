"""Durations, counted in buckets."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtinformer._core.histogram import BOUNDS, Durations


def test_a_duration_is_in_the_first_bucket_that_holds_it() -> None:
    durations = Durations((1.0, 5.0))
    for seconds in (0.0, 1.0, 1.5, 5.0, 5.1, 100.0):
        durations.observe(seconds)
    histogram = durations.histogram
    assert histogram.bounds == (1.0, 5.0)
    assert histogram.counts == (2, 2, 2)
    assert histogram.count == 6
    assert histogram.sum == pytest.approx(112.6)
    assert histogram.buckets == ((1.0, 2), (5.0, 4), (math.inf, 6))


def test_what_was_given_out_does_not_change() -> None:
    durations = Durations()
    before = durations.histogram
    durations.observe(0.2)
    assert before.count == 0
    assert durations.histogram.count == 1


def test_the_bounds_grow() -> None:
    assert sorted(set(BOUNDS)) == list(BOUNDS)


@given(st.lists(st.floats(0.0, 1000.0)))
def test_every_duration_is_counted_once(seconds: list[float]) -> None:
    durations = Durations()
    for each in seconds:
        durations.observe(each)
    for bound, count in durations.histogram.buckets:
        assert count == sum(each <= bound for each in seconds)

"""What is made of the figures of a comparison."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from bench.result import Result, percentile


def result(
    ours: Sequence[float], other: Sequence[float], *, target: float = 1.0, at_least: bool = False
) -> Result:
    return Result("name:part", "peer", "ms", target, ours, other, at_least)


def test_the_ratio_is_the_median_of_the_ratios_of_the_rounds() -> None:
    # Not the ratio of the medians: in the busy second round both were slow.
    found = result([1.0, 90.0, 3.0], [2.0, 100.0, 4.0])
    assert found.ratios == [0.5, 0.9, 0.75]
    assert found.ratio == 0.75


def test_half_of_the_rounds_lie_within_the_spread() -> None:
    found = result([1.0, 2.0, 3.0, 4.0, 5.0], [1.0] * 5)
    assert found.spread == (2.0, 4.0)


@pytest.mark.parametrize(
    ("ratio", "at_least", "met"),
    [
        (0.9, False, True),
        (1.0, False, True),
        (1.1, False, False),
        (0.9, True, False),
        (1.0, True, True),
        (1.1, True, True),
    ],
)
def test_a_time_is_to_be_small_and_a_rate_great(ratio: float, at_least: bool, met: bool) -> None:
    assert result([ratio], [1.0], at_least=at_least).met is met


def test_rounds_of_one_side_alone_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="zip"):
        assert result([1.0], [1.0, 2.0]).ratios


def test_the_json_form() -> None:
    found = result([1.0, 3.0, 2.0], [2.0, 2.0, 2.0], target=0.5)
    assert json.loads(json.dumps(found.to_dict())) == {
        "name": "name:part",
        "ours": 2.0,
        "other": 2.0,
        "peer": "peer",
        "ratio": 1.0,
        "unit": "ms",
        "n": 3,
        "target": 0.5,
        "met": False,
    }


def test_a_part_belongs_to_its_benchmark() -> None:
    assert result([1.0], [1.0]).benchmark == "name"


@pytest.mark.parametrize(
    ("percent", "value"), [(0, 10.0), (25, 17.5), (50, 25.0), (99, 39.7), (100, 40.0)]
)
def test_a_percentile_lies_between_its_neighbours(percent: float, value: float) -> None:
    assert percentile([40.0, 10.0, 30.0, 20.0], percent) == pytest.approx(value)


def test_the_percentiles_of_one_value_are_that_value() -> None:
    assert {percentile([7.0], percent) for percent in (0, 50, 100)} == {7.0}

"""How durations are spread, in a form that can be added up and drawn.

A duration is counted in the first bucket that holds it. Buckets, their total and
the sum are all that a monitoring system needs to compute rates, means and
quantiles over any span of time, and cost the same for ten durations and for ten
million.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from typing import Final

import attrs

__all__ = ["BOUNDS", "Durations", "Histogram"]

BOUNDS: Final = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
)  # fmt: skip
"""From less than one round trip to a daemon on the same host, to what somebody forgot to bound."""


@attrs.frozen
class Histogram:
    """How many durations were how long, all told.

    Attributes:
        bounds: the longest duration of each bucket, in seconds, growing.
        counts: how many durations fell in each bucket, and, last, how many
            were longer than every bound.
        sum: seconds of all of them together.
    """

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    sum: float

    @property
    def count(self) -> int:
        """How many durations there were."""
        return sum(self.counts)

    @property
    def buckets(self) -> tuple[tuple[float, int], ...]:
        """As Prometheus has it: each bound and how many were not longer; infinity is the last."""
        bounds = (*self.bounds, float("inf"))
        return tuple(zip(bounds, itertools.accumulate(self.counts), strict=True))


class Durations:
    """The writer: counts durations as they come.

    Args:
        bounds: the longest duration of each bucket, in seconds, growing.
    """

    def __init__(self, bounds: tuple[float, ...] = BOUNDS) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one more."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._sum += seconds

    @property
    def histogram(self) -> Histogram:
        """What was counted until now."""
        return Histogram(self._bounds, tuple(self._counts), self._sum)

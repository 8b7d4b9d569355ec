"""What one comparison found: a ratio, how sure it is, and whether it is what was aimed at.

Absolute figures belong to a machine and a moment. What counts is the ratio of what two
contenders did in the same round, one right after the other: a busy moment slows both. The
median of the ratios is the figure, their quartiles say what it is worth.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import attrs

__all__ = ["Result", "percentile"]


@attrs.frozen
class Result:
    """One comparison.

    Attributes:
        name: of the benchmark; after a colon, which of its figures, but for the first.
        peer: whom or what ours is compared with.
        unit: of both sides' figures.
        target: what the ratio should be at most, or, if `at_least`, at least.
        ours: a figure for each round.
        other: the peer's, of the same rounds.
        at_least: whether more is better: rates, and not times.
    """

    name: str
    peer: str
    unit: str
    target: float
    ours: Sequence[float]
    other: Sequence[float]
    at_least: bool = False

    @property
    def benchmark(self) -> str:
        """The benchmark that it is of."""
        return self.name.partition(":")[0]

    @property
    def ratios(self) -> list[float]:
        """Ours to the other's, for each round."""
        return [ours / other for ours, other in zip(self.ours, self.other, strict=True)]

    @property
    def ratio(self) -> float:
        """The median over the rounds."""
        return statistics.median(self.ratios)

    @property
    def spread(self) -> tuple[float, float]:
        """The quartiles of the ratios: half of the rounds lie between them."""
        return percentile(self.ratios, 25), percentile(self.ratios, 75)

    @property
    def met(self) -> bool:
        """Whether the ratio is what was aimed at."""
        return self.ratio >= self.target if self.at_least else self.ratio <= self.target

    def to_dict(self) -> dict[str, object]:
        """As `--json` has it."""
        return {
            "name": self.name,
            "ours": statistics.median(self.ours),
            "other": statistics.median(self.other),
            "peer": self.peer,
            "ratio": self.ratio,
            "unit": self.unit,
            "n": len(self.ours),
            "target": self.target,
            "met": self.met,
        }


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which so much of them lies, interpolated between neighbours."""
    ordered = sorted(values)
    at = (len(ordered) - 1) * percent / 100
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)

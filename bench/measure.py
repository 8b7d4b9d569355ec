"""How anything is measured here: as a ratio, interleaved, over several rounds.

Absolute times belong to a machine and a moment. Ours and the other's work are therefore done in
turn, A B A B, in one process, and what counts is the ratio of each pair: a busy moment slows
both. The median of the ratios is the figure, their spread says what it is worth.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import attrs

__all__ = ["Result", "Stall", "interleave", "watch_stall"]

Work = Callable[[], Awaitable[float]]
"""Does the work once; how long it took, in seconds."""


@attrs.frozen
class Result:
    """What one benchmark found; `target` is the largest ratio, ours to the other's, allowed."""

    name: str
    peer: str
    unit: str
    target: float
    ours: list[float]
    other: list[float]
    notes: dict[str, float] = attrs.Factory(dict)

    @property
    def ratios(self) -> list[float]:
        return [a / b for a, b in zip(self.ours, self.other, strict=True)]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    def to_dict(self) -> dict[str, object]:
        return {
            "name": self.name,
            "ours": statistics.median(self.ours),
            "other": statistics.median(self.other),
            "peer": self.peer,
            "ratio": self.ratio,
            "unit": self.unit,
            "n": len(self.ours),
            "target": self.target,
            "met": self.ratio <= self.target,
        } | self.notes

    def __str__(self) -> str:
        ours, other = statistics.median(self.ours), statistics.median(self.other)
        lines = [
            f"{self.name}: ratio {self.ratio:.2f} ({min(self.ratios):.2f}-{max(self.ratios):.2f}, "
            f"n={len(self.ours)}), target {self.target:.2f}: "
            + ("met" if self.ratio <= self.target else "NOT met"),
            f"  ours {ours:.1f} {self.unit}, {self.peer} {other:.1f} {self.unit}",
            *(f"  {what.replace('_', ' ')}: {value:.2f}" for what, value in self.notes.items()),
        ]
        return "\n".join(lines)


async def interleave(ours: Work, other: Work, rounds: int) -> tuple[list[float], list[float]]:
    """One round of each that is not counted, then ours and the other's in turn, in ms."""
    await ours()
    await other()
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        found[0].append(await ours() * 1000)
        found[1].append(await other() * 1000)
    return found


@attrs.define
class Stall:
    """The longest time in which the event loop did not get to anything else, in ms."""

    longest: float = 0.0


@contextlib.asynccontextmanager
async def watch_stall(stall: Stall, period: float = 0.001) -> AsyncIterator[None]:
    """Ask the loop for a turn every millisecond, and keep how late the latest one came."""

    async def sample() -> None:
        while True:
            asked = time.perf_counter()
            await asyncio.sleep(period)
            late = time.perf_counter() - asked - period
            stall.longest = max(stall.longest, late * 1000)

    task = asyncio.create_task(sample())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])

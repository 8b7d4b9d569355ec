"""Plays a stretch of seeds: what one process does at a time."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Final

import attrs

from tests.simulation.coverage import Coverage
from tests.simulation.verdict import Failure, judge
from tests.simulation.worlds import world

__all__ = ["Found", "play_stretch"]

STUCK: Final = 120
"""Seconds of real time after which a world is given up: in it nothing gives way any more."""


class Stuck(KeyboardInterrupt):
    """A world did not come to its end: nobody below may take this for a fault of their own."""


@attrs.frozen
class Found:
    """What a stretch of seeds has shown.

    Attributes:
        coverage: what was reached.
        failed: the seeds that failed, and how.
    """

    coverage: Coverage
    failed: tuple[tuple[int, tuple[Failure, ...]], ...]


def play_stretch(seeds: Iterable[int]) -> Found:
    """Play and judge the worlds of some seeds, each within its time."""
    coverage = Coverage()
    failed: list[tuple[int, tuple[Failure, ...]]] = []
    for seed in seeds:
        try:
            with _given_up_when_stuck():
                verdict = judge(world(seed))
        except Stuck as stuck:
            failed.append((seed, (Failure("Stuck", str(stuck)),)))
            continue
        coverage.add(verdict.coverage)
        if verdict.failures:
            failed.append((seed, verdict.failures))
    return Found(coverage, tuple(failed))


@contextlib.contextmanager
def _given_up_when_stuck() -> Iterator[None]:
    before = signal.signal(signal.SIGALRM, _give_up)
    signal.alarm(STUCK)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _give_up(_signal: int, _frame: FrameType | None) -> None:
    raise Stuck(f"it did not come to its end within {STUCK} s")

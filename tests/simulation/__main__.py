"""``python -m tests.simulation``: plays many worlds, says what they reached and which failed.

A world that fails is made short, and printed as a test to be pasted. The exit status is 1
if one failed, or if a pair of the table of phases and inputs was never reached (or was, and
is said to be impossible).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from tests.simulation.coverage import Coverage
from tests.simulation.shrink import as_test, shrink
from tests.simulation.stretch import Found, play_stretch
from tests.simulation.table import table
from tests.simulation.verdict import Failure, fails_like, judge
from tests.simulation.worlds import world

CHUNK: Final = 100
"""Worlds that a process plays before it tells of them."""

SHRUNK: Final = 5
"""So many failures are made short; that takes a while, and the first tells the most."""

REACH: Final = 2_000
"""From so many worlds on every pair has to be reached."""


def main() -> int:
    """Do as the arguments say; return the exit status."""
    wanted = _arguments()
    began = time.monotonic()
    coverage = Coverage()
    failed: list[tuple[int, tuple[Failure, ...]]] = []
    for number, found in enumerate(_play(wanted.first, wanted.seeds, wanted.processes), 1):
        coverage.add(found.coverage)
        failed += found.failed
        for seed, failures in found.failed:
            _say(f"seed {seed} fails: {', '.join(failure.kind for failure in failures)}")
        if not number % 50:
            _say(f"{coverage.runs} worlds, {len(failed)} failed, {time.monotonic() - began:.0f} s")
    for seed, failures in failed[:SHRUNK]:
        _explain(seed, failures)
    if wanted.table:
        wanted.table.write_text(table(coverage) + "\n")
    _summarise(coverage, len(failed), time.monotonic() - began)
    return int(bool(failed or coverage.refuted or (wanted.seeds >= REACH and coverage.missing)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many worlds")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--processes", type=int, default=1, help="how many at a time")
    parser.add_argument("--table", type=Path, help="file for the tables, as Markdown")
    return parser.parse_args()


def _play(first: int, seeds: int, processes: int) -> Iterator[Found]:
    end = first + seeds
    stretches = [range(n, min(n + CHUNK, end)) for n in range(first, end, CHUNK)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(play_stretch, stretches)


def _explain(seed: int, failures: tuple[Failure, ...]) -> None:
    if any(failure.kind == "Stuck" for failure in failures):
        _say(f"seed {seed} did not end; it is not made short")
        return
    short = shrink(world(seed), fails_like(failures))
    left = judge(short).failures
    _say(f"\n# seed {seed}\n{as_test(short, left, f'seed_{seed}')}")
    for failure in left:
        _say(f"{failure}\n")


def _summarise(coverage: Coverage, failed: int, seconds: float) -> None:
    _say(f"\n{coverage.runs} worlds in {seconds:.0f} s, {coverage.lines} lines: {failed} failed")
    for name in ("faults", "done", "deltas", "moves"):
        counts = [f"{_words(key)} {n}" for key, n in getattr(coverage, name).most_common()]
        _say(f"{name}: {', '.join(counts)}")
    _say(f"life cycle: {len(coverage.steps)} different steps, {coverage.steps.total()} in all")
    _say(f"pairs not reached: {[*map(_words, coverage.missing)] or 'none'}")
    wrong = [*map(_words, coverage.refuted)] or "none"
    _say(f"pairs reached that are said to be impossible: {wrong}")


def _words(key: object) -> str:
    if not isinstance(key, tuple):
        return str(key)
    return " ".join(map(_word, key)).strip()


def _word(part: object) -> str:
    if isinstance(part, bool):
        return "late" if part else ""
    return str(getattr(part, "name", part))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

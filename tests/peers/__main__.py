"""Runs the scenarios on every informer that is installed, and prints who kept which promise.

Each run has a process of its own: what one of them leaves behind is in nobody's way. Fails
if this library breaks a promise; what the others do is a finding, and no failure.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.peers import tables
from tests.peers.adapters import ADAPTERS
from tests.peers.outcome import Outcome, Word
from tests.peers.page import page, versions
from tests.peers.scenarios import SCENARIOS
from tests.peers.stage import NotOffered

TIMEOUT = 400
"""Seconds for one run; the longest waits for more than a minute, as long as a peer does."""


def main() -> int:
    options = _options()
    if options.one:
        _say(_one(*options.one).to_json())
        return 0
    informers = options.informer or [n for n, adapter in ADAPTERS.items() if adapter.is_installed]
    outcomes = _all(informers, options.scenario or list(SCENARIOS), options.jobs)
    _say("", tables.by_promise(outcomes), "", tables.by_scenario(outcomes), "")
    _say(tables.findings(outcomes))
    if options.page:
        _say("", versions())
        options.page.parent.mkdir(parents=True, exist_ok=True)
        options.page.write_text(page(outcomes), "utf-8")
    return int(any(_is_ours(outcome) for outcome in outcomes))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.peers", description=__doc__)
    parser.add_argument("--informer", action="append", choices=ADAPTERS)
    parser.add_argument("--scenario", action="append", choices=SCENARIOS)
    parser.add_argument("--jobs", type=int, default=4, help="how many at a time")
    parser.add_argument("--page", type=Path, help="where to write the page of the docs")
    parser.add_argument("--one", nargs=2, metavar=("INFORMER", "SCENARIO"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    missing = [name for name, adapter in ADAPTERS.items() if not adapter.is_installed]
    if options.page and (missing or options.informer or options.scenario):
        parser.error(f"a page tells of all; {missing or 'something'} would be missing")
    return options


def _one(informer: str, scenario: str) -> Outcome:
    try:
        history = ADAPTERS[informer].play(SCENARIOS[scenario])
    except NotOffered as error:
        return Outcome.not_offered(informer, scenario, str(error))
    sys.stderr.write(f"{history}\n")
    return Outcome.of(informer, scenario, history)


def _all(informers: Sequence[str], scenarios: Sequence[str], jobs: int) -> list[Outcome]:
    runs = [(informer, scenario) for informer in informers for scenario in scenarios]
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(lambda run: _in_process(*run), runs))


def _in_process(informer: str, scenario: str) -> Outcome:
    command = [sys.executable, "-m", "tests.peers", "--one", informer, scenario]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    if done.returncode:
        raise RuntimeError(f"{informer} could not play {scenario}:\n{done.stderr[-4000:]}")
    outcome = Outcome.from_json(done.stdout.splitlines()[-1])
    _say(f"{informer:12} {scenario:32} {tables.in_short(outcome)} ({outcome.seconds:.1f} s)")
    return outcome


def _is_ours(outcome: Outcome) -> bool:
    verdicts = outcome.verdicts.values()
    return outcome.informer == "virtinformer" and any(v.word is Word.VIOLATED for v in verdicts)


def _say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tests.soak [--minutes N] [--out FOLDER]`: run, judge, draw.

Exit status 1 if anything was not flat; what, is said.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import attrs

from tests.soak.conductor import Plan, conduct
from tests.soak.picture import draw
from tests.soak.recording import Recording
from tests.soak.summary import table
from tests.soak.verdict import Judgement, judge


def main(words: Sequence[str] | None = None) -> int:
    """Do what the arguments say; the exit status."""
    arguments = _arguments(words)
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    file = out / "soak.jsonl"
    recording = Recording.load(file) if arguments.again else _recorded(arguments, file)
    if recording.samples:
        draw(recording, out / "soak.svg")
        print(table(recording))  # noqa: T201
    judgements = judge(recording)
    print("", *judgements, sep="\n")  # noqa: T201
    return _status(judgements)


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, metavar="N")
    parser.add_argument("--out", type=Path, default=Path("build/soak"), metavar="FOLDER")
    parser.add_argument("--quick", action="store_true", help="a few seconds: does it still run?")
    parser.add_argument("--again", action="store_true", help="judge and draw what is there")
    return parser.parse_args(words)


def _recorded(arguments: argparse.Namespace, file: Path) -> Recording:
    recording = Recording()
    try:
        conduct(_plan(arguments), recording, _say)
    finally:
        recording.save(file)
    return recording


def _plan(arguments: argparse.Namespace) -> Plan:
    return Plan.quick() if arguments.quick else attrs.evolve(Plan(), minutes=arguments.minutes)


def _say(line: str) -> None:
    """One short line for each sample, to be watched."""
    entry = json.loads(line)
    if entry["kind"] != "sample":
        return
    hosts = " ".join(
        f"{name}: v{host['resource_version']} {'synced' if host['synced'] else 'AWAY'}"
        for name, host in entry["hosts"].items()
    )
    print(f"{entry['at']:7.1f} s  {entry['rss'] / 1e6:6.1f} MB  {hosts}", flush=True)  # noqa: T201


def _status(judgements: list[Judgement]) -> int:
    return int(any(judgement.holds is False for judgement in judgements))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # end as on Ctrl-C: tidily
    sys.exit(main())

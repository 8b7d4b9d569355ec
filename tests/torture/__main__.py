"""`python -m tests.torture --minutes N [--seed S] [--only qemu|test]`: real torture, and figures.

Rounds of a minute, one after another, on one daemon. The first that ends badly is the last, or
with `--go-on` the last on that daemon.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import logging
import random
import sys
import time
from collections.abc import Iterator

import libvirt

from tests.torture.run import DRIVERS, Broken, Plan, private_daemon, torture
from tests.torture.tally import Tally


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--only", choices=DRIVERS)
    parser.add_argument("--round", type=float, default=60.0, help="seconds of one round")
    parser.add_argument("--go-on", action="store_true", help="also after a round that ends badly")
    arguments = parser.parse_args()
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    logging.getLogger("virtinformer").propagate = False  # it is in the history
    sys.exit(asyncio.run(_run(arguments)))


async def _run(arguments: argparse.Namespace) -> int:
    drivers = (arguments.only,) if arguments.only else DRIVERS
    tallies = {driver: Tally() for driver in drivers}
    seeds = itertools.count(arguments.seed)
    end = time.monotonic() + 60 * arguments.minutes
    broken = 0
    while time.monotonic() < end and (arguments.go_on or not broken):
        broken += await _rounds(drivers, tallies, seeds, end, arguments.round)
    for driver, tally in tallies.items():
        _print(f"\n{driver}\n{tally.report()}")
    return min(broken, 1)


async def _rounds(
    drivers: tuple[str, ...],
    tallies: dict[str, Tally],
    seeds: Iterator[int],
    end: float,
    longest: float,
) -> bool:
    """Rounds on one daemon, until it is time, or one ends badly: whether one did."""
    async with private_daemon() as daemon:
        while (left := end - time.monotonic()) > 0:
            plan = Plan(next(seeds), min(longest, left), drivers)
            try:
                await torture(daemon, plan, tallies)
            except Broken as broken:
                _print(f"seed {plan.seed}: {broken}")
                return True
            _print(f"seed {plan.seed}: well, {max(0.0, end - time.monotonic()):.0f} s to go")
    return False


def _print(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - this is a command


if __name__ == "__main__":
    main()

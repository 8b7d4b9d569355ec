"""`python -m tests.torture --minutes N [--seed S] [--only qemu|test]`: real torture, and figures.

Rounds of a minute, one after another, on one daemon; the first that ends badly is the last.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import logging
import random
import sys
import time

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
    arguments = parser.parse_args()
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    logging.getLogger("virtinformer").propagate = False  # it is in the history
    sys.exit(asyncio.run(_run(arguments)))


async def _run(arguments: argparse.Namespace) -> str | int:
    drivers = (arguments.only,) if arguments.only else DRIVERS
    tallies = {driver: Tally() for driver in drivers}
    failure: str | int = 0
    try:
        await _rounds(arguments, drivers, tallies)
    except Broken as broken:
        failure = str(broken)
    for driver, tally in tallies.items():
        _print(f"\n{driver}\n{tally.report()}")
    return failure


async def _rounds(
    arguments: argparse.Namespace, drivers: tuple[str, ...], tallies: dict[str, Tally]
) -> None:
    end = time.monotonic() + 60 * arguments.minutes
    async with private_daemon() as daemon:
        for seed in itertools.count(arguments.seed):
            if (seconds := end - time.monotonic()) <= 0:
                return
            plan = Plan(seed, min(arguments.round, seconds), drivers)
            await torture(daemon, plan, tallies)
            _print(f"seed {seed}: well, {end - time.monotonic():.0f} s to go")


def _print(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - this is a command


if __name__ == "__main__":
    main()

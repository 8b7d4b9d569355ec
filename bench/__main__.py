"""`python -m bench [NAME…] [--json FILE] [--quick]`: measure, and say what came out.

Nothing here fails for being slow: a benchmark informs, a test decides.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench import initial_sync
from bench.measure import Result

BENCHMARKS: dict[str, Callable[[int], Awaitable[Result]]] = {"initial_sync": initial_sync.run}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(BENCHMARKS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there, too")
    parser.add_argument("--quick", action="store_true", help="one round: does it still run?")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(BENCHMARKS):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    results = asyncio.run(measure(arguments.names or list(BENCHMARKS), arguments.quick))
    if arguments.json:
        arguments.json.write_text(json.dumps([result.to_dict() for result in results], indent=2))


async def measure(names: list[str], quick: bool) -> list[Result]:
    results = []
    for name in names:
        results.append(await BENCHMARKS[name](1 if quick else 7))
        print(results[-1], flush=True)
    return results


if __name__ == "__main__":
    main()

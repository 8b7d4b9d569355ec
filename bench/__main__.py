"""`python -m bench [NAME…] [--json FILE] [--plots DIR] [--quick]`: measure, side by side.

Every figure is a ratio, of what we and somebody else did in turn in the same run, with its
median over several rounds and their quartiles. The absolute figures beside it belong to this
machine and this moment. Nothing here fails for being slow: a benchmark informs, a test decides.

Needs libvirtd and QEMU (as the tests do), starts them itself, unprivileged and out of sight of
the others on this machine, and installs the peers into an environment of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench import plot
from bench.registry import BENCHMARKS, QUICK
from bench.result import Result
from bench.setting import Setting
from bench.table import as_markdown, as_text


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"benchmarks: {', '.join(BENCHMARKS)}",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="which; by default all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there, too")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="draw them there")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_argument(
        "--quick", action="store_true", help="less of everything, below a minute for the main ones"
    )
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(BENCHMARKS):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    names = arguments.names or list(QUICK if arguments.quick else BENCHMARKS)
    results = asyncio.run(measure(names, quick=arguments.quick))
    print((as_markdown if arguments.markdown else as_text)(results))
    if arguments.json:
        arguments.json.write_text(
            json.dumps([result.to_dict() for result in results], indent=2) + "\n"
        )
    if arguments.plots:
        plot.draw_all(results, arguments.plots)


async def measure(names: Sequence[str], *, quick: bool) -> list[Result]:
    results = []
    with Setting(quick=quick) as setting:
        for name in names:
            began = time.perf_counter()
            results += await BENCHMARKS[name](setting)
            took, load = time.perf_counter() - began, os.getloadavg()[0]
            print(f"{name}: {took:.0f} s (load {load:.1f})", file=sys.stderr, flush=True)
    return results


if __name__ == "__main__":
    main()

"""`import virtinformer`, against importing what it stands on: anyio, attrs and libvirt.

Each time in a new interpreter, which says itself how long the import took. Both sides are
compiled in the round that does not count, into a folder of their own: what is measured is what
a program pays that is started a second time, also where Python is told to keep nothing.

Importing the package imports next to nothing; that comes with the first name asked for. The
second figure is of a program that asks for all that an informer of libvirt needs, with the
loop (asyncio) and the log, which the other side has not, and with what anyio loads when it is
first used.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from functools import partial

from bench.result import Result
from bench.rounds import interleave
from bench.setting import Setting

__all__ = ["run"]

TARGET = 1.3
PEERS = "anyio, attrs, libvirt"
TIMED = "import time; t = time.perf_counter(); {}; print(time.perf_counter() - t)"
OURS = {"import_time": "import virtinformer", "import_time:all": "from virtinformer import connect"}


async def run(setting: Setting) -> list[Result]:
    with tempfile.TemporaryDirectory(prefix="virtinformer-") as compiled:
        return [await _compare(setting, name, compiled) for name in OURS]


async def _compare(setting: Setting, name: str, compiled: str) -> Result:
    ours = partial(milliseconds_of, OURS[name], compiled)
    other = partial(milliseconds_of, f"import {PEERS}", compiled)
    mine, theirs = await interleave(setting.either(30, 10), ours, other)
    return Result(name, PEERS, "ms", TARGET, mine, theirs)


async def milliseconds_of(statement: str, compiled: str) -> float:
    """Milliseconds that a statement takes in a new interpreter.

    Args:
        statement: what it imports.
        compiled: the folder of compiled modules.
    """
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        TIMED.format(statement),
        stdout=asyncio.subprocess.PIPE,
        env=environment | {"PYTHONPYCACHEPREFIX": compiled},
    )
    said, _ = await process.communicate()
    return float(said) * 1000

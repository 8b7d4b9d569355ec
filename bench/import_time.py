"""`import virtinformer`, against importing what it stands on: anyio, attrs and libvirt.

Each time in a new interpreter, which says itself how long the import took.
"""

from __future__ import annotations

import asyncio
import sys

from bench.result import Result
from bench.rounds import interleave
from bench.setting import Setting

__all__ = ["run"]

TARGET = 1.3
IMPORT = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


async def run(setting: Setting) -> list[Result]:
    async def ours() -> float:
        return await importing("virtinformer")

    async def other() -> float:
        return await importing("anyio, attrs, libvirt")

    mine, theirs = await interleave(setting.either(30, 10), ours, other)
    return [Result("import_time", "anyio, attrs, libvirt", "ms", TARGET, mine, theirs)]


async def importing(modules: str) -> float:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", IMPORT.format(modules), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    return float(said) * 1000

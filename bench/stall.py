"""How long an event loop did not get to anything else."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import attrs

__all__ = ["Stall", "watch_stall"]


@attrs.define
class Stall:
    """The longest time for which the loop kept others waiting, in ms."""

    longest: float = 0.0


@contextlib.asynccontextmanager
async def watch_stall(period: float = 0.001) -> AsyncIterator[Stall]:
    """Ask the loop for a turn every millisecond, and keep how late the latest one came."""
    stall = Stall()

    async def sample() -> None:
        while True:
            asked = time.perf_counter()
            await asyncio.sleep(period)
            late = time.perf_counter() - asked - period
            stall.longest = max(stall.longest, late * 1000)

    task = asyncio.create_task(sample())
    try:
        yield stall
    finally:
        task.cancel()
        await asyncio.wait([task])

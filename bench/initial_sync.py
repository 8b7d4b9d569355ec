"""From nothing to all domains whole: connect until synced, on a private libvirtd with QEMU.

Against the loop that people write, in one thread: `listAllDomains`, then the XML, the state,
the persistence and the autostart flag of each.
"""

from __future__ import annotations

import asyncio
import time

import virtinformer as vi
from bench import plain_loop
from bench.result import Result
from bench.rounds import interleave
from bench.setting import Setting

__all__ = ["run"]

DOMAINS, QUICK_DOMAINS = 1000, 250
TARGET = 0.30


async def run(setting: Setting) -> list[Result]:
    domains = setting.either(DOMAINS, QUICK_DOMAINS)
    daemon = await setting.host(domains)

    async def ours() -> float:
        began = time.perf_counter()
        async with vi.connect(daemon.uri) as informer:
            took = time.perf_counter() - began
            assert len(informer.snapshot()) >= domains
        return took * 1000

    async def other() -> float:
        return await asyncio.to_thread(plain_loop.connected, daemon.uri) * 1000

    mine, loop = await interleave(setting.rounds, ours, other)
    return [Result("initial_sync", "plain loop", "ms", TARGET, mine, loop)]

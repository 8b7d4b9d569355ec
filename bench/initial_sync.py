"""From nothing to all domains whole: connect until synced, on a private libvirtd with QEMU.

Against the loop that people write, in one thread of another process: `listAllDomains`, then the
XML, the state, the persistence and the autostart flag of each.
"""

from __future__ import annotations

import time

import virtinformer as vi
from bench import plain_loop
from bench.result import Result
from bench.rounds import interleave
from bench.setting import Setting
from bench.worker import Worker

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
        return 1000 * float(await peer.ask(plain_loop.CONNECT))

    async with Worker("bench.plain_loop:contender", daemon.uri) as peer:
        mine, loop = await interleave(setting.rounds, ours, other)
    return [Result("initial_sync", "plain loop", "ms", TARGET, mine, loop)]

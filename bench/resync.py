"""Looking at everything again: nothing changed, but for one thing that nobody told of.

Between two rounds one of the 1,000 domains has its autostart flag changed, of which libvirt
tells nothing; `sync()` must find it. Against the loop that people write, on a connection
that stands already; that loop compares nothing. And the longest time for which the event
loop was kept from anything else meanwhile, against what is allowed; beside it, what this
machine does to a loop that has nothing to do, while the loop that people write is at work.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time

import virtinformer as vi
from bench import plain_loop
from bench.result import Result
from bench.rounds import interleave
from bench.setting import Setting
from bench.stall import watch_stall
from bench.worker import Worker

__all__ = ["run"]

DOMAINS, QUICK_DOMAINS = 1000, 250
TARGET = 0.30
LONGEST_STALL = 5.0


async def run(setting: Setting) -> list[Result]:
    daemon = await setting.host(setting.either(DOMAINS, QUICK_DOMAINS))
    with contextlib.closing(daemon.connect()) as connection:
        async with (
            Worker("bench.plain_loop:contender", daemon.uri) as peer,
            vi.connect(daemon.uri, resync_period=None) as informer,
        ):
            turns = itertools.count(1)

            async def ours() -> tuple[float, float]:
                name, flag = "d0007", next(turns) % 2
                await asyncio.to_thread(connection.lookupByName(name).setAutostart, flag)
                async with watch_stall() as stall:
                    began = time.perf_counter()
                    await informer.sync()
                    took = time.perf_counter() - began
                domain = informer.get_by_name(name)
                assert domain is not None
                assert domain.autostart == bool(flag)
                return took * 1000, stall.longest

            async def other() -> tuple[float, float]:
                async with watch_stall() as stall:
                    took = float(await peer.ask(plain_loop.READ))
                return took * 1000, stall.longest

            found, loop = await interleave(setting.rounds, ours, other)
    times, stalls = zip(*found, strict=True)
    allowed = [LONGEST_STALL] * len(stalls)
    others, idle = zip(*loop, strict=True)
    return [
        Result("resync", "plain loop", "ms", TARGET, times, others),
        Result("resync:stall", "what is allowed", "ms, longest", 1.0, stalls, allowed),
        Result("resync:idle", "what is allowed", "ms, longest, idle", 1.0, idle, allowed),
    ]

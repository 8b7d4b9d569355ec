"""What an informer costs the host: processor time of the daemon.

*A resync*: all domains are read once in a period, in slices, over one connection. How long the
period is does not matter to what it costs, so it is a short one here; at the default of 60
seconds, a sixtieth of the figure is the daemon's load. Against the loop that people write, which
costs that each time it is run.

*An event*: the daemon's time while a running domain is changed and an informer reads it after
each event, less the same while nobody listens. Against a bare thread that makes the same reads.

What QEMU takes to answer the daemon is not in it. The clock of `/proc` ticks every 10 ms, so
each figure is of many seconds.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import libvirt

import virtinformer as vi
from bench import event_latency, plain_loop
from bench.event_latency import BEGIN, END, EVENT
from bench.result import Result
from bench.rounds import interleave
from bench.setting import Setting
from bench.worker import Worker, workers
from tests.daemons import Daemon

__all__ = ["run"]

DOMAINS, QUICK_DOMAINS = 1000, 250
EVENTS, QUICK_EVENTS = 400, 100
PERIOD = 4.0
PERIODS = 3
ROUNDS = 3
AS_MUCH = 1.0

_TICK = os.sysconf("SC_CLK_TCK")


async def run(setting: Setting) -> list[Result]:
    domains = setting.either(DOMAINS, QUICK_DOMAINS)
    daemon = await setting.host(domains)
    return [await _resync(daemon, domains), await _events(daemon, setting)]


def processor_time(pid: int) -> float:
    """Seconds that a process has used so far, its threads included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


async def _resync(daemon: Daemon, domains: int) -> Result:
    """In ms for each 1,000 domains."""
    factor = 1e6 / domains / PERIODS

    async def ours() -> float:
        async with vi.connect(daemon.uri, resync_period=PERIOD):
            before = processor_time(daemon.pid)
            await asyncio.sleep(PERIOD * PERIODS)
            return (processor_time(daemon.pid) - before) * factor

    async def loop() -> float:
        before = processor_time(daemon.pid)
        for _ in range(PERIODS):
            await peer.ask(plain_loop.READ)
        return (processor_time(daemon.pid) - before) * factor

    async with Worker("bench.plain_loop:contender", daemon.uri) as peer:
        found, other = await interleave(ROUNDS, ours, loop)
    return Result("host_cost", "plain loop", "ms/1,000 domains, a resync", AS_MUCH, found, other)


async def _events(daemon: Daemon, setting: Setting) -> Result:
    """In µs for each event."""
    number = setting.either(EVENTS, QUICK_EVENTS)
    with event_latency.guest(daemon.uri) as domain:
        reads = await asyncio.to_thread(
            asyncio.run, event_latency.reads_of_ours(daemon.uri, domain)
        )
        async with workers(
            Worker("bench.event_latency:informer", daemon.uri),
            Worker("bench.event_latency:floor", daemon.uri, reads),
        ) as contenders:
            turns = [_turn(daemon, domain, number, worker) for worker in (None, *contenders)]
            nobody, ours, bare = await interleave(ROUNDS, *turns)
    return Result(
        "host_cost:event",
        "bare thread",
        "µs/event",
        AS_MUCH,
        [found - base for found, base in zip(ours, nobody, strict=True)],
        [found - base for found, base in zip(bare, nobody, strict=True)],
    )


def _turn(
    daemon: Daemon, domain: libvirt.virDomain, events: int, worker: Worker | None
) -> Callable[[], Awaitable[float]]:
    async def turn() -> float:
        if worker is not None:
            await worker.ask(BEGIN)
        before = processor_time(daemon.pid)
        for number in range(events):
            await asyncio.to_thread(event_latency.disturb, domain, number)
            if worker is not None:
                await worker.ask(EVENT)
        took = processor_time(daemon.pid) - before
        if worker is not None:
            await worker.ask(END)
        return took / events * 1e6

    return turn

"""The process that is measured: an informer on each host, its audience, and a look at itself.

It is told its plan as JSON, as the one argument, and to come to an end by the end of its
standard input; it tells samples, and what it found at the end, in lines of JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import attrs
import libvirt

import virtinformer as vi
from tests.leaks import EVENT_THREAD, Ledger
from tests.live.hands import Record, read_host, record_of
from tests.soak.audience import Audience
from tests.soak.recording import End, HostSample, Sample, to_line

__all__ = ["main"]

PAGE: Final = os.sysconf("SC_PAGE_SIZE")
TICK: Final = 0.01
REST_SECONDS: Final = 30.0
"""How long the informers are given to agree with the host once nothing changes any more."""


def main() -> None:
    """Do it."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    # It raises on purpose; its tracebacks are not news.
    logging.getLogger("virtinformer.handlers").setLevel(logging.CRITICAL)
    asyncio.run(live(json.loads(sys.argv[1])))


async def live(plan: Mapping[str, Any]) -> None:
    """Open, measure until told to end, compare with the host, close, and look what is left."""
    ledger = Ledger()
    ledger.install()
    end = await _end_of_input()
    before = asyncio.all_tasks()
    async with AsyncExitStack() as stack:
        houses = [
            await stack.enter_async_context(_house(name, uri, plan))
            for name, uri in plan["uris"].items()
        ]
        await _measure(Meter(ledger, houses), plan["every"], end)
        differences = [text for house in houses for text in await house.differences()]
        faults = [f"{house.name}: {fault}" for house in houses for fault in house.audience.faults]
        del houses
    gc.collect()
    print(to_line(End(differences, faults, await _left(ledger, before))), flush=True)  # noqa: T201


async def _end_of_input() -> asyncio.Event:
    """Set when the standard input ends."""
    ended = asyncio.Event()

    class Protocol(asyncio.Protocol):
        def connection_lost(self, exc: Exception | None) -> None:
            ended.set()

    await asyncio.get_running_loop().connect_read_pipe(Protocol, sys.stdin)
    return ended


async def _left(ledger: Ledger, before: set[asyncio.Task[Any]]) -> list[str]:
    """What there is when all informers are closed, and was not there before."""
    tasks = {str(task) for task in asyncio.all_tasks() - before}
    threads = {
        thread.name
        for thread in threading.enumerate()
        if thread is not threading.main_thread()
        and thread.name != EVENT_THREAD
        and not thread.name.startswith("asyncio_")  # which compared, at the end
    }
    return sorted(tasks | threads | ledger.objects() | ledger.callbacks() | ledger.references())


# ---------------------------------------------------------------------- an informer


@attrs.frozen
class House:
    """An informer and its audience."""

    name: str
    uri: str
    informer: vi.DomainInformer
    audience: Audience

    def sample(self, staleness: float) -> HostSample:
        """How it is."""
        health, figures = self.informer.health, self.informer.statistics()
        return HostSample(
            synced=health.connected and health.synced,
            staleness=round(staleness, 3),
            reconnects=health.reconnects,
            resource_version=figures.resource_version,
            domains=figures.domains,
            events=figures.events_received,
            deltas=self.audience.deltas,
            queues=self.audience.queues(),
            bounds=self.audience.bounds(),
        )

    async def differences(self) -> list[str]:
        """Where the view is not what the host says, now that nothing changes any more."""
        try:
            async with asyncio.timeout(REST_SECONDS):
                while found := await self._differences():
                    await asyncio.sleep(0.5)
        except TimeoutError:
            return [f"{self.name}: {text}" for text in found]
        return []

    async def _differences(self) -> list[str]:
        await self.informer.sync()
        truth = await asyncio.to_thread(read_host, self.uri)
        known = self.informer.snapshot()
        replayed = self.audience.replayed
        found = [] if replayed == dict(known) else ["what was told adds up to something else"]
        uuids = known.keys() | truth.keys()
        return found + [
            f"domain {uuid}"
            for uuid in uuids
            if uuid not in known or not _agree(record_of(known[uuid]), truth.get(uuid))
        ]


def _agree(known: Record, true: Record | None) -> bool:
    return known == true


@contextlib.asynccontextmanager
async def _house(name: str, uri: str, plan: Mapping[str, Any]) -> AsyncIterator[House]:
    keepalive, resync = tuple(plan["keepalive"]), plan["resync_period"]
    async with vi.connect(uri, keepalive=keepalive, resync_period=resync) as informer:
        audience = Audience(informer, plan["seed"])
        listening = asyncio.create_task(audience.listen(), name=f"soak-{name}")
        try:
            yield House(name, uri, informer, audience)
        finally:
            listening.cancel()
            await asyncio.wait([listening])


# ---------------------------------------------------------------------- measuring


class Meter:
    """Takes samples of this process."""

    def __init__(self, ledger: Ledger, houses: list[House]) -> None:
        self._ledger = ledger
        self._houses = houses
        self._began = time.monotonic()
        self._stall = 0.0
        self._staleness = dict.fromkeys((house.name for house in houses), 0.0)

    async def watch(self) -> None:
        """Note what lasts less than the time between two samples, until cancelled."""
        while True:
            asleep = time.monotonic()
            await asyncio.sleep(TICK)
            self._stall = max(self._stall, time.monotonic() - asleep - TICK)
            for house in self._houses:
                worst = max(self._staleness[house.name], house.informer.health.staleness)
                self._staleness[house.name] = worst

    def sample(self) -> Sample:
        """How it is now, and how it was at worst since the last time."""
        stall, self._stall = self._stall, 0.0
        connections = len(self._ledger.connections())
        staleness = self._staleness
        self._staleness = dict.fromkeys(staleness, 0.0)
        return Sample(
            at=round(time.monotonic() - self._began, 2),
            rss=int(Path("/proc/self/statm").read_text().split()[1]) * PAGE,
            blocks=sys.getallocatedblocks(),
            descriptors=len(os.listdir("/proc/self/fd")),
            threads=len(os.listdir("/proc/self/task")),
            tasks=len(asyncio.all_tasks()),
            connections=connections,
            handles=len(self._ledger.objects()) - connections,
            callbacks=len(self._ledger.callbacks()),
            stall=round(stall, 4),
            cpu=round(time.process_time(), 2),
            load=round(os.getloadavg()[0], 2),
            hosts={house.name: house.sample(staleness[house.name]) for house in self._houses},
        )


async def _measure(meter: Meter, every: float, end: asyncio.Event) -> None:
    watching = asyncio.create_task(meter.watch(), name="soak-meter")
    try:
        while not end.is_set():
            print(to_line(meter.sample()), flush=True)  # noqa: T201 - a pipe is its other end
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(every):
                    await end.wait()
    finally:
        watching.cancel()
        await asyncio.wait([watching])


if __name__ == "__main__":
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    main()

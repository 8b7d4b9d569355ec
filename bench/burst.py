"""A burst of events, as fast as libvirt's test driver makes them, until the store has the truth.

20,000 metadata changes from a thread of the same process (the test driver lives in it), round
one, 100 or 1,000 domains: until what the informer has of each is what the host has. Against a
bare callback that counts the events until it has them all, and knows nothing of any domain.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import libvirt

import virtinformer as vi
from bench.event_latency import describe
from bench.result import Result
from bench.rounds import interleave
from bench.setting import Setting
from bench.worker import Worker, workers
from virtinformer._libvirt import eventloop

__all__ = ["counter", "informer", "run"]

URI = "test:///default"
EVENTS, QUICK_EVENTS = 20_000, 600
DOMAINS, QUICK_DOMAINS = (100, 1, 1_000), (100,)
TARGET = 0.8
PATIENCE = 120.0


async def run(setting: Setting) -> list[Result]:
    events = setting.either(EVENTS, QUICK_EVENTS)
    results = []
    for domains in setting.either(DOMAINS, QUICK_DOMAINS):
        async with workers(
            Worker("bench.burst:informer", domains), Worker("bench.burst:counter", domains)
        ) as (ours, bare):

            async def of_ours(worker: Worker = ours) -> float:
                return events / float(await worker.ask(events))

            async def of_bare(worker: Worker = bare) -> float:
                return events / float(await worker.ask(events))

            rates = await interleave(setting.rounds, of_ours, of_bare)
        results.append(
            Result(
                "burst" if domains == DOMAINS[0] else f"burst:{domains}",
                "bare callback",
                f"events/s, {domains:,} domain{'s' * (domains > 1)}",
                TARGET,
                rates[0],
                rates[1],
                at_least=True,
            )
        )
    return results


async def informer(domains: int) -> AsyncGenerator[float | None, int]:
    """The contender: seconds until the informer has the truth after so many events."""
    with contextlib.closing(libvirt.open(URI)) as connection:
        guests = define(connection, domains)
        async with vi.connect(URI, resync_period=None) as host:
            events = yield None
            while True:
                began = time.perf_counter()
                await asyncio.to_thread(change, guests, events)
                async with asyncio.timeout(PATIENCE):
                    await _until_true(host, guests)
                events = yield time.perf_counter() - began


async def _until_true(host: vi.DomainInformer, guests: Sequence[libvirt.virDomain]) -> None:
    # One after the other: nobody changes them any more, and to look at all takes long itself.
    for guest in guests:
        name, xml = guest.name(), guest.XMLDesc()
        while not _has(host, name, xml):  # noqa: ASYNC110 - nobody tells when all is
            await asyncio.sleep(0.002)


def _has(host: vi.DomainInformer, name: str, xml: str) -> bool:
    domain = host.get_by_name(name)
    return domain is not None and domain.xml == xml


async def counter(domains: int) -> AsyncGenerator[float | None, int]:
    """The contender: seconds until a bare callback was called for each of so many events."""
    eventloop.ensure_running()
    with contextlib.closing(libvirt.open(URI)) as connection:
        guests = define(connection, domains)
        left = 0
        done = threading.Event()

        def callback(*_args: Any) -> None:
            nonlocal left
            left -= 1
            if not left:
                done.set()

        number = connection.domainEventRegisterAny(
            None, libvirt.VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, callback, None
        )
        try:
            events = yield None
            while True:
                left = events
                done.clear()
                began = time.perf_counter()
                await asyncio.to_thread(change, guests, events)
                await asyncio.to_thread(done.wait, PATIENCE)
                events = yield time.perf_counter() - began
        finally:
            connection.domainEventDeregisterAny(number)


def define(connection: libvirt.virConnect, domains: int) -> list[libvirt.virDomain]:
    """Have so many domains beside the one that the test driver begins with."""
    return [
        connection.defineXML(
            f"<domain type='test'><name>d{number:04}</name><memory>8192</memory>"
            "<os><type>hvm</type></os></domain>"
        )
        for number in range(domains)
    ]


def change(guests: Sequence[libvirt.virDomain], events: int) -> None:
    """Change metadata so many times, of one domain after the other."""
    for number in range(events):
        describe(guests[number % len(guests)], f"event {number} at {time.time_ns()}")

"""Connect until synced, with 1,000 defined domains on a private daemon with QEMU.

Against the loop that people write: list the domains, then ask each for its XML, state,
persistence and autostart, one after another in one thread.
"""

from __future__ import annotations

import asyncio
import time

import libvirt

import virtinformer as vi
from bench.measure import Result, Stall, interleave, watch_stall
from tests.daemons import Daemon, domain_xml

__all__ = ["TARGET", "run"]

DOMAINS = 1000
TARGET = 0.30


async def run(rounds: int) -> Result:
    with Daemon() as daemon:
        await asyncio.to_thread(define, daemon)
        stall = Stall()

        async def ours() -> float:
            async with watch_stall(stall):
                began = time.perf_counter()
                async with vi.connect(daemon.uri) as informer:
                    took = time.perf_counter() - began
                    assert len(informer.snapshot()) == DOMAINS
            return took

        async def other() -> float:
            return await asyncio.to_thread(plain_loop, daemon.uri)

        times = await interleave(ours, other, rounds)
    return Result(
        "initial_sync", "plain loop", "ms", TARGET, *times, {"longest_stall_ms": stall.longest}
    )


def define(daemon: Daemon) -> None:
    connection = daemon.connect()
    for number in range(DOMAINS):
        connection.defineXML(domain_xml(f"d{number:04}"))
    connection.close()


def plain_loop(uri: str) -> float:
    began = time.perf_counter()
    connection = libvirt.open(uri)
    whole = [
        (domain.XMLDesc(), domain.state(), domain.isPersistent(), domain.autostart())
        for domain in connection.listAllDomains()
    ]
    took = time.perf_counter() - began
    connection.close()
    assert len(whole) == DOMAINS
    return took

"""As `bench.event_latency`, against what asyncio programs do with libvirt-python's own means.

`libvirtaio` makes asyncio libvirt's event loop; its callbacks run on that, where a call to
libvirt would block everything, so the same reads are made in `asyncio.to_thread`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Any

import libvirt
import libvirtaio  # type: ignore[import-untyped]  # noqa: TID251 - what ours is measured against

from bench import event_latency
from bench.event_latency import Call
from bench.result import Result
from bench.setting import Setting
from bench.worker import Worker, workers

__all__ = ["aio", "run"]

TARGETS = {50: 1.0, 99: 1.0}


async def run(setting: Setting) -> list[Result]:
    uri = (await setting.host()).uri
    with event_latency.guest(uri) as domain:
        reads = await asyncio.to_thread(asyncio.run, event_latency.reads_of_ours(uri, domain))
        async with workers(
            Worker("bench.event_latency:informer", uri),
            Worker("bench.event_latency_aio:aio", uri, reads),
        ) as (ours, theirs):
            found, other = await event_latency.measure(setting, domain, ours, theirs)
    return event_latency.rows("event_latency_aio", "libvirtaio", TARGETS, found, other)


async def aio(uri: str, reads: dict[str, list[Call]]) -> AsyncGenerator[float | None, str]:
    """The contender: libvirtaio, and the same reads in a thread of asyncio's."""
    libvirtaio.virEventRegisterAsyncIOImpl()
    read: asyncio.Queue[float] = asyncio.Queue()
    reading: set[asyncio.Task[None]] = set()

    async def handle(domain: libvirt.virDomain, kind: str, began: float) -> None:
        await asyncio.to_thread(event_latency.replay, domain, reads[kind])
        read.put_nowait(time.time() - began)

    def callback(_host: object, domain: libvirt.virDomain, *args: Any) -> None:
        began = time.time()
        task = asyncio.ensure_future(handle(domain, event_latency.told(args), began))
        reading.add(task)
        task.add_done_callback(reading.discard)

    request = yield None
    while request == event_latency.BEGIN:
        connection = await asyncio.to_thread(libvirt.open, uri)
        numbers = event_latency.register(connection, callback)
        request = yield None
        while request == event_latency.EVENT:
            request = yield await asyncio.wait_for(read.get(), event_latency.PATIENCE)
        event_latency.deregister(connection, numbers)
        await asyncio.to_thread(connection.close)
        request = yield None

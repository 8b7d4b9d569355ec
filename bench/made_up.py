"""An informer of a made-up host, in a process of its own: nothing of libvirt is in the way.

See `bench.worker` for how it is asked. A request is a JSON object; `do` says what.

A change is made on the `FakeHost`, told by an event, read again by the informer, given a
version, stored and handed to a handler as old and new domain. Changes come in batches, each
about as many domains as it has changes: no two of them are folded into one, so each is
delivered. The clock stands still while the host makes its changes; the peers have theirs
ready. What the made-up host needs to tell and to be read counts as ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import virtinformer as vi
from virtinformer.testing import FakeHost, Latency

__all__ = ["informer_of"]

AT_ONCE = Latency(connect=0.0, subscribe=0.0, list=0.0, read=0.0, event=0.0)


async def informer_of(domains: int) -> AsyncGenerator[Any, Any]:
    """The contender: an informer that knows so many domains."""
    host = FakeHost(latency=AT_ONCE, eager_reads=True, list_limit=domains)
    uuids = [host.define(f"d{number:06}") for number in range(domains)]
    async with host.connect(resync_period=None) as informer:
        writer = Writer(host, uuids)
        heard: Heard | None = None
        answer: object = None
        while True:
            request = yield answer
            if heard is None and request["do"] in {"change", "read"}:
                heard = Heard()
                await informer.add_event_handler(heard).wait_synced()
            match request:
                case {"do": "change", "count": count, "batch": batch}:
                    assert heard is not None
                    answer = await handled(heard, writer, count, batch)
                case {"do": "read", "count": count, "batch": batch, "readers": readers}:
                    assert heard is not None
                    change = functools.partial(handled, heard, writer, count, batch)
                    answer = await read_meanwhile(informer, change, readers)
                case {"do": "snapshot", "count": count}:
                    answer = snapshot(informer, count)
                case {"do": "fan out", "count": count, "batch": batch, "readers": readers}:
                    answer = await fan_out(informer, writer, count, batch, readers)


class Writer:
    """Changes one domain after the other, round and round."""

    def __init__(self, host: FakeHost, uuids: Sequence[UUID]) -> None:
        self._host = host
        self._uuids = uuids
        self._made = 0

    def change(self, count: int) -> float:
        """Change so many; the seconds that it took."""
        # Nobody reads here what the host keeps for tests to read: the peers keep nothing like it.
        self._host.log.clear()
        began = time.perf_counter()
        for number in range(self._made, self._made + count):
            self._host.set_metadata(self._uuids[number % len(self._uuids)], f"change {number}")
        self._made += count
        return time.perf_counter() - began


class Heard:
    """A handler that counts the changes it is told."""

    def __init__(self) -> None:
        self._count = 0
        self._expected = 0
        self._all = asyncio.Event()

    async def wait_for(self, more: int) -> None:
        """Wait until so many more were told."""
        self._expected += more
        self._all.clear()
        if self._count < self._expected:
            await self._all.wait()

    def on_update(self, _old: vi.Domain, _new: vi.Domain) -> None:
        self._count += 1
        if self._count >= self._expected:
            self._all.set()


async def handled(heard: Heard, writer: Writer, count: int, batch: int) -> float:
    """Seconds per change, until a handler has it."""
    took = 0.0
    for _ in range(0, count, batch):
        writer.change(batch)
        began = time.perf_counter()
        await heard.wait_for(batch)
        took += time.perf_counter() - began
    return took / count


async def read_meanwhile(
    informer: vi.DomainInformer, change: Callable[[], Awaitable[float]], readers: int
) -> dict[str, float]:
    """Seconds per change while others list everything without pause, and the readers' share."""
    reading = 0.0

    async def read() -> None:
        nonlocal reading
        while True:
            began = time.perf_counter()
            informer.list()
            reading += time.perf_counter() - began
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(read()) for _ in range(readers)]
    await asyncio.sleep(0)
    reading = 0.0
    began = time.perf_counter()
    try:
        seconds = await change()
    finally:
        took = time.perf_counter() - began
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return {"seconds": seconds, "share": reading / took}


def snapshot(informer: vi.DomainInformer, count: int) -> float:
    """Seconds per snapshot."""
    began = time.perf_counter()
    for _ in range(count):
        informer.snapshot()
    return (time.perf_counter() - began) / count


async def fan_out(
    informer: vi.DomainInformer, writer: Writer, count: int, batch: int, readers: int
) -> dict[str, float]:
    """Seconds per change and subscriber; more than one: the last of them never reads."""
    async with contextlib.AsyncExitStack() as stack:
        streams = [
            await stack.enter_async_context(informer.watch(initial=False)) for _ in range(readers)
        ]
        stuck = streams.pop() if readers > 1 else None
        took = 0.0
        for _ in range(0, count, batch):
            writer.change(batch)
            began = time.perf_counter()
            await asyncio.gather(*(take(stream, batch) for stream in streams))
            took += time.perf_counter() - began
        waiting = 0 if stuck is None else len(stuck)
    return {"seconds": took / count / readers, "waiting": waiting}


async def take(stream: vi.DeltaStream, count: int) -> None:
    """Take so many deltas."""
    async for _delta in stream:
        count -= 1
        if not count:
            return

"""A thousand domains."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

import pytest

import virtinformer as vi
from tests.daemons import Daemon, domain_xml
from tests.live.diary import Diary
from tests.live.hands import opened, show

pytestmark = pytest.mark.asyncio

Note = Callable[[str, object], None]

THOUSAND = 1000


class Stalls:
    """Watches how long the loop lets nobody else run."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._sample())
        await asyncio.sleep(0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._task.cancel()

    async def _sample(self) -> None:
        pause = 0.001  # without one, it would take the processor from the threads that read
        while True:
            asleep = time.perf_counter()
            await asyncio.sleep(pause)
            self.longest = max(self.longest, time.perf_counter() - asleep - pause)


@asynccontextmanager
async def measured(what: str, note: Note) -> AsyncIterator[None]:
    """Print how long it took, and how long the loop stood still."""
    began = time.perf_counter()
    async with Stalls() as stalls:
        yield
    took = time.perf_counter() - began
    note(f"{what}: seconds", round(took, 3))
    note(f"{what}: longest stall, ms", round(stalls.longest * 1000, 1))
    show(
        f"{what} of {THOUSAND} domains: {took:.2f} s, {took / THOUSAND * 1e6:.0f} µs a domain, "
        f"longest stall of the loop {stalls.longest * 1000:.1f} ms"
    )


async def test_a_thousand_domains(own_daemon: Daemon, record_property: Note) -> None:
    uri = own_daemon.uri
    await asyncio.to_thread(_define_thousand, uri)
    async with contextlib.AsyncExitStack() as stack:
        async with measured("opening", record_property):
            informer = await stack.enter_async_context(vi.connect(uri))
        snapshot = informer.snapshot()
        assert len(snapshot) == THOUSAND
        version = informer.resource_version
        async with measured("sync()", record_property):
            assert await informer.sync() == version  # nothing changed, so nothing is told
        assert informer.snapshot() == snapshot

        diary = await stack.enter_async_context(Diary(informer))
        await diary.rest_as(uri)
        statistics = informer.statistics()
        assert (statistics.read_errors, statistics.list_errors) == (0, 0)
        record_property("reads one by one", statistics.reads)


def _define_thousand(uri: str) -> None:
    with opened(uri) as host:
        for number in range(THOUSAND):
            host.defineXML(domain_xml(f"thousand-{number}"))

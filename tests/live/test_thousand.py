"""A thousand domains, and everything at once."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self
from uuid import UUID, uuid4

import libvirt
import pytest

import virtinformer as vi
from tests.daemons import Daemon, domain_xml
from tests.live.diary import Diary
from tests.live.hands import describe, domain_named, eventually, opened, show

pytestmark = pytest.mark.asyncio

Note = Callable[[str, object], None]

THOUSAND = 1000
SECONDS = 5.0
"""How long the torture lasts, the restart in the middle of it aside."""


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


# ---------------------------------------------------------------------- torture


class Torturer(threading.Thread):
    """Does anything to any domain, until told to stop; begins again when the daemon was away."""

    def __init__(self, seed: int, uri: str, make: Callable[[str, UUID], str], most: int) -> None:
        super().__init__(name=f"torturer-{seed}", daemon=True)
        self._random = random.Random(seed)
        self._uri = uri
        self._make = make
        self._most = most
        self._uuids = [uuid4() for _ in range(most)]
        self._stopped = threading.Event()
        self.done = 0

    def stop(self) -> None:
        self._stopped.set()

    def run(self) -> None:
        while not self._stopped.is_set():
            with contextlib.suppress(libvirt.libvirtError), opened(self._uri) as host:
                while host.isAlive() and not self._stopped.is_set():
                    self._act(host)
            self._stopped.wait(0.05)

    def _act(self, host: libvirt.virConnect) -> None:
        uuid = self._random.choice(self._uuids)
        action = self._random.choice(self._actions(host, uuid))
        try:
            action()
        except libvirt.libvirtError:
            return  # not possible now, or not any more
        self.done += 1

    def _actions(self, host: libvirt.virConnect, uuid: UUID) -> list[Callable[[], object]]:
        name = f"{self.name}-{self._random.randrange(3 * self._most)}"
        memory = self._random.randrange(1, 32) * 1024
        xml = self._make(name, uuid)
        making: list[Callable[[], object]] = [
            lambda: host.defineXML(xml),
            lambda: host.createXML(xml, self._random.choice((0, libvirt.VIR_DOMAIN_START_PAUSED))),
        ]
        try:
            domain = host.lookupByUUID(uuid.bytes)
        except libvirt.libvirtError:
            return making
        return [
            making[0],
            domain.undefine,
            domain.create,
            domain.suspend,
            domain.resume,
            lambda: describe(domain, name),
            lambda: domain.setMemory(memory),
            lambda: domain.setAutostart(self._random.randrange(2)),
            lambda: domain.rename(f"{name}-renamed"),
            domain.destroy if self._random.random() < self._patience else domain.suspend,
        ]

    @property
    def _patience(self) -> float:
        return 1.0 if self._uri.startswith("test") else 0.2  # QEMU takes two seconds to go


def pretended(name: str, uuid: UUID) -> str:
    return domain_named(name, uuid=uuid)


def emulated(name: str, uuid: UUID) -> str:
    return domain_xml(name, uuid=str(uuid))


@contextlib.contextmanager
def tortured(*torturers: Torturer) -> Iterator[None]:
    for torturer in torturers:
        torturer.start()
    try:
        yield
    finally:
        for torturer in torturers:
            torturer.stop()
        for torturer in torturers:
            torturer.join()


@pytest.mark.timeout(90)
async def test_everything_at_once(own_daemon: Daemon, record_property: Note) -> None:
    daemon = own_daemon
    seed = random.randrange(1_000_000)
    show(f"seed {seed}")
    async with (
        vi.connect(daemon.test_uri, resync_period=2.0) as tests,
        vi.connect(daemon.uri, resync_period=2.0) as guests,
        Diary(tests) as of_tests,
        Diary(guests) as of_guests,
    ):
        torturers = [Torturer(seed + n, daemon.test_uri, pretended, 8) for n in range(3)]
        torturers.append(Torturer(seed + 3, daemon.uri, emulated, 3))
        with tortured(*torturers):
            await asyncio.sleep(SECONDS / 2)  # no condition: this is how long it shall last
            await asyncio.to_thread(daemon.restart)
            began = [torturer.done for torturer in torturers]
            await asyncio.sleep(SECONDS / 2)
            await eventually(
                lambda: all(t.done > was for t, was in zip(torturers, began, strict=True)),
                "all went on after the restart",
            )
            # The last of them to close takes the test driver's domains with it.
            keeper = await asyncio.to_thread(libvirt.open, daemon.test_uri)
            await asyncio.to_thread(_stop_all, torturers)
        try:
            await of_tests.rest_as(daemon.test_uri)
            await of_guests.rest_as(daemon.uri)
        finally:
            await asyncio.to_thread(keeper.close)
        for name, informer in (("test driver", tests), ("QEMU", guests)):
            statistics = informer.statistics()
            record_property(name, str(statistics))
            show(f"{name}: {statistics}")
            assert statistics.events_received > 0
            assert informer.health.reconnects >= 1
        show(f"done: {[torturer.done for torturer in torturers]}")


def _stop_all(torturers: list[Torturer]) -> None:
    for torturer in torturers:
        torturer.stop()
    for torturer in torturers:
        torturer.join()

"""What is left of an informer that was closed: nothing."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import threading
from collections.abc import Callable

import libvirt
import pytest

import virtinformer as vi
from tests.daemons import Daemon, domain_xml
from tests.leaks import Leaks
from tests.live.diary import Diary
from tests.live.hands import describe, domain_named, eventually, hands_on

pytestmark = pytest.mark.asyncio


def libvirt_objects() -> list[object]:
    gc.collect()
    kinds = (libvirt.virConnect, libvirt.virDomain, libvirt.virDomainSnapshot)
    return [thing for thing in gc.get_objects() if isinstance(thing, kinds)]


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


async def lead_a_life(uri: str, xml: Callable[[], str]) -> None:
    """Open an informer, have it hear and read something, and close it."""
    async with vi.connect(uri) as informer, Diary(informer) as diary, hands_on(uri) as hands:
        handled: list[vi.Domain] = []
        informer.on_add(handled.append)
        uuid = await hands.define(xml())
        await hands.to(uuid, lambda domain: describe(domain, "something"))
        await informer.refresh(uuid)
        await hands.to(uuid, lambda domain: domain.undefine())
        await diary.until_told(uuid, "Undefined")
        # Abandoned in the middle, with reads under way.
        abandoned = informer.watch()
        await anext(abandoned, None)
        reads = [asyncio.create_task(informer.refresh(uuid)) for _ in range(3)]
        await asyncio.sleep(0)
        for read in reads:
            read.cancel()


async def open_and_close(
    times: int,
    uri: str,
    xml: Callable[[], str],
    closed: list[int],
    caplog: pytest.LogCaptureFixture,
) -> None:
    await lead_a_life(uri, xml)  # libvirt and Python open some things once, for ever
    held = len(libvirt_objects())
    threads, files = threading.active_count(), descriptors()
    with caplog.at_level(logging.DEBUG, "virtinformer"):
        for _ in range(times):
            await lead_a_life(uri, xml)
    # The loop's own executor may still grow by a thread or two: it is bounded.
    ours = [t.name for t in threading.enumerate() if t.name.startswith("virtinformer-")]
    assert ours == ["virtinformer-events"]
    assert threading.active_count() <= threads + 4
    # A socket is closed a moment after its connection.
    await eventually(lambda: descriptors() <= files, "no descriptor is left", 5.0)
    assert len(libvirt_objects()) == held
    assert len(closed) >= 2 * times
    assert set(closed) == {0}
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING] == []


async def test_the_test_driver_thirty_times(
    closed: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    await open_and_close(30, "test:///default", domain_named, closed, caplog)


async def test_a_daemon_ten_times(
    clean_qemu: Daemon, closed: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    await open_and_close(10, clean_qemu.uri, domain_xml, closed, caplog)


async def test_not_even_an_object_is_kept_of_each_connection(leaks: Leaks) -> None:
    """What the binding keeps for ever is found by no garbage collector, and shows in no list."""

    async def open_and_close_hundred() -> int:
        for _ in range(100):
            async with vi.connect("test:///default"):
                pass
        gc.collect()
        leaks.ledger.objects()  # its own books are kept up to now
        return sys.getallocatedblocks()

    before = await open_and_close_hundred()
    after = await open_and_close_hundred()
    # Caches still grow a little; a single callback with what it holds is about 20 blocks.
    assert after - before < 5 * 100


async def test_many_at_once(closed: list[int]) -> None:
    """Informers of one process share nothing but the event thread."""
    uri = "test:///default"
    held = len(libvirt_objects())
    informers = [vi.connect(uri) for _ in range(10)]
    await asyncio.gather(*(informer.__aenter__() for informer in informers))
    async with hands_on(uri) as hands:
        uuid = await hands.define(domain_named())
        await eventually(lambda: all(i.get(uuid) for i in informers), "all know of it")
        await hands.to(uuid, lambda domain: domain.undefine())
        await eventually(lambda: not any(i.get(uuid) for i in informers), "all know it is gone")
    del hands
    await asyncio.gather(*(informer.__aexit__(None, None, None) for informer in informers))
    assert closed == [0] * 11
    assert len(libvirt_objects()) == held

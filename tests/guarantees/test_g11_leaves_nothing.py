"""G11: whoever leaves leaves nothing behind, however he leaves.

Of libvirt's own threads, descriptors and references see ``tests/libvirt`` and ``tests/live``.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import weakref
from collections.abc import AsyncIterator

import anyio
import pytest

import virtinformer as vi
from tests.guarantees.witness import now
from tests.loops import virtual_time
from virtinformer.source import Post, Request
from virtinformer.testing import FakeHost, FakeSource

pytestmark = virtual_time


class Forever:
    async def on_add(self, domain: vi.Domain) -> None:
        await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def nothing_left(host: FakeHost) -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    assert host.open_connections == 0
    assert asyncio.all_tasks() == before
    timers = [h for h in asyncio.get_running_loop()._scheduled if not h.cancelled()]  # type: ignore[attr-defined]
    assert timers == []


def use(informer: vi.DomainInformer) -> list[object]:
    """Everything that an informer can be used for, and nobody takes care of."""
    informer.add_event_handler(Forever())
    informer.on_event(print)
    return [informer.watch(), informer.events()]


async def test_leaving_normally() -> None:
    host = FakeHost()
    host.define("web")
    async with nothing_left(host):
        async with host.connect() as informer:
            streams = use(informer)
            await asyncio.sleep(1)
            assert host.open_connections == 1
        assert streams


async def test_leaving_by_exception() -> None:
    host = FakeHost()
    host.define("web")
    async with nothing_left(host):
        with pytest.raises(ZeroDivisionError):  # noqa: PT012
            async with host.connect() as informer:
                use(informer)
                await asyncio.sleep(1)
                raise ZeroDivisionError


@pytest.mark.parametrize("hung", [False, True])
async def test_leaving_by_cancellation(hung: bool) -> None:
    host = FakeHost()
    host.define("web")

    async def work() -> None:
        async with host.connect() as informer:
            use(informer)
            if hung:
                host.hang()
            await informer.sync()
            await asyncio.Event().wait()

    async with nothing_left(host):
        task = asyncio.create_task(work())
        await asyncio.sleep(1)
        began = now()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert now() == began


async def test_leaving_while_the_daemon_hangs() -> None:
    host = FakeHost()
    web = host.define("web")
    async with nothing_left(host):
        async with host.connect() as informer:
            use(informer)
            host.hang()
            asking = asyncio.gather(
                informer.refresh(web),
                informer.sync(),
                informer.wait_for(web, lambda _: False),
                return_exceptions=True,
            )
            await asyncio.sleep(1)
            began = now()
        assert now() == began
        assert [type(answer) for answer in await asking] == [vi.NotSynced] * 3


async def test_leaving_while_the_daemon_is_away() -> None:
    host = FakeHost()
    async with nothing_left(host), host.connect():
        host.disconnect()
        await asyncio.sleep(100)


@pytest.mark.parametrize("moment", [0.0, 0.005, 0.011, 0.015, 0.1])
async def test_being_cancelled_while_it_opens(moment: float) -> None:
    host = FakeHost()
    host.define("web")
    host.fail_next_lists(3)

    async def work() -> None:
        async with host.connect():
            await asyncio.Event().wait()

    async with nothing_left(host):
        task = asyncio.create_task(work())
        await asyncio.sleep(moment)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()


async def test_failing_to_open() -> None:
    host = FakeHost()
    host.refuse(permanent=False)
    async with nothing_left(host):
        with pytest.raises(vi.ConnectError):
            async with host.connect(connect_timeout=10):
                pytest.fail("it has opened")


async def test_a_timeout_around_it() -> None:
    host = FakeHost()
    async with nothing_left(host):
        with pytest.raises(TimeoutError):  # noqa: PT012
            async with asyncio.timeout(5), host.connect() as informer:
                use(informer)
                await asyncio.Event().wait()


async def test_anyio_cancellation() -> None:
    host = FakeHost()
    host.define("web")
    async with nothing_left(host):
        with anyio.move_on_after(5) as scope:
            async with host.connect() as informer:
                use(informer)
                await anyio.sleep_forever()
        assert scope.cancelled_caught


class TidiesUp:
    """Takes a second to end."""

    async def on_add(self, domain: vi.Domain) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(1)


async def test_being_cancelled_again_while_leaving() -> None:
    host = FakeHost()
    host.define("web")

    async def work() -> None:
        async with host.connect() as informer:
            informer.add_event_handler(TidiesUp())
            await asyncio.Event().wait()

    async with nothing_left(host):
        task = asyncio.create_task(work())
        await asyncio.sleep(1)
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0.1)
        await asyncio.wait([task])
        assert task.cancelled()


async def test_the_informer_itself_is_freed() -> None:
    host = FakeHost()
    host.define("web")
    async with host.connect() as informer:
        use(informer)
        await informer.sync()
        gone = weakref.ref(informer)
    del informer
    await asyncio.sleep(1)
    gc.collect()
    assert gone() is None


async def test_streams_end_after_what_waited() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer:
        deltas, events = informer.watch(), informer.events()
        host.start(web)
        await informer.wait_for(web, lambda domain: domain.active)
    assert [type(delta) async for delta in deltas] == [vi.Added, vi.Synced, vi.Updated]
    assert [event.type async for event in events] == ["Started", "Resumed"]


class NoLoop:
    """A source that cannot be started, as where libvirt's event loop is somebody else's."""

    name = "broken"

    def start(self, post: Post) -> None:
        raise vi.EventLoopError("libvirt's event loop belongs to somebody else")

    def stamp(self) -> int:
        return 0

    def perform(self, request: Request) -> None:
        raise AssertionError

    async def aclose(self) -> None:
        self.closed = True


async def test_a_source_that_cannot_start_is_closed_and_no_error_is_left_unseen(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = NoLoop()
    with pytest.raises(vi.EventLoopError, match="somebody else"):
        async with vi.DomainInformer(source):
            pytest.fail("it has opened")
    gc.collect()
    await asyncio.sleep(0)
    assert source.closed
    assert [r for r in caplog.records if r.levelno >= logging.ERROR] == []


async def test_nothing_is_asked_of_a_source_that_is_closed() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect(resync_period=1.0) as informer:
        source = informer._source
        assert isinstance(source, FakeSource)
        host.start(web)
    host.log.clear()
    host.suspend(web)
    await asyncio.sleep(100)
    assert [entry for entry in host.log if entry.action == "request"] == []

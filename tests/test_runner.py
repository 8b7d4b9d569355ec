"""The machine room: order, slices, timers, and that nothing happens after closing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from uuid import UUID

import pytest

import virtinformer as vi
from tests.guarantees.witness import expect_truth, now, requests
from tests.loops import every_loop, virtual_time
from virtinformer._core.messages import (
    Connect,
    Connected,
    Disconnected,
    EventReceived,
    Input,
    List,
    Listed,
    Read,
    Subscribe,
    Subscribed,
)
from virtinformer.runner import SLICE
from virtinformer.source import Post, Request
from virtinformer.testing import FakeHost, Latency


class Obedient:
    """A source that answers at once, from within `perform`, and never calls back later."""

    name = "obedient"

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.post: Post = lambda inputs: None
        self.closed = False
        self._stamp = 0

    def start(self, post: Callable[[list[Input]], None]) -> None:
        self.post = post  # type: ignore[assignment]

    def stamp(self) -> int:
        self._stamp += 1
        return self._stamp

    def perform(self, request: Request) -> None:
        self.asked.append(request)
        match request:
            case Connect(epoch=epoch):
                self.post([Connected(epoch)])
            case Subscribe(epoch=epoch):
                self.post([Subscribed(epoch)])
            case List(epoch=epoch):
                self.post([Listed(epoch, self.stamp(), frozenset())])

    async def aclose(self) -> None:
        self.closed = True


def an_event(stamp: int, uuid: UUID) -> EventReceived:
    return EventReceived(1, stamp, uuid, "d", -1, kind=0, type=0, detail=0, time=0.0)


@every_loop
async def test_a_source_may_answer_at_once() -> None:
    source = Obedient()
    async with vi.DomainInformer(source, resync_period=None) as informer:
        assert [type(request) for request in source.asked] == [Connect, Subscribe, List]
        assert await informer.sync() == 0
    assert source.closed


@every_loop
async def test_what_is_posted_after_closing_does_nothing() -> None:
    source = Obedient()
    async with vi.DomainInformer(source, resync_period=None) as informer:
        asked = len(source.asked)
    source.post([Disconnected(1, vi.ConnectError("late"))])
    await asyncio.sleep(0)
    assert len(source.asked) == asked
    assert informer.health.last_error is None


@every_loop
async def test_a_burst_is_worked_off_in_slices_and_others_run_between() -> None:
    source = Obedient()
    async with vi.DomainInformer(source, resync_period=None) as informer:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        await asyncio.sleep(0)
        count = 10 * SLICE
        source.post(
            [
                EventReceived(1, source.stamp(), UUID(int=n), "d", -1, 0, 0, 0, 0.0)
                for n in range(count)
            ]
        )
        began = turns
        while informer.statistics().events_received < count:
            await asyncio.sleep(0)
        task.cancel()
        assert turns - began >= 8
        assert sum(isinstance(request, Read) for request in source.asked) == count


@virtual_time
async def test_timers_of_the_core_are_kept() -> None:
    host = FakeHost()
    host.define("web")
    async with host.connect(resync_period=10.0):
        await asyncio.sleep(100)
        assert 10 <= len(requests(host, "List")) <= 13


@virtual_time
async def test_patience_ends_only_where_there_is_trouble() -> None:
    """A host that is only slow is waited for, however long it takes."""
    host = FakeHost(latency=Latency(list=100.0), keepalive=1e6)
    host.define("web")
    async with host.connect(connect_timeout=5.0) as informer:
        assert now() > 100
        expect_truth(informer.snapshot(), host)


@virtual_time
async def test_patience_is_over_once_it_was_synced() -> None:
    host = FakeHost()
    async with host.connect(connect_timeout=1.0) as informer:
        host.refuse(vi.ConnectError("no more", permanent=True))
        host.restart()
        await asyncio.sleep(1000)
        host.accept()
        await asyncio.sleep(100)
        assert informer.health.connected


@virtual_time
async def test_a_failing_connection_is_logged_once_a_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, logger="virtinformer")
    host = FakeHost()
    async with host.connect(resync_period=None):
        host.disconnect("killed")
        await asyncio.sleep(60)
        host.disconnect("still down, for another reason")
        await asyncio.sleep(60)
    levels = [record.levelno for record in caplog.records if "Connected" not in record.getMessage()]
    assert levels.count(logging.WARNING) == 2
    assert levels.count(logging.DEBUG) > 5

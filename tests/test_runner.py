"""The machine room: order, slices, timers, and that nothing happens after closing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from uuid import UUID

import pytest

import virtinformer as vi
from tests.guarantees.witness import expect_truth, now, requests
from tests.loops import every_loop, virtual_time
from virtinformer._core.messages import (
    Connect,
    Connected,
    Disconnected,
    Effect,
    EventReceived,
    Input,
    List,
    Listed,
    Read,
    Subscribe,
    Subscribed,
    Tick,
)
from virtinformer._core.model import Change
from virtinformer.runner import SILENCE
from virtinformer.source import BATCH, Post, Request
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
        count = 10 * BATCH
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


@every_loop
async def test_a_timer_stays_while_the_deadline_does() -> None:
    """As that of the resync does through all events in between."""
    source = Obedient()
    async with vi.DomainInformer(source, resync_period=3600.0) as informer:
        runner = informer._runner
        assert runner is not None
        timer, deadline = runner._timer, runner._reflector.deadline
        for _ in range(3):
            source.post([Tick()])
        assert runner._reflector.deadline == deadline
        assert timer is not None
        assert runner._timer is timer
        assert not timer.cancelled()
        source.post([Disconnected(1, ConnectionError("it broke"))])
        assert runner._reflector.deadline != deadline
        assert runner._timer is not timer
        assert timer.cancelled()


@virtual_time
async def test_patience_ends_only_where_there_is_trouble() -> None:
    """A host that is only slow is waited for, however long it takes."""
    host = FakeHost(latency=Latency(list=100.0), keepalive=1e6)
    web = host.define("web")
    host.start(web)
    for second in range(0, 100, 5):
        asyncio.get_running_loop().call_later(second, host.reset, web)
    async with host.connect(connect_timeout=5.0) as informer:
        assert now() > 100
        expect_truth(informer.snapshot(), host)


@virtual_time
async def test_patience_ends_where_an_open_connection_falls_silent() -> None:
    host = FakeHost(latency=Latency(list=1.0), keepalive=1e6)
    asyncio.get_running_loop().call_later(0.5, host.hang)
    with pytest.raises(vi.ConnectError, match="accepts connections and says nothing"):
        await host.connect(connect_timeout=15.0).__aenter__()
    assert now() == pytest.approx(15)


@virtual_time
async def test_a_host_that_spoke_a_moment_ago_is_given_another_moment() -> None:
    host = FakeHost(latency=Latency(connect=4.0, list=100.0), keepalive=1e6)
    with pytest.raises(vi.ConnectError, match="accepts connections and says nothing"):
        await host.connect(connect_timeout=5.0).__aenter__()
    assert now() == pytest.approx(4 + SILENCE, abs=0.1)


@virtual_time
async def test_an_early_error_that_was_overcome_does_not_end_patience() -> None:
    host = FakeHost(latency=Latency(list=8.0), keepalive=1e6)
    host.define("web")
    host.fail_next_lists(1)
    async with host.connect(connect_timeout=10.0) as informer:
        assert now() > 10
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


# ---------------------------------------------------------------- faults of our own


class Clumsy(Obedient):
    """Fails to take the first request of one kind."""

    def __init__(self, kind: type[Request]) -> None:
        super().__init__()
        self.kind: type[Request] | None = kind

    def perform(self, request: Request) -> None:
        if self.kind is not None and isinstance(request, self.kind):
            self.kind = None
            raise ZeroDivisionError
        super().perform(request)


def faults(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if "A fault in the informer" in record.getMessage()]


@virtual_time
@pytest.mark.parametrize("kind", [Connect, Subscribe, List])
async def test_a_request_that_cannot_be_handed_over_is_made_again(
    kind: type[Request], caplog: pytest.LogCaptureFixture
) -> None:
    source = Clumsy(kind)
    async with vi.DomainInformer(source, resync_period=None) as informer:
        assert await informer.sync() == 0
        assert isinstance(informer.health.last_error, ZeroDivisionError)
    (record,) = faults(caplog)
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


@virtual_time
async def test_a_fault_in_taking_in_does_not_end_the_work(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither what is posted later nor the clock is lost by it."""
    host = FakeHost()
    web = host.define("web")
    async with host.connect(resync_period=10.0) as informer:
        receive = informer._reflector.receive
        failed: list[Input] = []

        def fails_once_a_kind(inputs: Iterable[Input], now: float) -> list[Effect]:
            return receive(map(taken, inputs), now)

        def taken(input_: Input) -> Input:
            fresh = type(input_) not in map(type, failed)
            if isinstance(input_, EventReceived | Tick) and fresh:
                failed.append(input_)
                raise ZeroDivisionError
            return input_

        monkeypatch.setattr(informer._reflector, "receive", fails_once_a_kind)
        host.start(web)
        await asyncio.sleep(60)
        assert {type(input_) for input_ in failed} == {EventReceived, Tick}
        assert len(requests(host, "List")) >= 5
        expect_truth(informer.snapshot(), host)
        host.destroy(web)
        await informer.sync()
        expect_truth(informer.snapshot(), host)
    assert len(faults(caplog)) == 2


@virtual_time
async def test_a_fault_that_stays_does_not_keep_the_loop_busy(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    host = FakeHost()
    async with host.connect(resync_period=10.0) as informer:

        def fails(inputs: Iterable[Input], now: float) -> list[Effect]:
            raise ZeroDivisionError

        monkeypatch.setattr(informer._reflector, "receive", fails)
        await asyncio.sleep(60)
    assert 40 <= len(faults(caplog)) <= 60


@virtual_time
async def test_a_fault_in_delivering_does_not_end_the_work(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer:
        runner = informer._runner
        assert runner is not None

        def fails(change: Change) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(runner, "_deliver", fails)
        host.start(web)
        await informer.sync()
        monkeypatch.undo()
        async with informer.watch(initial=False) as deltas:
            host.destroy(web)
            assert isinstance(await anext(deltas), vi.Updated)
    assert faults(caplog)


@virtual_time
async def test_who_could_not_even_ask_does_not_wait_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async with FakeHost().connect() as informer:

        def fails() -> int:
            raise ZeroDivisionError

        monkeypatch.setattr(informer._source, "stamp", fails)
        with pytest.raises(ZeroDivisionError):
            await informer.sync()
        assert informer._runner is not None
        assert informer._runner._barriers == {}


# ---------------------------------------------------------------- what is said, and how loudly


def levels(caplog: pytest.LogCaptureFixture, words: str) -> list[int]:
    return [record.levelno for record in caplog.records if words in record.getMessage()]


@virtual_time
async def test_a_domain_that_cannot_be_read_is_news_once_a_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, logger="virtinformer")
    host = FakeHost()
    web, db = host.define("web"), host.define("db")
    async with host.connect(resync_period=10.0) as informer:
        runner = informer._runner
        assert runner is not None
        for error in (OSError("broken"), OSError("worse")):
            for uuid in (web, db):
                host.fail_next_reads(20, uuid, error)
        await asyncio.sleep(3600)
        said = levels(caplog, "Reading domain")
        assert len(said) >= 40
        assert said.count(logging.WARNING) == 4
        assert runner._said == {}, "what can be read again is forgotten"
        host.fail_next_reads(5, web, OSError("worse"))
        await asyncio.sleep(60)
        assert levels(caplog, "Reading domain").count(logging.WARNING) == 5


@virtual_time
async def test_a_host_that_cannot_be_listed_is_news_once_a_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, logger="virtinformer")
    host = FakeHost()
    host.define("web")
    async with host.connect(resync_period=10.0) as informer:
        for reason in ("broken", "worse"):
            host.fail_next_lists(20, OSError(reason))
        await asyncio.sleep(3600)
        said = levels(caplog, "Listing the domains")
        assert said.count(logging.WARNING) == 2
        assert said.count(logging.DEBUG) == 38
        assert informer._runner is not None
        assert informer._runner._said == {}

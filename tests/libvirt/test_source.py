"""The port, from end to end, on the test driver: what is posted, when, and what is left."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import libvirt
import pytest

from tests.libvirt.recording import URI, NoThreads, Record, defined, domain_xml, opened
from tests.loops import every_loop
from virtinformer._core.messages import (
    Connect,
    Connected,
    ConnectFailed,
    Disconnect,
    Disconnected,
    EventReceived,
    Gone,
    List,
    Listed,
    Observed,
    Read,
    ReadFailed,
    Subscribe,
    Subscribed,
)
from virtinformer._core.model import Observation
from virtinformer._libvirt import LibvirtSource, connection, session
from virtinformer._libvirt import source as source_module
from virtinformer._libvirt.listing import uuid_of
from virtinformer._libvirt.reads import read_domain
from virtinformer.exceptions import ConnectError, EventLoopError, ReadError
from virtinformer.source import Request, Source

pytestmark = every_loop


@asynccontextmanager
async def watching(uri: str = URI, **how: Any) -> AsyncIterator[tuple[LibvirtSource, Record]]:
    """A source that is subscribed in epoch 1."""
    record, source = Record(), LibvirtSource(uri, **how)
    source.start(record.post)
    try:
        source.perform(Connect(1))
        await record.wait(Connected)
        source.perform(Subscribe(1))
        await record.wait(Subscribed)
        yield source, record
    finally:
        await source.aclose()


def describe(domain: libvirt.virDomain, text: str) -> None:
    nothing: Any = None  # the binding's types allow none, and libvirt nothing else
    domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_DESCRIPTION, text, nothing, nothing, 0)


def threads() -> set[str]:
    """Our threads but the event thread."""
    names = {thread.name for thread in threading.enumerate()}
    return {name for name in names if name.startswith("virtinformer-")} - {"virtinformer-events"}


def is_read_of(domain: UUID, after: int = 0) -> Callable[[Observed], bool]:
    return lambda each: each.uuid == domain and not each.listed and each.began > after


async def test_from_connect_to_gone_and_nothing_left(closed: list[int]) -> None:
    port: Source
    with opened() as host, defined(host, start=True) as running:
        async with watching() as (source, record):
            port = source
            port.perform(List(1))
            listed = await record.wait(Listed)
            assert uuid_of(running) in listed.present
            seen = await record.wait(Observed, lambda each: each.uuid == uuid_of(running))
            assert seen.listed
            assert listed.began == seen.began < seen.ended
            assert record.inputs[-1] is listed

            with defined(host) as domain:
                uuid = uuid_of(domain)
                event = await record.wait(EventReceived, lambda each: each.uuid == uuid)
                read = await record.wait(Observed, is_read_of(uuid))
                assert (event.epoch, event.kind, event.type, event.detail) == (1, 0, 0, 0)
                assert event.name == domain.name()
                assert abs(event.time - time.time()) < 60
                assert read.began > event.stamp
                assert read.ended > read.began
                assert isinstance(read.result, Observation)
                assert read.result.name == domain.name()
            gone = await record.wait(Observed, lambda each: each.result == Gone())
            removed = record.all(EventReceived, lambda each: each.type == 1)[0]
            assert gone.began > removed.stamp
        assert threads() == set()
        assert closed == [0]


async def test_an_event_comes_before_the_read_that_began_after_it() -> None:
    with opened() as host, defined(host, start=True) as domain:
        async with watching() as (_, record):

            def move() -> None:
                for _ in range(200):
                    domain.suspend()
                    domain.resume()

            await asyncio.to_thread(move)
            last = await record.wait(EventReceived, lambda _: len(record.all(EventReceived)) == 400)
            last = record.all(EventReceived)[-1]
            await record.wait(Observed, lambda each: each.began > last.stamp)
        told = 0
        newest = max(each.stamp for each in record.all(EventReceived))
        for each in record.inputs:
            if isinstance(each, EventReceived):
                told = each.stamp
            elif isinstance(each, Observed):
                later = [e.stamp for e in record.all(EventReceived) if told < e.stamp < each.began]
                assert later == []
        assert newest == last.stamp
        assert len(record.all(Observed)) <= 401


async def test_one_read_serves_the_event_and_the_request_for_it() -> None:
    """The informer asks as soon as it was told a batch; the eager read is the answer."""
    record = Record()
    source = LibvirtSource(URI)

    def post(batch: Any) -> None:
        record.post(batch)
        wanted: dict[UUID, int] = {}
        for each in batch:
            if isinstance(each, EventReceived):
                wanted[each.uuid] = each.stamp
            elif isinstance(each, Observed) and each.began > wanted.get(each.uuid, -1):
                wanted.pop(each.uuid, None)
        for uuid, stamp in wanted.items():
            source.perform(Read(1, uuid, stamp))

    source.start(post)
    source.perform(Connect(1))
    await record.wait(Connected)
    source.perform(Subscribe(1))
    await record.wait(Subscribed)
    with opened() as host, defined(host) as domain:
        await record.wait(Observed, is_read_of(uuid_of(domain)))
        # A request of its own gets a read of its own, and comes after all that was under way.
        source.perform(Read(1, uuid_of(domain), after := source.stamp()))
        await record.wait(Observed, lambda each: each.began > after)
        assert len(record.all(Observed)) == 2
    await source.aclose()


async def test_the_handle_of_an_event_saves_a_look_up_but_only_a_look_up_finds_it_gone(
    monkeypatch: pytest.MonkeyPatch, closed: list[int]
) -> None:
    looked_up: list[UUID] = []
    look_up = read_domain

    def recorded(host: libvirt.virConnect, uuid: UUID) -> Any:
        looked_up.append(uuid)
        return look_up(host, uuid)

    monkeypatch.setattr(session, "read_domain", recorded)
    with opened() as host:
        async with watching() as (source, record):
            with defined(host) as domain:
                uuid = uuid_of(domain)
                await record.wait(Observed, is_read_of(uuid))
                assert looked_up == []
                # A handle serves one read; what nobody told of is looked up.
                source.perform(Read(1, uuid, after := source.stamp()))
                await record.wait(Observed, is_read_of(uuid, after))
                assert looked_up == [uuid]
            await record.wait(Observed, lambda each: each.result == Gone())
            assert len(looked_up) > 1
        assert closed == [0]


async def test_every_read_is_answered_by_one_that_began_after_it() -> None:
    with opened() as host, defined(host) as domain:
        async with watching() as (source, record):
            for uuid in (uuid_of(domain), UUID(int=1)):
                for _ in range(20):
                    source.perform(Read(1, uuid, after := source.stamp()))
                    await record.wait(Observed, is_read_of(uuid, after))
        assert {type(each.result) for each in record.all(Observed)} == {Observation, Gone}


async def test_a_failed_read_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(host: object, uuid: UUID) -> Observation:
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")

    monkeypatch.setattr(session, "read_domain", fail)
    async with watching() as (source, record):
        source.perform(Read(1, UUID(int=1), source.stamp()))
        read = await record.wait(Observed)
        assert isinstance(read.result, ReadFailed)
        assert isinstance(read.result.error, ReadError)
        assert isinstance(read.result.error.__cause__, UnicodeDecodeError)
        assert record.all(Disconnected) == []


async def test_only_the_kinds_that_are_wanted() -> None:
    with opened() as host, defined(host) as domain:
        async with watching(event_ids=[1]) as (_, record):
            describe(domain, "words")
            domain.create()
            await record.wait(EventReceived, lambda each: each.kind == 0)
        assert {each.kind for each in record.all(EventReceived)} == {0}
        async with watching() as (_, record):
            describe(domain, "other words")
            event = await record.wait(EventReceived, lambda each: each.kind == 23)
            assert event.details == {"type": 0, "ns_uri": None}
            assert (event.type, event.detail) == (0, 0)
        domain.destroy()


@pytest.mark.parametrize(("uri", "permanent"), [("foo:///", True), ("not a uri", True)])
async def test_a_connection_that_cannot_be_had(uri: str, permanent: bool) -> None:
    record, source = Record(), LibvirtSource(uri)
    source.start(record.post)
    source.perform(Connect(1))
    failed = await record.wait(ConnectFailed)
    assert isinstance(failed.error, ConnectError)
    assert failed.error.permanent is permanent
    assert failed.error.__traceback__ is None
    await source.aclose()
    assert threads() == set()


async def test_a_subscription_that_cannot_be_had(
    monkeypatch: pytest.MonkeyPatch, closed: list[int]
) -> None:
    def fail(*args: object) -> int:
        raise libvirt.libvirtError("no events here")

    monkeypatch.setattr(libvirt.virConnect, "domainEventRegisterAny", fail)
    record, source = Record(), LibvirtSource(URI)
    source.start(record.post)
    source.perform(Connect(1))
    await record.wait(Connected)
    source.perform(Subscribe(1))
    lost = await record.wait(Disconnected)
    assert "no events here" in str(lost.error)
    await source.aclose()
    assert closed == [0]


async def test_a_connection_found_dead_by_calls_is_told_once(
    monkeypatch: pytest.MonkeyPatch, closed: list[int]
) -> None:
    def fail(host: object, uuid: UUID) -> Observation:
        raise libvirt.libvirtError("client socket is closed")

    async with watching() as (source, record):
        monkeypatch.setattr(session, "read_domain", fail)
        monkeypatch.setattr(connection, "is_alive", lambda host: False)
        for number in range(20):
            source.perform(Read(1, UUID(int=number), source.stamp()))
        source.perform(List(1))
        lost = await record.wait(Disconnected)
        assert "client socket is closed" in str(lost.error)
        async with asyncio.timeout(10):
            while not closed:  # it frees itself, without being told to
                await asyncio.sleep(0.01)
        source.perform(Read(1, UUID(int=99), source.stamp()))
        source.perform(List(1))
        source.perform(Disconnect(1))
    assert len(record.all(Disconnected)) == 1
    assert record.inputs[-1] is lost
    assert closed == [0]


async def test_the_close_callback_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    callbacks: list[Any] = []
    register = libvirt.virConnect.registerCloseCallback

    def recorded(host: Any, callback: Any, opaque: None) -> int:
        callbacks.append(callback)
        return register(host, callback, opaque)

    monkeypatch.setattr(libvirt.virConnect, "registerCloseCallback", recorded)
    monkeypatch.setattr(connection.Connection, "is_in_process", False)
    async with watching() as (_, record):
        callbacks[0](None, libvirt.VIR_CONNECT_CLOSE_REASON_KEEPALIVE, None)
        callbacks[0](None, libvirt.VIR_CONNECT_CLOSE_REASON_EOF, None)
        lost = await record.wait(Disconnected)
        assert "keepalive" in str(lost.error)
        callbacks.clear()
    assert len(record.all(Disconnected)) == 1


async def test_a_connection_that_breaks_before_it_was_told_has_failed(
    monkeypatch: pytest.MonkeyPatch, closed: list[int]
) -> None:
    """The close callback comes before `Connected` was said."""
    open_ = connection.Connection.open

    def opened_and_lost(link: connection.Connection, on_lost: Callable[[Any], None]) -> None:
        open_(link, on_lost)
        on_lost(link.lost("the daemon closed it"))

    monkeypatch.setattr(connection.Connection, "open", opened_and_lost)
    record, source = Record(), LibvirtSource(URI)
    source.start(record.post)
    source.perform(Connect(1))
    failed = await record.wait(ConnectFailed)
    assert "the daemon closed it" in str(failed.error)
    await source.aclose()
    assert record.inputs == [failed]
    assert closed == [0]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_connection_that_failed_is_forgotten() -> None:
    record, source = Record(), LibvirtSource("foo:///")
    source.start(record.post)
    for epoch in range(1, 4):
        source.perform(Connect(epoch))
        await record.wait(ConnectFailed, lambda each: each.epoch == epoch)  # noqa: B023
        await until(lambda: not source._unfreed)
    assert source._current == {}
    await source.aclose()


async def test_without_threads_every_connect_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    record, source, refused = Record(), LibvirtSource(URI), NoThreads(monkeypatch)
    source.start(record.post)
    refused.refuse()
    source.perform(Connect(1))
    source.perform(Disconnect(1))
    failed = await record.wait(ConnectFailed)
    assert isinstance(failed.error, ConnectError)
    assert not failed.error.permanent
    assert "can't start new thread" in str(failed.error)
    await until(lambda: not source._unfreed)
    refused.allow()
    source.perform(Connect(2))
    await record.wait(Connected)
    await source.aclose()
    assert threads() == set()


async def test_a_connection_is_freed_without_a_further_thread(
    monkeypatch: pytest.MonkeyPatch, closed: list[int]
) -> None:
    async with watching() as (source, _):
        refused = NoThreads(monkeypatch)
        refused.refuse()
        source.perform(Disconnect(1))
        await until(lambda: not source._unfreed)
    assert closed == [0]


@pytest.mark.parametrize(
    ("method", "request_"),
    [("subscribe", Subscribe(1)), ("list", List(1)), ("read", Read(1, UUID(int=1), 0))],
)
async def test_what_cannot_be_performed_ends_the_connection(
    method: str, request_: Request, monkeypatch: pytest.MonkeyPatch, closed: list[int]
) -> None:
    def fail(*args: object) -> None:
        raise MemoryError("no more")

    async with watching() as (source, record):
        monkeypatch.setattr(session.Session, method, fail)
        source.perform(request_)
        lost = await record.wait(Disconnected)
        assert isinstance(lost.error, ConnectError)
        assert isinstance(lost.error.__cause__, MemoryError)
    assert closed == [0]


async def test_a_session_that_cannot_be_made_is_a_connection_that_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> int:
        raise MemoryError("no more")

    monkeypatch.setattr(session, "calls_at_once", fail)
    record, source = Record(), LibvirtSource(URI)
    source.start(record.post)
    source.perform(Connect(1))
    failed = await record.wait(ConnectFailed)
    assert "no more" in str(failed.error)
    await source.aclose()


async def test_so_many_attempts_hang_and_no_more(
    monkeypatch: pytest.MonkeyPatch, closed: list[int]
) -> None:
    release, open_, entered = threading.Event(), connection._open, threading.Semaphore(0)

    def mute(address: connection.Address) -> libvirt.virConnect:
        entered.release()
        release.wait(20)
        return open_(address)

    monkeypatch.setattr(connection, "_open", mute)
    record, source = Record(), LibvirtSource(URI)
    source.start(record.post)
    for epoch in range(1, 8):
        source.perform(Connect(epoch))
        if epoch <= source_module.HUNG:
            assert await asyncio.to_thread(entered.acquire, timeout=10)
        source.perform(Disconnect(epoch))
    await record.wait(ConnectFailed, lambda each: each.epoch == 7)
    assert [each.epoch for each in record.all(ConnectFailed)] == [5, 6, 7]
    assert "4 earlier attempts still hang" in str(record.all(ConnectFailed)[0].error)
    assert len(threads()) == source_module.HUNG
    release.set()
    await until(lambda: not source._unfreed)
    assert closed == [0] * 4
    source.perform(Connect(8))
    assert (await record.wait(Connected)).epoch == 8
    await source.aclose()
    assert len(record.inputs) == 4


async def test_a_daemon_that_is_mute_is_left_and_freed_when_it_ends(tmp_path: Path) -> None:
    record = Record()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "mute"))
        listener.listen()
        source = LibvirtSource(f"test+unix:///default?socket={tmp_path}/mute")
        source.start(record.post)
        source.perform(Connect(1))
        client, _ = await asyncio.to_thread(listener.accept)
        assert await asyncio.to_thread(client.recv, 1)
        source.perform(Disconnect(1))
        assert source._unfreed
        client.close()
    await until(lambda: not source._unfreed)
    assert record.inputs == []
    assert threads() == set()
    await source.aclose()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"keepalive": 5}, TypeError),
        ({"keepalive": (5,)}, TypeError),
        ({"keepalive": ("5", 3)}, TypeError),
        ({"keepalive": (5, 1.5)}, TypeError),
        ({"keepalive": (0, 3)}, ValueError),
        ({"keepalive": (-1.0, 3)}, ValueError),
        ({"keepalive": (float("nan"), 3)}, ValueError),
        ({"keepalive": (float("inf"), 3)}, ValueError),
        ({"keepalive": (5, 0)}, ValueError),
        ({"event_ids": 5}, TypeError),
        ({"event_ids": ["lifecycle"]}, TypeError),
        ({"event_ids": [1.5]}, TypeError),
        ({"event_ids": [-1]}, ValueError),
        ({"event_ids": [2**40]}, ValueError),
    ],
)
async def test_an_option_that_makes_no_sense_is_refused(
    options: dict[str, Any], kind: type[Exception]
) -> None:
    with pytest.raises(kind, match=next(iter(options))):
        LibvirtSource(URI, **options)


async def test_a_new_epoch_after_the_old(closed: list[int]) -> None:
    with opened() as host:
        async with watching() as (source, record):
            source.perform(Disconnect(1))
            source.perform(Connect(2))
            await record.wait(Connected, lambda each: each.epoch == 2)
            source.perform(Subscribe(2))
            await record.wait(Subscribed, lambda each: each.epoch == 2)
            with defined(host) as domain:
                event = await record.wait(EventReceived, lambda e: e.uuid == uuid_of(domain))
                assert event.epoch == 2
            source.perform(Read(1, UUID(int=1), 0))
        assert {each.epoch for each in record.all(EventReceived)} == {2}
        assert closed == [0, 0]


async def test_after_aclose_nothing_is_posted() -> None:
    with opened() as host:
        async with watching() as (source, record):
            pass
        before = len(record.inputs)
        with defined(host):
            pass
        source.perform(Connect(2))
        source.perform(List(1))
        await source.aclose()
        await asyncio.sleep(0.05)
        assert len(record.inputs) == before


async def test_a_connection_that_opens_too_late_is_closed(
    monkeypatch: pytest.MonkeyPatch, closed: list[int]
) -> None:
    release, entered = threading.Event(), threading.Event()
    open_ = connection._open

    def slow(address: connection.Address) -> libvirt.virConnect:
        entered.set()
        release.wait(10)
        return open_(address)

    monkeypatch.setattr(connection, "_open", slow)
    record, source = Record(), LibvirtSource(URI)
    source.start(record.post)
    source.perform(Connect(1))
    await asyncio.to_thread(entered.wait, 10)
    source.perform(Disconnect(1))
    release.set()
    await source.aclose()
    assert record.inputs == []
    assert closed == [0]


class Hung:
    """A host on which every read hangs until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.entered, self.release = threading.Event(), threading.Event()
        monkeypatch.setattr(session, "read_domain", self.read)

    def read(self, host: object, uuid: UUID) -> Gone:
        self.entered.set()
        self.release.wait(20)
        return Gone()


async def test_an_event_whose_read_hangs_is_told_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its own read wakes the loop; if that does not end, a beat of libvirt's event loop does."""
    monkeypatch.setattr(session, "read_known", lambda handle: None)
    with opened() as host:
        async with watching() as (_, record):
            hung = Hung(monkeypatch)
            with defined(host):
                await record.wait(EventReceived)
                assert not record.all(Observed)
                assert hung.entered.is_set()
                hung.release.set()
                await record.wait(Observed)


async def test_aclose_does_not_wait_for_a_host_that_hangs(
    monkeypatch: pytest.MonkeyPatch, closed: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(source_module, "CLOSE_SECONDS", 0.1)
    hung = Hung(monkeypatch)
    with caplog.at_level(logging.INFO, "virtinformer.libvirt"):
        async with watching() as (source, _):
            for number in range(8):
                source.perform(Read(1, UUID(int=number), source.stamp()))
            await asyncio.to_thread(hung.entered.wait, 10)
            began = time.monotonic()
    assert time.monotonic() - began < 5
    assert "hangs" in caplog.text
    assert closed == []
    hung.release.set()
    async with asyncio.timeout(10):
        while threads():
            await asyncio.sleep(0.01)
    assert closed == [0]


async def test_aclose_is_not_cut_short_by_cancellation(
    monkeypatch: pytest.MonkeyPatch, closed: list[int]
) -> None:
    hung = Hung(monkeypatch)
    async with watching() as (source, _):
        source.perform(Read(1, UUID(int=1), source.stamp()))
        await asyncio.to_thread(hung.entered.wait, 10)
        leaving = asyncio.create_task(source.aclose())
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.sleep(0.02)
        assert not leaving.done()
        hung.release.set()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert closed == [0]
        assert threads() == set()


async def test_a_source_that_never_started_closes() -> None:
    await LibvirtSource(URI).aclose()


@pytest.mark.asyncio
async def test_the_name_holds_no_secret() -> None:
    assert LibvirtSource("esx://root:s3cret@host/").name == "esx://root:***@host/"


@pytest.mark.asyncio
async def test_stamps_rise_in_all_threads() -> None:
    source, taken = LibvirtSource(URI), list[int]()
    workers = [
        threading.Thread(target=lambda: taken.extend(source.stamp() for _ in range(1000)))
        for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(taken) == list(range(1, 4001))


async def test_start_needs_a_running_loop() -> None:
    def start() -> None:
        LibvirtSource(URI).start(lambda batch: None)

    with pytest.raises(EventLoopError, match="asyncio"):
        await asyncio.to_thread(start)


async def test_twenty_times_in_and_out_leave_nothing(closed: list[int]) -> None:
    sources: list[weakref.ref[LibvirtSource]] = []
    with opened() as host:
        for _ in range(20):
            async with watching() as (source, record):
                sources.append(weakref.ref(source))
                source.perform(List(1))
                transient = host.createXML(domain_xml())
                await record.wait(EventReceived)
                transient.destroy()
                del transient
            assert threads() == set()
            del source
    assert closed == [0] * 21
    gc.collect()
    assert [each for each in sources if each() is not None] == []

"""A daemon that dies, hangs, refuses, and comes back."""

from __future__ import annotations

import asyncio

import pytest

from tests.loops import virtual_time
from tests.testing.watcher import Attached, Watcher
from virtinformer._core.messages import (
    Connect,
    Connected,
    ConnectFailed,
    Disconnect,
    Disconnected,
    EventReceived,
    List,
    ListFailed,
    Observed,
    ReadFailed,
    Subscribed,
)
from virtinformer.exceptions import ConnectError
from virtinformer.testing import FakeHost, Faults


def kinds(watcher: Watcher) -> list[str]:
    return [type(message).__name__ for message in watcher.inputs]


@virtual_time
async def test_a_killed_daemon_says_goodbye_once_and_nothing_more() -> None:
    host = FakeHost()
    web = host.define("web")
    async with Attached(host) as one, Attached(host) as other:
        one.ask(web)
        one.source.perform(List(1))
        host.start(web)
        host.disconnect("killed")
        one.ask(web)
        await asyncio.sleep(100)
        for watcher in (one, other):
            (gone,) = watcher.inputs
            assert isinstance(gone, Disconnected)
            assert gone.epoch == 1
            assert isinstance(gone.error, ConnectError)
            assert "killed" in str(gone.error)
        assert host.open_connections == 0


@virtual_time
async def test_domains_survive_the_daemon_and_events_of_the_gap_do_not() -> None:
    host = FakeHost()
    web = host.define("web")
    async with Attached(host) as watcher:
        host.disconnect()
        host.start(web)
        watcher.source.perform(Connect(2))
        await asyncio.sleep(1)
        host.restart()
        await watcher.attach(3)
        host.suspend(web)
        read = await watcher.read(web, epoch=3)
        assert kinds(watcher)[:4] == ["Disconnected", "ConnectFailed", "Connected", "Subscribed"]
        assert read.result == host.truth(web)
        assert watcher.steps == [(3, 0)]


@virtual_time
async def test_restarting_a_living_daemon_cuts_the_connections() -> None:
    host = FakeHost()
    async with Attached(host) as watcher:
        host.restart()
        await asyncio.sleep(1)
        await watcher.attach(2)
        assert kinds(watcher) == ["Disconnected", "Connected", "Subscribed"]


@virtual_time
async def test_a_connection_given_up_meanwhile_gets_no_goodbye() -> None:
    host = FakeHost()
    async with Attached(host) as watcher:
        host.disconnect()
        watcher.source.perform(Disconnect(1))
        await asyncio.sleep(1)
        assert watcher.inputs == []


@virtual_time
async def test_a_hung_daemon_answers_nothing_until_keepalive_gives_up() -> None:
    host = FakeHost(keepalive=3.0)
    web = host.define("web")
    async with Attached(host) as watcher:
        began = asyncio.get_running_loop().time()
        host.hang()
        watcher.ask(web)
        host.start(web)
        await asyncio.sleep(1)
        host.hang()
        await asyncio.sleep(1.9)
        assert watcher.inputs == []
        await asyncio.sleep(100)
        assert kinds(watcher) == ["Disconnected"]
        assert watcher.times == pytest.approx([began + 3.0])
        host.unhang()
        await asyncio.sleep(1)
        assert kinds(watcher) == ["Disconnected"]


@virtual_time
async def test_a_daemon_that_hung_for_a_moment_goes_on() -> None:
    host = FakeHost()
    web = host.define("web")
    async with Attached(host) as watcher:
        host.hang()
        host.start(web)
        watcher.ask(web)
        host.hang()
        await asyncio.sleep(5)
        host.unhang()
        await asyncio.sleep(100)
        assert kinds(watcher) == ["EventReceived", "EventReceived", "Observed"]
        assert watcher.all(Observed)[0].result == host.truth(web)
        assert watcher.times[0] == pytest.approx(5.2)


@virtual_time
async def test_nobody_can_connect_to_a_hung_daemon() -> None:
    host = FakeHost(keepalive=3.0)
    async with Watcher(host) as watcher:
        host.hang()
        watcher.source.perform(Connect(1))
        await asyncio.sleep(100)
        assert kinds(watcher) == ["ConnectFailed"]
        assert watcher.times == pytest.approx([3.0])


@virtual_time
async def test_leaving_a_hung_daemon_takes_no_time() -> None:
    host = FakeHost()
    async with Attached(host) as watcher:
        host.hang()
        watcher.ask(host.define("web"))
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() == began
    assert host.open_connections == 0


@virtual_time
async def test_killing_a_hung_daemon_frees_those_who_wait() -> None:
    host = FakeHost()
    async with Attached(host) as watcher:
        host.hang()
        host.restart()
        await asyncio.sleep(1)
        await watcher.attach(2)
        assert kinds(watcher) == ["Disconnected", "Connected", "Subscribed"]


@virtual_time
async def test_the_next_connections_fail() -> None:
    host = FakeHost()
    async with Watcher(host) as watcher:
        host.fail_next_connects(1, OSError("odd"))
        host.fail_next_connects(1)
        for epoch in (1, 2, 3):
            watcher.source.perform(Connect(epoch))
            await asyncio.sleep(1)
        first, second, third = watcher.inputs
        assert isinstance(first, ConnectFailed)
        assert str(first.error) == "odd"
        assert isinstance(second, ConnectFailed)
        assert isinstance(second.error, ConnectError)
        assert not second.error.permanent
        assert third == Connected(3)
        assert host.open_connections == 1


@virtual_time
@pytest.mark.parametrize("permanent", [True, False])
async def test_a_host_refuses_until_it_accepts(permanent: bool) -> None:
    host = FakeHost()
    async with Attached(host) as inside, Watcher(host) as outside:
        host.refuse(permanent=permanent)
        outside.source.perform(Connect(1))
        await asyncio.sleep(1)
        (refused,) = outside.inputs
        assert isinstance(refused, ConnectFailed)
        assert isinstance(refused.error, ConnectError)
        assert refused.error.permanent is permanent
        web = host.define("web")
        assert (await inside.read(web)).result == host.truth(web)
        host.accept()
        outside.source.perform(Connect(2))
        await asyncio.sleep(1)
        assert outside.inputs[1:] == [Connected(2)]


@virtual_time
async def test_connections_fail_and_break_by_chance() -> None:
    host = FakeHost(faults=Faults(connect_failure=0.5, connection_loss=0.5))
    async with Watcher(host) as watcher:
        for epoch in range(100):
            await watcher.attach(epoch)
            watcher.source.perform(Disconnect(epoch))
        assert 25 < len(watcher.all(ConnectFailed)) < 75
        assert 10 < len(watcher.all(Disconnected)) < 45
        assert 10 < len(watcher.all(Subscribed)) < 45
        assert host.open_connections == 0


@virtual_time
async def test_answers_can_come_after_their_connection() -> None:
    host = FakeHost(faults=Faults(late_answer=1))
    web = host.define("web")
    async with Attached(host) as watcher:
        truth = host.truth(web)
        watcher.ask(web)
        await asyncio.sleep(0.0015)
        host.restart()
        host.start(web)
        watcher.ask(web)
        await asyncio.sleep(1)
        await watcher.attach(2)
        assert kinds(watcher) == ["Observed", "Disconnected", "Connected", "Subscribed"]
        (late,) = watcher.all(Observed)
        assert (late.epoch, late.result) == (1, truth)


@virtual_time
async def test_what_was_not_read_when_the_connection_ended_never_was() -> None:
    host = FakeHost(faults=Faults(late_answer=1))
    web = host.define("web")
    async with Attached(host) as watcher:
        watcher.ask(web)
        watcher.source.perform(List(1))
        watcher.source.perform(Disconnect(1))
        await asyncio.sleep(1)
        read, listed = watcher.inputs
        assert isinstance(read, Observed)
        assert isinstance(read.result, ReadFailed)
        assert isinstance(listed, ListFailed)


@virtual_time
async def test_a_held_answer_outlives_its_connection() -> None:
    host = FakeHost()
    web = host.define("web")
    async with Attached(host) as watcher:
        host.hold_reads(web)
        old = host.truth(web)
        watcher.ask(web)
        await asyncio.sleep(1)
        host.restart()
        await watcher.attach(2)
        host.undefine(web)
        await asyncio.sleep(1)
        host.release_reads()
        await asyncio.sleep(1)
        assert kinds(watcher)[-2:] == ["EventReceived", "Observed"]
        late = watcher.all(Observed)[0]
        assert (late.epoch, late.result) == (1, old)
        assert late.began < watcher.all(EventReceived)[0].stamp < late.ended

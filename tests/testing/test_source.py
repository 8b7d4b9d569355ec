"""An honest made-up host keeps the promises of the port."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import UUID

import pytest

from tests.loops import every_loop, virtual_time
from tests.testing.watcher import Attached, Watcher
from virtinformer._core.messages import (
    Connect,
    Connected,
    Disconnect,
    EventReceived,
    Gone,
    List,
    Listed,
    ListFailed,
    Observed,
    Read,
    Subscribe,
    Subscribed,
)
from virtinformer._core.model import Observation
from virtinformer.exceptions import EventLoopError
from virtinformer.source import Source
from virtinformer.testing import FakeHost, Latency, run

INSTANT = Latency(connect=0, subscribe=0, list=0, read=0, event=0, disconnect=0)


def test_it_fits_the_port() -> None:
    source: Source = FakeHost("north").source()
    assert source.name == "fake:///north"


def test_it_starts_on_a_running_loop_only() -> None:
    with pytest.raises(EventLoopError):
        FakeHost().source().start(lambda _inputs: None)


def test_nothing_can_be_asked_before_it_starts() -> None:
    with pytest.raises(RuntimeError, match="start"):
        FakeHost().source().perform(Connect(1))


@virtual_time
async def test_it_connects_then_subscribes_and_takes_its_time() -> None:
    async with Watcher(FakeHost()) as watcher:
        watcher.source.perform(Connect(1))
        await asyncio.sleep(1)
        watcher.source.perform(Subscribe(1))
        await asyncio.sleep(1)
        assert watcher.inputs == [Connected(1), Subscribed(1)]
        assert watcher.times == pytest.approx([0.01, 1.002])


@virtual_time
async def test_events_come_from_the_moment_of_the_subscription() -> None:
    host = FakeHost()
    async with Watcher(host) as watcher:
        watcher.source.perform(Connect(1))
        await asyncio.sleep(0.1)
        watcher.source.perform(Subscribe(1))
        missed = host.define("missed")
        await asyncio.sleep(0.0015)
        seen = host.define("seen")
        await asyncio.sleep(1)
        assert [event.uuid for event in watcher.all(EventReceived)] == [seen] != [missed]


@virtual_time
async def test_an_event_says_what_was_true_when_it_was_made() -> None:
    host = FakeHost()
    async with Attached(host) as watcher:
        web = host.define("old")
        host.rename(web, "new")
        host.start(web)
        host.destroy(web)
        await asyncio.sleep(1)
        told = [(event.name, event.id, event.type) for event in watcher.all(EventReceived)]
        assert told == [
            ("old", -1, 0),
            ("old", -1, 1),
            ("new", -1, 0),
            ("new", 1, 4),
            ("new", 1, 2),
            ("new", 1, 6),
            ("new", -1, 5),
        ]


@virtual_time
async def test_a_read_sees_the_truth_of_a_moment_between_its_stamps() -> None:
    host = FakeHost(latency=Latency(read=0.010, event=0.001))
    web = host.define("web")
    async with Attached(host) as watcher:
        watcher.ask(web)
        await asyncio.sleep(0.002)
        host.start(web)  # before the content is taken …
        at_five = host.truth(web)
        await asyncio.sleep(0.004)
        host.destroy(web)  # … and after
        await asyncio.sleep(1)
        (read,) = watcher.all(Observed)
        assert read.result == at_five
        stamps = [event.stamp for event in watcher.all(EventReceived)]
        assert all(read.began < stamp < read.ended for stamp in stamps)
        assert len(stamps) == 4
        assert watcher.inputs[-1] is read


@virtual_time
async def test_a_look_up_of_what_is_not_there_says_gone() -> None:
    async with Attached(FakeHost()) as watcher:
        assert (await watcher.read(UUID(int=5))).result == Gone()


@virtual_time
async def test_stamps_never_come_back() -> None:
    host = FakeHost(eager_reads=True)
    async with Attached(host) as watcher:
        for name in "abc":
            host.start(host.define(name))
            await watcher.list()
        stamps = [event.stamp for event in watcher.all(EventReceived)]
        ended = [read.ended for read in watcher.all(Observed)]
        assert len({*stamps, *ended}) == len(stamps) + len(ended)
        in_order = [
            message.stamp if isinstance(message, EventReceived) else message.ended
            for message in watcher.inputs
            if isinstance(message, EventReceived | Observed)
        ]
        assert in_order == sorted(in_order)


@virtual_time
async def test_a_list_reads_all_then_says_so() -> None:
    host = FakeHost()
    for number in range(250):
        host.define(f"d{number}")
    async with Attached(host) as watcher:
        *reads, last = await watcher.list()
        assert {r.uuid: r.result for r in reads if isinstance(r, Observed)} == host.domains
        assert all(isinstance(read, Observed) and read.listed for read in reads)
        assert isinstance(last, Listed)
        assert last.present == set(host.domains)
        assert len(reads) == 250
        assert all(last.began <= r.began < r.ended for r in reads if isinstance(r, Observed))


@virtual_time
async def test_a_list_reads_only_what_is_wanted_and_names_all() -> None:
    host = FakeHost()
    a, b = host.define("a"), host.define("b")
    async with Attached(host) as watcher:
        read, last = await watcher.list(frozenset({a, UUID(int=9)}))
        assert isinstance(read, Observed)
        assert read.uuid == a
        assert isinstance(last, Listed)
        assert last.present == {a, b}


@virtual_time
@pytest.mark.parametrize("parts", [1, 2, 4])
async def test_a_list_too_long_for_one_message_is_split(parts: int) -> None:
    host = FakeHost(list_limit=-(-16 // parts))
    for number in range(16):
        uuid = host.define(f"d{number}", autostart=bool(number & 1))
        if number & 2:
            host.start(uuid)
        if number & 4 and number & 2:
            host.undefine(uuid)
    async with Attached(host) as watcher:
        last = (await watcher.list())[-1]
        assert isinstance(last, Listed)
        assert last.present == set(host.domains)


def save(host: FakeHost, uuid: UUID) -> None:
    host.start(uuid)
    host.managed_save(uuid)
    host.mutate(uuid, reason=0)


@virtual_time
@pytest.mark.parametrize(
    "differ",
    [
        lambda host, uuid: host.mutate(uuid, id=5),
        lambda host, uuid: host.mutate(uuid, persistent=False),
        lambda host, uuid: host.mutate(uuid, state=1),
        lambda host, uuid: host.mutate(uuid, state=3),
        lambda host, uuid: host.mutate(uuid, state=6),
        lambda host, uuid: host.mutate(uuid, autostart=True),
        save,
    ],
)
async def test_a_list_can_be_split_by_any_difference(
    differ: Callable[[FakeHost, UUID], None],
) -> None:
    host = FakeHost(list_limit=1)
    a, b = host.define("a"), host.define("b")
    differ(host, b)
    async with Attached(host) as watcher:
        last = (await watcher.list())[-1]
        assert isinstance(last, Listed)
        assert last.present == {a, b}


@virtual_time
async def test_a_list_that_cannot_be_split_fails() -> None:
    host = FakeHost(list_limit=2)
    for name in "abc":
        host.define(name)
    async with Attached(host) as watcher:
        (failed,) = await watcher.list()
        assert isinstance(failed, ListFailed)
        assert "too many" in str(failed.error)


@virtual_time
async def test_a_read_under_way_answers_whoever_asks_for_no_newer_one() -> None:
    host = FakeHost()
    web = host.define("web")
    async with Attached(host) as watcher:
        after = watcher.source.stamp()
        for _ in range(3):
            watcher.source.perform(Read(1, web, after))
        await asyncio.sleep(1)
        assert len(watcher.all(Observed)) == 1


@virtual_time
async def test_a_read_that_began_too_early_does_not_answer() -> None:
    host = FakeHost()
    web = host.define("web")
    async with Attached(host) as watcher:
        watcher.ask(web)
        await asyncio.sleep(0.0015)
        host.start(web)
        watcher.ask(web)
        await asyncio.sleep(1)
        early, late = watcher.all(Observed)
        assert early.result != late.result == host.truth(web)


@virtual_time
async def test_a_read_that_is_through_does_not_answer() -> None:
    host = FakeHost()
    web = host.define("web")
    async with Attached(host) as watcher:
        for _ in range(2):
            watcher.source.perform(Read(1, web, 0))
            await asyncio.sleep(1)
        assert len(watcher.all(Observed)) == 2


@virtual_time
async def test_eager_reads_begin_with_the_event() -> None:
    host = FakeHost(eager_reads=True)
    async with Attached(host) as watcher:
        host.define("web")
        await asyncio.sleep(1)
        event, read = watcher.inputs
        assert isinstance(event, EventReceived)
        assert isinstance(read, Observed)
        assert read.began == event.stamp + 1
        assert not read.listed


@virtual_time
async def test_inputs_of_one_moment_come_as_one_batch() -> None:
    host = FakeHost()
    web = host.define("web")
    async with Attached(host) as watcher:
        host.start(web)
        await asyncio.sleep(1)
        assert [len(batch) for batch in watcher.batches] == [2]


@virtual_time
async def test_after_closing_nothing_is_posted_and_nothing_is_left() -> None:
    host = FakeHost()
    web = host.define("web")
    async with Attached(host) as watcher:
        host.start(web)
        watcher.ask(web)
        watcher.source.perform(List(1))
        assert host.open_connections == 1
    watcher.source.perform(Connect(2))
    await asyncio.sleep(100)
    assert watcher.inputs == []
    assert host.open_connections == 0


@pytest.mark.leaves("tasks")  # that is what a deadlock is
def test_after_closing_no_timer_is_left() -> None:
    times: list[float] = []

    async def leave() -> None:
        host = FakeHost()
        async with Attached(host) as watcher:
            watcher.ask(host.define("web"))
            watcher.source.perform(List(1))
            host.hang()
        times.append(asyncio.get_running_loop().time())
        try:
            await asyncio.Event().wait()
        finally:
            times.append(asyncio.get_running_loop().time())

    with pytest.raises(RuntimeError, match="deadlock"):
        run(leave())
    assert times[0] == times[1]


@virtual_time
async def test_what_was_stamped_but_not_posted_is_lost_by_closing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    host = FakeHost(latency=INSTANT)
    async with Attached(host) as watcher:
        host.define("web")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert watcher.source.stamp() == 2
        await watcher.source.aclose()
        await asyncio.sleep(1)
        assert watcher.inputs == []
        assert caplog.records == []


@virtual_time
async def test_a_connection_can_be_given_up_and_a_new_one_made() -> None:
    host = FakeHost()
    web = host.define("web")
    async with Attached(host) as watcher:
        watcher.ask(web)
        watcher.source.perform(Disconnect(1))
        assert host.open_connections == 0
        await watcher.attach(2)
        read = await watcher.read(web, epoch=2)
        assert [type(i) for i in watcher.inputs] == [Connected, Subscribed, Observed]
        assert read.epoch == 2


@virtual_time
async def test_what_is_asked_of_a_connection_that_never_was_is_not_answered() -> None:
    async with Watcher(FakeHost()) as watcher:
        watcher.source.perform(List(9))
        watcher.source.perform(Disconnect(9))
        await asyncio.sleep(1)
        assert watcher.inputs == []


@virtual_time
async def test_two_who_look_are_strangers() -> None:
    host = FakeHost()
    async with Attached(host) as one, Attached(host) as other:
        web = host.define("web")
        for _ in range(7):
            one.source.stamp()
        await one.read(web)
        await asyncio.sleep(1)
        assert len(one.all(Observed)) == 1
        assert len(other.all(Observed)) == 0
        assert one.steps == other.steps == [(0, 0)]
        assert host.open_connections == 2


@every_loop
async def test_it_works_on_a_real_loop() -> None:
    host = FakeHost(latency=INSTANT)
    async with Attached(host) as watcher:
        web = host.define("web")
        read = await watcher.read(web)
        assert isinstance(read.result, Observation)
        assert watcher.steps == [(0, 0)]

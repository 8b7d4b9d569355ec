"""Each lie of a made-up host, once by script and once by chance."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from uuid import UUID

import pytest

from tests.loops import virtual_time
from tests.testing.watcher import Attached
from virtinformer._core.messages import (
    EventReceived,
    Gone,
    Listed,
    ListFailed,
    Observed,
    ReadFailed,
)
from virtinformer._core.model import Observation
from virtinformer._core.vocabulary import DomainState
from virtinformer.exceptions import ReadError
from virtinformer.testing import FakeHost, Faults, Latency


def names(watcher: Attached) -> list[str]:
    return [event.name for event in watcher.all(EventReceived)]


def define(host: FakeHost, count: int) -> list[UUID]:
    return [host.define(f"d{number:03}") for number in range(count)]


def faults(host: FakeHost) -> Counter[str]:
    return Counter(entry.text for entry in host.log if entry.action == "fault")


# ---------------------------------------------------------------- events


@virtual_time
async def test_dropped_events_reach_nobody() -> None:
    host = FakeHost()
    async with Attached(host) as one, Attached(host) as other:
        host.drop_next_events(2)
        define(host, 3)
        await asyncio.sleep(1)
        assert names(one) == names(other) == ["d002"]
        assert faults(host) == {"event dropped": 2}


@virtual_time
async def test_events_of_one_domain_can_be_dropped() -> None:
    host = FakeHost()
    a, b = define(host, 2)
    async with Attached(host) as watcher:
        host.drop_next_events(1, b)
        for uuid in (a, b, b):
            host.set_metadata(uuid, "x")
        await asyncio.sleep(1)
        assert names(watcher) == ["d000", "d001"]


@virtual_time
async def test_held_events_come_when_they_are_released() -> None:
    host = FakeHost()
    async with Attached(host) as watcher:
        host.hold_events()
        define(host, 2)
        host.hold_events()
        await asyncio.sleep(60)
        assert names(watcher) == []
        assert [event.name for event in host.held_events] == ["d000", "d001"]
        host.release_events()
        host.define("next")
        await asyncio.sleep(1)
        assert names(watcher) == ["d000", "d001", "next"]
        assert host.held_events == ()


@virtual_time
@pytest.mark.parametrize("order", [[2, 1, 0], [0, 0, 1], [1], []])
async def test_held_events_come_in_any_order_twice_or_not_at_all(order: list[int]) -> None:
    host = FakeHost()
    async with Attached(host) as watcher:
        host.hold_events()
        define(host, 3)
        host.release_events(order)
        await asyncio.sleep(1)
        assert names(watcher) == [f"d{number:03}" for number in order]


@virtual_time
async def test_a_wrong_position_releases_nothing() -> None:
    host = FakeHost()
    async with Attached(host) as watcher:
        host.hold_events()
        define(host, 1)
        with pytest.raises(IndexError):
            host.release_events([0, 1])
        assert len(host.held_events) == 1
        await asyncio.sleep(1)
        assert names(watcher) == []


@virtual_time
async def test_held_events_reach_only_who_was_there_when_they_were_made() -> None:
    host = FakeHost()
    async with Attached(host) as early:
        host.hold_events()
        define(host, 1)
        async with Attached(host) as late:
            host.release_events()
            await asyncio.sleep(1)
            assert (names(early), names(late)) == (["d000"], [])


@virtual_time
async def test_events_are_lost_by_chance_for_each_who_looks() -> None:
    host = FakeHost(faults=Faults(event_loss=0.5))
    async with Attached(host) as one, Attached(host) as other:
        define(host, 400)
        await asyncio.sleep(1)
        assert 100 < len(names(one)) < 300
        assert names(one) != names(other)
        assert faults(host)["event lost"] == 800 - len(names(one)) - len(names(other))


@virtual_time
async def test_delayed_events_stay_in_order() -> None:
    host = FakeHost(faults=Faults(event_delay=(0.1, 0.9)))
    async with Attached(host) as watcher:
        define(host, 50)
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(2)
        assert names(watcher) == sorted(names(watcher))
        assert len(names(watcher)) == 50
        assert began + 0.1 <= min(watcher.times) < max(watcher.times) <= began + 0.9011


@virtual_time
async def test_overtaken_events_come_all_the_same() -> None:
    host = FakeHost(faults=Faults(event_reorder=0.3, reorder_delay=(0.001, 0.02)))
    async with Attached(host) as watcher:
        for number in range(100):
            host.define(f"d{number:03}")
            await asyncio.sleep(0.001)
        await asyncio.sleep(1)
        assert names(watcher) != sorted(names(watcher))
        assert sorted(names(watcher)) == [f"d{number:03}" for number in range(100)]


@virtual_time
async def test_duplicated_events_come_twice() -> None:
    host = FakeHost(faults=Faults(event_duplicate=1))
    async with Attached(host) as watcher:
        define(host, 10)
        await asyncio.sleep(1)
        assert set(Counter(names(watcher)).values()) == {2}
        stamps = [event.stamp for event in watcher.all(EventReceived)]
        assert len(set(stamps)) == 20


# ---------------------------------------------------------------- reads


@virtual_time
async def test_the_next_reads_fail_with_what_the_script_says() -> None:
    host = FakeHost()
    a, b = define(host, 2)
    async with Attached(host) as watcher:
        error = OSError("odd")
        host.fail_next_reads(1, a, error)
        host.fail_next_reads(1)
        assert (await watcher.read(a)).result == ReadFailed(error)
        failed = (await watcher.read(b)).result
        assert isinstance(failed, ReadFailed)
        assert isinstance(failed.error, ReadError)
        assert isinstance((await watcher.read(a)).result, Observation)


@virtual_time
async def test_a_torn_read_mixes_two_moments_and_says_so() -> None:
    host = FakeHost()
    (web,) = define(host, 1)
    async with Attached(host) as watcher:
        host.tear_next_reads(1, web)
        watcher.ask(web)
        host.start(web)
        await asyncio.sleep(1)
        (read,) = watcher.all(Observed)
        assert isinstance(read.result, Observation)
        assert read.result.state is DomainState.SHUTOFF
        assert "id='1'" in read.result.xml
        assert not read.result.settled
        assert (await watcher.read(web)).result == host.truth(web)


@virtual_time
async def test_a_held_read_keeps_the_content_of_its_moment() -> None:
    host = FakeHost()
    a, b = define(host, 2)
    async with Attached(host) as watcher:
        host.hold_reads(a)
        old = host.truth(a)
        watcher.ask(a)
        assert (await watcher.read(b)).result == host.truth(b)
        host.undefine(a)
        await asyncio.sleep(60)
        assert len(watcher.all(Observed)) == 1
        (event,) = watcher.all(EventReceived)
        host.release_reads(a)
        await asyncio.sleep(0)
        late = watcher.all(Observed)[1]
        assert late.result == old
        assert late.began < event.stamp < late.ended
        assert (await watcher.read(a)).result == Gone()


@virtual_time
async def test_all_reads_can_be_held_and_released_one_by_one() -> None:
    host = FakeHost()
    a, b = define(host, 2)
    async with Attached(host) as watcher:
        host.hold_reads()
        watcher.ask(a)
        watcher.ask(b)
        await asyncio.sleep(1)
        host.release_reads(b)
        await asyncio.sleep(1)
        assert [read.uuid for read in watcher.all(Observed)] == [b]
        host.release_reads()
        await asyncio.sleep(1)
        assert [read.uuid for read in watcher.all(Observed)] == [b, a]


@virtual_time
async def test_reads_fail_tear_and_dawdle_by_chance() -> None:
    host = FakeHost(faults=Faults(read_failure=0.3, read_tear=0.3, read_delay=(0.0, 0.5)))
    (web,) = define(host, 1)
    async with Attached(host) as watcher:
        results = [(await watcher.read(web)).result for _ in range(200)]
        failed = sum(isinstance(result, ReadFailed) for result in results)
        torn = sum(isinstance(result, Observation) and not result.settled for result in results)
        assert 30 < failed < 90
        assert 15 < torn < 80
        waits = [after - before for before, after in itertools.pairwise(watcher.times)]
        assert min(waits) < 0.05 < 0.4 < max(waits) <= 0.5021


@virtual_time
async def test_a_slow_read_has_its_content_of_any_moment() -> None:
    host = FakeHost(faults=Faults(read_delay=(1, 1)))
    (web,) = define(host, 1)
    async with Attached(host) as watcher:
        seen = set()
        for _ in range(40):
            watcher.ask(web)
            for number in range(10):
                host.mutate(web, xml=str(number))
                await asyncio.sleep(0.1)
            await asyncio.sleep(1)
        for read in watcher.all(Observed):
            assert isinstance(read.result, Observation)
            seen.add(read.result.xml)
        assert seen == set("0123456789")


@virtual_time
async def test_a_new_domain_cannot_be_looked_up_at_first() -> None:
    host = FakeHost(faults=Faults(lookup_lag=(0.3, 0.3)))
    async with Attached(host) as watcher:
        web = host.create_transient("web")
        assert (await watcher.read(web)).result == Gone()
        listed = (await watcher.list())[-1]
        assert isinstance(listed, Listed)
        assert web not in listed.present
        assert (await watcher.read(web)).result == host.truth(web)


# ---------------------------------------------------------------- lists


@virtual_time
async def test_a_failed_list_breaks_off_half_way() -> None:
    host = FakeHost()
    define(host, 10)
    async with Attached(host) as watcher:
        host.fail_next_lists(1, OSError("odd"))
        *reads, last = await watcher.list()
        assert len(reads) == 5
        assert isinstance(last, ListFailed)
        assert str(last.error) == "odd"
        assert isinstance((await watcher.list())[-1], Listed)


@virtual_time
async def test_a_truncated_list_believes_itself_complete() -> None:
    host = FakeHost()
    a, b, c = define(host, 3)
    async with Attached(host) as watcher:
        host.truncate_next_list([b])
        *reads, last = await watcher.list()
        assert isinstance(last, Listed)
        assert last.present == {a, c} == {r.uuid for r in reads if isinstance(r, Observed)}
        assert isinstance(again := (await watcher.list())[-1], Listed)
        assert again.present == {a, b, c}


@virtual_time
async def test_a_list_does_not_report_what_it_could_not_read() -> None:
    host = FakeHost()
    a, b, c = define(host, 3)
    async with Attached(host) as watcher:
        host.fail_next_reads(1, a)
        host.tear_next_reads(1, b)
        read, last = await watcher.list()
        assert isinstance(read, Observed)
        assert isinstance(last, Listed)
        assert read.uuid == c
        assert last.present == {a, b, c}


@virtual_time
async def test_a_domain_that_ends_during_a_list_is_named_but_not_reported() -> None:
    host = FakeHost(latency=Latency(list=0.1))
    a, b = define(host, 2)
    async with Attached(host) as watcher:
        asyncio.get_running_loop().call_later(0.06, host.undefine, a)
        inputs = await watcher.list()
        assert [i.uuid for i in inputs if isinstance(i, Observed)] == [b]
        assert isinstance(inputs[-1], Listed)
        assert inputs[-1].present == {a, b}


@virtual_time
async def test_lists_fail_and_are_truncated_by_chance() -> None:
    host = FakeHost(faults=Faults(list_failure=0.3, list_truncation=0.5, list_delay=(0, 0.1)))
    define(host, 20)
    async with Attached(host) as watcher:
        for _ in range(100):
            await watcher.list(frozenset())
        lists = watcher.all(Listed)
        short = [listed for listed in lists if len(listed.present) < 20]
        assert 10 < len(watcher.all(ListFailed)) < 50
        assert 10 < len(short) < 60
        assert len(lists) + len(watcher.all(ListFailed)) == 100


# ---------------------------------------------------------------- the faults themselves


def test_an_honest_host_throws_no_dice() -> None:
    assert Faults() == Faults(event_loss=0, read_delay=(0, 0))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"event_loss": 1.1}, "event_loss is a chance"),
        ({"read_tear": -0.1}, "read_tear is a chance"),
        ({"read_delay": (2, 1)}, "read_delay is"),
        ({"list_delay": (-1, 1)}, "list_delay is"),
    ],
)
def test_impossible_chances_are_refused(wrong: dict[str, float], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Faults(**wrong)  # type: ignore[arg-type]


def test_impossible_times_and_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="read is a time"):
        Latency(read=-1)
    with pytest.raises(ValueError, match="number of times"):
        FakeHost().drop_next_events(-1)


@virtual_time
async def test_faults_can_be_exchanged_at_any_time() -> None:
    host = FakeHost(faults=Faults(event_loss=1))
    async with Attached(host) as watcher:
        host.define("lost")
        assert host.faults.event_loss == 1
        host.faults = Faults()
        host.latency = Latency(event=0.5)
        host.define("kept")
        await asyncio.sleep(0.4)
        assert names(watcher) == []
        await asyncio.sleep(0.2)
        assert names(watcher) == ["kept"]
        assert host.latency.event == 0.5

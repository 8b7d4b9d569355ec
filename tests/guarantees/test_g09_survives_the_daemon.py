"""G9: the daemon comes and goes; the informer stays, and says what it knows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest

import virtinformer as vi
from tests.guarantees.witness import Witness, deltas_of, expect_truth, now, replay, requests
from tests.loops import virtual_time
from virtinformer.testing import FakeHost, Faults

pytestmark = virtual_time

AWAY: dict[str, Callable[[FakeHost], object]] = {
    "killed": FakeHost.disconnect,
    "hung": FakeHost.hang,
}


@pytest.mark.parametrize("leave", AWAY.values(), ids=AWAY.keys())
async def test_it_keeps_serving_the_last_known_state(leave: Callable[[FakeHost], object]) -> None:
    host = FakeHost(keepalive=3.0)
    web = host.define("web")
    async with host.connect(resync_period=None) as informer:
        known = informer.snapshot()
        leave(host)
        host.start(web)
        host.define("new")
        await asyncio.sleep(3600)
        assert informer.snapshot() == known
        assert informer.get(web) is known[web]
        assert informer.get_by_name("web") is known[web]
        assert informer.list() == [known[web]]


@pytest.mark.parametrize("leave", AWAY.values(), ids=AWAY.keys())
async def test_it_says_so(leave: Callable[[FakeHost], object]) -> None:
    host = FakeHost(keepalive=3.0)
    host.define("web")
    async with host.connect(resync_period=None) as informer:
        await asyncio.sleep(10)
        healthy = informer.health
        assert healthy.connected
        assert healthy.synced
        assert healthy.staleness == 0.0
        assert healthy.last_error is None
        leave(host)
        await asyncio.sleep(5)
        ill = informer.health
        assert not ill.connected
        assert not ill.synced
        assert isinstance(ill.last_error, vi.ConnectError)
        assert ill.staleness >= 5
        await asyncio.sleep(100)
        assert informer.health.staleness == pytest.approx(ill.staleness + 100)


async def test_a_hang_shows_as_staleness_before_keepalive_gives_up() -> None:
    host = FakeHost(keepalive=30.0)
    host.define("web")
    async with host.connect(resync_period=10.0) as informer:
        host.hang()
        await asyncio.sleep(20)
        assert informer.health.connected
        assert informer.health.staleness > 9
        host.unhang()
        await asyncio.sleep(1)
        assert informer.health.staleness == 0.0
        assert informer.health.reconnects == 0


@pytest.mark.parametrize("leave", AWAY.values(), ids=AWAY.keys())
async def test_it_reconnects_and_delivers_exactly_the_differences(
    leave: Callable[[FakeHost], object],
) -> None:
    host = FakeHost(keepalive=3.0)
    host.define("same")
    changed, gone = host.define("changed"), host.define("gone")
    recreated = host.create_transient("recreated")
    async with (
        host.connect(resync_period=None) as informer,
        Witness(informer.watch()) as deltas,
    ):
        await deltas.until(lambda seen: len(seen) == 5)
        leave(host)
        await asyncio.sleep(10)
        host.start(changed)
        host.undefine(gone)
        new = host.define("new")
        host.destroy(recreated)
        host.create_transient("recreated", uuid=recreated)
        host.restart()
        await asyncio.sleep(60)
        after = deltas_of(deltas.seen[5:])
        found = {(delta.domain.uuid, type(delta)) for delta in after}
        assert found == {
            (changed, vi.Updated),
            (gone, vi.Deleted),
            (new, vi.Added),
            (recreated, vi.Updated),  # nobody looked while it was gone
        }
        assert len(after) == 4
        assert {delta.source for delta in after} == {vi.DeltaSource.RELIST}
        assert replay(deltas.seen) == informer.snapshot()
        expect_truth(informer.snapshot(), host)
        health = informer.health
        assert health.connected
        assert health.synced
        assert health.reconnects == 1
        assert health.epoch > 1
        assert health.staleness == 0.0


async def test_nothing_changed_is_nothing_delivered() -> None:
    host = FakeHost()
    host.start(host.define("web"))
    async with (
        host.connect(resync_period=None) as informer,
        Witness(informer.watch(initial=False)) as deltas,
        Witness(informer.events()) as events,
    ):
        for _ in range(5):
            host.restart()
            await asyncio.sleep(60)
        assert informer.health.reconnects == 5
        assert deltas.seen == []
        assert events.seen == []


async def test_versions_never_restart() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer, Witness(informer.watch(initial=False)) as deltas:
        for size in range(1, 6):
            host.disconnect()
            host.set_memory(web, size)
            host.restart()
            await asyncio.sleep(60)
        versions = [1, *(delta.resource_version for delta in deltas_of(deltas.seen))]
        assert len(versions) == 6
        assert all(before < after for before, after in pairwise(versions))
        assert informer.resource_version == versions[-1]


async def test_reconnecting_backs_off_exponentially() -> None:
    host = FakeHost()
    async with host.connect(resync_period=None):
        host.disconnect()
        host.log.clear()
        await asyncio.sleep(3600)
        times = requests(host, "Connect")
        pauses = [after - before for before, after in pairwise(times)]
        assert times[0] < 2
        assert max(pauses) < 61
        assert min(pauses[-10:]) > 5
        assert sum(pauses[:3]) < sum(pauses[3:6]) < sum(pauses[6:9])


async def test_the_backoff_is_jittered() -> None:
    async def tries(seed: int) -> list[float]:
        host = FakeHost(seed=seed)
        async with host.connect(resync_period=None):
            began = now()
            host.disconnect()
            host.log.clear()
            await asyncio.sleep(600)
            return [round(time - began, 3) for time in requests(host, "Connect")]

    assert len({tuple(await tries(seed)) for seed in range(5)}) == 5


async def test_a_connection_that_lasted_makes_the_backoff_begin_anew() -> None:
    host = FakeHost()
    async with host.connect(resync_period=None):
        host.disconnect()
        await asyncio.sleep(600)
        host.restart()
        await asyncio.sleep(600)
        host.disconnect()
        host.log.clear()
        await asyncio.sleep(2)
        assert requests(host, "Connect")


@pytest.mark.parametrize("seed", range(20))
async def test_nothing_is_deleted_because_the_daemon_was_away(seed: int) -> None:
    faults = Faults(
        connect_failure=0.3,
        connection_loss=0.1,
        list_failure=0.3,
        list_truncation=0.5,
        read_failure=0.3,
        late_answer=0.5,
    )
    host = FakeHost(seed=seed, keepalive=1.0)
    for number in range(5):
        host.start(host.define(f"d{number}"))
    async with (
        host.connect(resync_period=2.0) as informer,
        Witness(informer.watch()) as deltas,
    ):
        host.faults = faults
        for step in range(10):
            (host.restart, host.hang)[step % 2]()
            await asyncio.sleep(3)
        host.faults = Faults()
        host.unhang()
        host.restart()
        await asyncio.sleep(120)
        assert not [delta for delta in deltas.seen if isinstance(delta, vi.Deleted)]
        expect_truth(informer.snapshot(), host)


async def test_subscribers_stay_subscribed() -> None:
    host = FakeHost()
    web = host.define("web")
    async with (
        host.connect() as informer,
        Witness(informer.events()) as events,
    ):
        host.restart()
        await asyncio.sleep(60)
        host.start(web)
        await asyncio.sleep(1)
        assert [event.type for event in events.seen] == ["Started", "Resumed"]


async def test_who_waits_for_the_host_goes_on_waiting() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect(resync_period=None) as informer:
        host.disconnect()
        waiting = [
            asyncio.ensure_future(informer.refresh(web)),
            asyncio.ensure_future(informer.sync()),
            asyncio.ensure_future(informer.wait_for(web, lambda domain: domain.active)),
        ]
        await asyncio.sleep(3600)
        assert not any(task.done() for task in waiting)
        host.start(web)
        host.restart()
        await asyncio.gather(*waiting)
        expect_truth(informer.snapshot(), host)

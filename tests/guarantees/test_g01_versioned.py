"""G1: every domain, delta and event has a version, and versions only grow."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from random import Random
from uuid import UUID

import pytest

import virtinformer as vi
from tests.guarantees.witness import Witness, deltas_of, expect_truth, replay
from tests.loops import virtual_time
from virtinformer.testing import FakeHost, Faults

pytestmark = virtual_time


async def live(host: FakeHost, web: UUID) -> None:
    """A life with events, silent changes and other news."""
    host.start(web)
    await asyncio.sleep(0.5)
    host.attach_device(web, "rng0")
    host.reset(web)
    await asyncio.sleep(0.5)
    host.set_autostart(web, True)
    host.destroy(web)
    await asyncio.sleep(0.5)


async def test_every_domain_delta_and_event_carries_an_int() -> None:
    host = FakeHost()
    web = host.define("web")
    async with (
        host.connect() as informer,
        Witness(informer.watch()) as deltas,
        Witness(informer.events()) as events,
    ):
        await live(host, web)
        carriers = [*deltas.seen, *events.seen, *informer.list(), informer.snapshot(), informer]
        assert len(carriers) > 10
        for carrier in carriers:
            assert type(carrier.resource_version) is int
            assert carrier.resource_version > 0


async def test_it_strictly_increases_and_one_counter_serves_all_domains() -> None:
    host = FakeHost()
    domains = [host.define(f"d{number}") for number in range(5)]
    async with host.connect() as informer:
        deltas, events = informer.watch(initial=False), informer.events()
        async with Witness(deltas) as told, Witness(events) as happened:
            await asyncio.gather(*(live(host, web) for web in domains))
            for seen in (told.seen, happened.seen):
                versions = [item.resource_version for item in seen]
                assert all(before < after for before, after in pairwise(versions))
            assert {event.domain_id for event in happened.seen} == set(domains)
            highest = max(told.seen[-1].resource_version, happened.seen[-1].resource_version)
            assert informer.resource_version == highest


async def test_a_domain_has_the_version_of_its_last_event_and_delta() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer, Witness(informer.watch(initial=False)) as deltas:
        await live(host, web)
        for delta in deltas_of(deltas.seen):
            assert delta.resource_version == delta.domain.resource_version
            for event in delta.events:
                assert event.resource_version <= delta.resource_version
                assert event.domain == delta.domain
            if delta.events:
                assert delta.events[-1].resource_version == delta.resource_version


async def test_it_increases_when_the_content_changes_though_nothing_told() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect(resync_period=None) as informer:
        before = informer.resource_version
        host.set_autostart(web, True)
        domain = await informer.refresh(web)
        assert domain is not None
        assert domain.resource_version == informer.resource_version == before + 1


async def test_it_increases_when_an_event_comes_though_nothing_changed() -> None:
    host = FakeHost()
    web = host.define("web")
    host.start(web)
    async with host.connect(resync_period=None) as informer:
        before = informer.snapshot()
        async with Witness(informer.watch(initial=False)) as deltas:
            host.reset(web)
            await deltas.until(len)
        (delta,) = deltas_of(deltas.seen)
        assert isinstance(delta, vi.Updated)
        assert delta.changed == frozenset()
        assert delta.resource_version == before.resource_version + 1
        assert [event.type for event in delta.events] == ["Reboot"]


async def test_it_stays_when_nothing_happened() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer:
        before, domain = informer.resource_version, informer.get(web)
        assert await informer.refresh(web) is domain
        assert await informer.sync() == before
        await asyncio.sleep(300)
        assert informer.resource_version == before
        assert informer.get(web) is domain


async def test_generation_increases_with_the_configuration_and_only_with_it() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer:

        async def generation() -> int:
            domain = await informer.refresh(web)
            assert domain is not None
            return domain.generation

        assert await generation() == 1
        host.start(web)
        host.attach_device(web, "rng0")
        host.reset(web)
        host.set_autostart(web, True)
        assert await generation() == 1
        host.define("web", uuid=web, memory=65536)
        assert await generation() == 2
        host.define("web", uuid=web, memory=65536)
        assert await generation() == 2
        host.destroy(web)
        assert await generation() == 2
        host.set_memory(web, 1024)
        assert await generation() == 3


async def test_a_snapshot_is_all_domains_and_the_version_they_are_the_state_of() -> None:
    host = FakeHost()
    web, db = host.define("web"), host.define("db")
    async with host.connect() as informer, Witness(informer.watch()) as deltas:
        before = informer.snapshot()
        assert set(before) == {web, db}
        assert before.resource_version == informer.resource_version
        host.start(web)
        host.undefine(db)
        await informer.sync()
        assert set(before) == {web, db}
        assert not before[web].active
        after = informer.snapshot()
        expect_truth(after, host)
        assert after.resource_version == max(d.resource_version for d in deltas_of(deltas.seen))
        upto = [d for d in deltas.seen if d.resource_version <= before.resource_version]
        assert replay(upto) == before


@pytest.mark.parametrize("seed", range(20))
async def test_whether_an_event_is_older_than_a_list_is_one_comparison(seed: int) -> None:
    random = Random(seed)
    host = FakeHost(seed=seed, faults=Faults(event_reorder=0.3, read_delay=(0.0, 0.02)))
    domains = [host.define(f"d{number}") for number in range(4)]
    snapshots = []
    async with (
        host.connect(resync_period=None) as informer,
        Witness(informer.events()) as events,
        Witness(informer.watch()) as deltas,
    ):
        for _ in range(60):
            web = random.choice(domains)
            operate = host.destroy if host.domains[web].id >= 0 else host.start
            operate(web)
            await asyncio.sleep(random.uniform(0, 0.01))
            snapshots.append(informer.snapshot())
        await informer.sync()
        await asyncio.sleep(1)
    assert len(events.seen) > 60
    for snapshot in snapshots:
        for event in events.seen:
            contained = snapshot[event.domain_id].resource_version >= event.resource_version
            assert contained == (event.resource_version <= snapshot.resource_version)
        older = [d for d in deltas.seen if d.resource_version <= snapshot.resource_version]
        assert replay(older) == snapshot

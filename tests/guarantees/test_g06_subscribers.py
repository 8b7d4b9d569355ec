"""G6: every subscriber has the whole story, and none is in another's way."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from random import Random
from uuid import UUID

import pytest

import virtinformer as vi
from tests.guarantees.witness import Witness, deltas_of, expect_truth, replay
from tests.loops import virtual_time
from virtinformer.testing import FakeHost

pytestmark = virtual_time


async def test_a_late_subscriber_first_gets_everything_known_then_synced() -> None:
    host = FakeHost()
    domains = {host.define(f"d{number}") for number in range(5)}
    async with host.connect() as informer:
        host.start(min(domains))
        await asyncio.sleep(1)
        known = informer.snapshot()
        async with Witness(informer.watch()) as late:
            await asyncio.sleep(0)
            await late.until(lambda seen: len(seen) == 6)
        *added, synced = late.seen
        assert all(isinstance(delta, vi.Added) for delta in added)
        assert all(delta.source is vi.DeltaSource.INITIAL for delta in deltas_of(added))
        assert replay(added) == known
        assert synced == vi.Synced(known.resource_version)


async def test_an_empty_host_is_synced_at_once() -> None:
    async with FakeHost().connect() as informer, Witness(informer.watch()) as deltas:
        await deltas.until(len)
        assert deltas.seen == [vi.Synced(0)]


async def test_then_it_gets_every_delta_in_the_order_of_versions() -> None:
    host = FakeHost()
    domains = [host.define(f"d{number}") for number in range(5)]
    async with host.connect() as informer:
        early = Witness(informer.watch(initial=False))
        late = Witness(informer.watch())
        async with early, late:
            for web in domains * 3:
                operate = host.destroy if host.domains[web].id >= 0 else host.start
                operate(web)
                await asyncio.sleep(0.1)
            synced = next(i for i, item in enumerate(late.seen) if isinstance(item, vi.Synced))
            after = late.seen[synced + 1 :]
            assert after == early.seen
            assert len(after) == 15
            versions = [delta.resource_version for delta in after]
            assert all(one < next_ for one, next_ in pairwise(versions))


async def test_a_slow_subscriber_skips_intermediate_states_and_never_the_final_one() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer:
        slow = informer.watch()
        assert isinstance(await anext(slow), vi.Added)
        assert isinstance(await anext(slow), vi.Synced)
        first = informer.get(web)
        for size in range(1, 30):
            host.define("web", uuid=web, memory=size)
            await asyncio.sleep(0.1)
        delta = await anext(slow)
        assert isinstance(delta, vi.Updated)
        assert delta.old is first
        assert delta.domain is informer.get(web)
        assert len(delta.events) == 29
        assert len(slow) == 0


async def test_old_is_the_last_state_that_this_subscriber_was_given() -> None:
    host = FakeHost()
    web = host.define("web")
    async with (
        host.connect() as informer,
        Witness(informer.watch()) as fast,
        Witness(informer.watch(), pace=0.35) as slow,
    ):
        for size in range(1, 30):
            host.define("web", uuid=web, memory=size)
            await asyncio.sleep(0.1)
        await asyncio.sleep(2)
        assert replay(fast.seen) == replay(slow.seen) == informer.snapshot()
        assert len(slow.seen) < len(fast.seen) / 2


async def test_a_deletion_is_never_skipped() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer:
        slow = informer.watch()
        await anext(slow), await anext(slow)
        for _ in range(3):
            host.undefine(web)
            await asyncio.sleep(0.1)
            host.define("web", uuid=web)
            await asyncio.sleep(0.1)
        deleted, added = await anext(slow), await anext(slow)
        assert isinstance(deleted, vi.Deleted)
        assert isinstance(added, vi.Added)
        assert deleted.domain.incarnation < added.domain.incarnation
        assert len(slow) == 0


async def test_a_domain_deleted_before_it_was_given_leaves_no_trace() -> None:
    host = FakeHost()
    async with host.connect() as informer:
        slow = informer.watch()
        await anext(slow)
        for _ in range(3):
            web = host.define("web")
            await asyncio.sleep(0.1)
            host.undefine(web)
            await asyncio.sleep(0.1)
        assert len(slow) == 0


async def test_one_that_never_reads_costs_at_most_one_pending_delta_a_domain() -> None:
    host = FakeHost()
    domains = [host.define(f"d{number}") for number in range(10)]
    async with host.connect() as informer:
        stuck = informer.watch(initial=False)
        for round_ in range(100):
            for web in domains:
                host.define(f"d{domains.index(web)}", uuid=web, memory=round_ + 1)
            await asyncio.sleep(0.01)
        await informer.sync()
        assert len(stuck) == informer.statistics().queued == 10
        events = 0
        while len(stuck):
            delta = await anext(stuck)
            assert isinstance(delta, vi.Updated)
            events = max(events, len(delta.events))
        assert events == 64


async def test_one_that_never_reads_delays_nobody() -> None:
    async def times(stuck: int) -> list[float]:
        host = FakeHost()
        web = host.define("web")
        began = asyncio.get_running_loop().time()
        async with host.connect() as informer:
            others = [informer.watch() for _ in range(stuck)]
            async with Witness(informer.watch()) as deltas:
                for size in range(1, 20):
                    host.define("web", uuid=web, memory=size)
                    await asyncio.sleep(0.1)
            assert len(others) == stuck
        return [round(time - began, 6) for time in deltas.times]

    assert await times(0) == await times(5)


@pytest.mark.parametrize("seed", range(10))
async def test_each_has_its_own_queue_and_sees_the_same_world(seed: int) -> None:
    random = Random(seed)
    host = FakeHost(seed=seed)
    domains: list[UUID] = [host.define(f"d{number}") for number in range(6)]
    async with host.connect() as informer:
        paces = (0.0, 0.003, 0.05, 0.4)
        early = [Witness(informer.watch(), pace=pace) for pace in paces]
        late: list[Witness[vi.Added | vi.Updated | vi.Deleted | vi.Synced]] = []
        for witness in early:
            await witness.__aenter__()
        for step in range(200):
            web = random.choice(domains)
            truth = host.truth(web)
            if truth is None:
                host.define(f"d{domains.index(web)}", uuid=web)
            elif truth.id >= 0:
                host.destroy(web)
            else:
                random.choice([host.start, host.undefine])(web)
            if step % 50 == 25:
                late.append(await Witness(informer.watch(), pace=random.choice(paces)).__aenter__())
            await asyncio.sleep(random.choice([0.0, 0.001, 0.02]))
        await informer.sync()
        await asyncio.sleep(20)
        for witness in [*early, *late]:
            await witness.__aexit__(None, None, None)
            assert replay(witness.seen) == informer.snapshot()
        expect_truth(informer.snapshot(), host)

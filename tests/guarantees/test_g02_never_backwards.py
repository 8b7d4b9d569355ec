"""G2: what was read too early is never stored."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

import virtinformer as vi
from tests.guarantees.witness import Witness, content, deltas_of, expect_truth
from tests.loops import virtual_time
from virtinformer.testing import FakeHost, Faults

pytestmark = virtual_time


async def test_a_read_that_an_event_overtook_is_repeated_and_never_stored() -> None:
    host = FakeHost()
    web = host.define("web")
    async with (
        host.connect(resync_period=None) as informer,
        Witness(informer.watch(initial=False)) as deltas,
    ):
        host.hold_reads(web)
        host.start(web)
        await asyncio.sleep(0.05)
        host.suspend(web)
        await asyncio.sleep(0.05)
        assert deltas.seen == []
        host.release_reads()
        await asyncio.sleep(1)
        states = [delta.domain.state for delta in deltas_of(deltas.seen)]
        assert states == [vi.DomainState.PAUSED]
        assert informer.statistics().reads_raced == 1


async def test_an_observation_older_than_the_one_accepted_is_not_stored() -> None:
    host = FakeHost()
    web = host.define("web")
    async with (
        host.connect(resync_period=None) as informer,
        Witness(informer.watch(initial=False)) as deltas,
    ):
        host.hold_reads(web)
        host.set_memory(web, 1111)
        early = asyncio.create_task(informer.refresh(web))
        await asyncio.sleep(0.05)
        host.set_memory(web, 2222)
        await informer.sync()
        host.release_reads()
        assert "2222" in content(await early)["xml"]
        await asyncio.sleep(1)
        assert not [d for d in deltas_of(deltas.seen) if "1111" in d.domain.xml]
        expect_truth(informer.snapshot(), host)


async def test_a_late_read_cannot_resurrect_a_deleted_domain() -> None:
    host = FakeHost()
    web = host.define("web")
    async with (
        host.connect(resync_period=None) as informer,
        Witness(informer.watch(initial=False)) as deltas,
    ):
        host.hold_reads(web)
        host.set_autostart(web, True)
        early = asyncio.create_task(informer.refresh(web))
        await asyncio.sleep(0.05)
        host.undefine(web)
        await asyncio.sleep(0.05)
        host.release_reads()
        assert await early is None
        await asyncio.sleep(1)
        assert [type(delta) for delta in deltas.seen] == [vi.Deleted]
        assert informer.get(web) is None


async def test_a_read_of_an_older_connection_cannot_resurrect_a_deleted_domain() -> None:
    host = FakeHost()
    web = host.define("web")
    async with (
        host.connect(resync_period=None) as informer,
        Witness(informer.watch(initial=False)) as deltas,
    ):
        host.hold_reads(web)
        early = asyncio.create_task(informer.refresh(web))
        await asyncio.sleep(0.05)
        host.disconnect()
        host.undefine(web)
        host.restart()
        await asyncio.sleep(5)
        host.release_reads()
        assert await early is None
        await asyncio.sleep(5)
        assert [type(delta) for delta in deltas.seen] == [vi.Deleted]
        assert informer.snapshot() == {}


@pytest.mark.parametrize("seed", range(25))
async def test_no_reader_sees_a_domain_go_back(seed: int) -> None:
    """The memory of one domain only grows on the host, so it only grows for everybody."""
    random = Random(seed)
    faults = Faults(
        event_delay=(0.0, 0.02),
        event_reorder=0.3,
        event_duplicate=0.2,
        read_delay=(0.0, 0.05),
        read_failure=0.1,
        late_answer=0.5,
    )
    host = FakeHost(seed=seed, faults=faults, eager_reads=bool(seed % 2))
    web = host.define("web", memory=1)
    async with host.connect() as informer, Witness(informer.watch()) as deltas:
        sizes = range(2, 60)
        for size in sizes:
            host.define("web", uuid=web, memory=size)
            if random.random() < 0.1:
                host.restart()
            if random.random() < 0.3:
                asyncio.ensure_future(informer.sync()).add_done_callback(asyncio.Task.exception)
            await asyncio.sleep(random.choice([0, 0.001, 0.01, 0.1]))
        host.faults = Faults()
        await informer.sync()
        seen = [
            int(delta.domain.element.findtext("memory", ""))
            for delta in deltas_of(deltas.seen, web)
        ]
        assert seen == sorted(seen)
        expect_truth(informer.snapshot(), host)

"""G3: every message has the whole domain, in one piece, or says that it has not."""

from __future__ import annotations

import asyncio

import virtinformer as vi
from tests.guarantees.witness import Witness, content, deltas_of, expect_truth
from tests.loops import virtual_time
from virtinformer.testing import FakeHost, Faults

pytestmark = virtual_time


async def test_a_delta_and_an_event_carry_the_full_domain() -> None:
    host = FakeHost()
    web = host.define("web", autostart=True)
    async with (
        host.connect() as informer,
        Witness(informer.watch(initial=False)) as deltas,
        Witness(informer.events()) as events,
    ):
        host.start(web, paused=True)
        await asyncio.sleep(1)
        told = [*deltas_of(deltas.seen), *events.seen]
        assert len(told) == 3
        for item in told:
            domain = item.domain
            assert content(domain) == content(host.truth(web))
            assert (domain.name, domain.state) == ("web", vi.DomainState.PAUSED)
            assert domain.uuid == web
            assert domain.persistent
            assert domain.autostart
            assert domain.config_xml is not None
            assert domain.element.get("id") == str(domain.id)
            assert domain.settled


async def test_a_deletion_and_its_events_carry_the_last_that_was_known() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer, Witness(informer.watch(initial=False)) as deltas:
        last = informer.get(web)
        host.undefine(web)
        await deltas.until(len)
        (deleted,) = deltas_of(deltas.seen)
        assert isinstance(deleted, vi.Deleted)
        assert content(deleted.domain) == content(last)
        assert [event.domain for event in deleted.events] == [deleted.domain]


async def test_state_and_xml_belong_together_in_everything_that_is_settled() -> None:
    faults = Faults(read_tear=0.4, read_delay=(0.0, 0.02), event_reorder=0.3)
    host = FakeHost(seed=3, faults=faults)
    web = host.define("web")
    async with host.connect() as informer, Witness(informer.watch()) as deltas:
        for _ in range(100):
            host.start(web)
            await asyncio.sleep(0.013)
            host.destroy(web)
            await asyncio.sleep(0.017)
        host.faults = Faults()
        await informer.sync()
    seen = [delta.domain for delta in deltas_of(deltas.seen)]
    settled = [domain for domain in seen if domain.settled]
    assert settled
    for domain in settled:
        assert domain.element.get("id", "-1") == str(domain.id)
        assert domain.active == (domain.state is vi.DomainState.RUNNING)


async def test_a_torn_read_is_delivered_as_unsettled_and_read_again() -> None:
    host = FakeHost()
    web = host.define("web")
    async with (
        host.connect(resync_period=None) as informer,
        Witness(informer.watch(initial=False)) as deltas,
    ):
        host.tear_next_reads(1, web)
        host.start(web)
        await asyncio.sleep(10)
        assert [d.domain.settled for d in deltas_of(deltas.seen)] == [False, True]
        assert informer.statistics().reads_torn == 1
        expect_truth(informer.snapshot(), host)


async def test_a_domain_that_moves_faster_than_it_can_be_read_is_unsettled_until_it_rests() -> None:
    host = FakeHost()
    web = host.define("web")
    host.start(web)
    async with (
        host.connect(resync_period=None) as informer,
        Witness(informer.watch(initial=False)) as deltas,
    ):
        for _ in range(100):
            host.suspend(web)
            await asyncio.sleep(0.0005)
            host.resume(web)
            await asyncio.sleep(0.0005)
        told = deltas_of(deltas.seen)
        assert told, "nothing is told before it rests"
        assert not any(delta.domain.settled for delta in told)
        await asyncio.sleep(1)
        expect_truth(informer.snapshot(), host)

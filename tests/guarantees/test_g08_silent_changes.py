"""G8: changes of which libvirt tells nothing are found within one resync period."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from uuid import UUID

import pytest

import virtinformer as vi
from tests.guarantees.witness import Witness, deltas_of, expect_truth, requests
from tests.loops import virtual_time
from virtinformer.testing import FakeHost

pytestmark = virtual_time

PERIOD = 30.0

SILENT: dict[str, Callable[[FakeHost, UUID], object]] = {
    "autostart": lambda host, web: host.set_autostart(web, True),
    "setMemory": lambda host, web: host.set_memory(web, 4711),
    "attach to the configuration": lambda host, web: host.attach_device(web, "rng0"),
    "managed save removed": lambda host, web: host.mutate(web, reason=1),
    "vcpus": lambda host, web: host.mutate(web, xml="<domain><vcpu>8</vcpu></domain>"),
}


@pytest.mark.parametrize("change", SILENT.values(), ids=SILENT.keys())
async def test_they_appear_within_one_period_with_the_source_resync(
    change: Callable[[FakeHost, UUID], object],
) -> None:
    host = FakeHost()
    web = host.define("web")
    xml = host.domains[web].xml
    async with (
        host.connect(resync_period=PERIOD) as informer,
        Witness(informer.watch(initial=False)) as deltas,
    ):
        for delay in (0.0, 7.0, PERIOD - 1):
            await asyncio.sleep(delay)
            host.mutate(web, autostart=False, reason=2, xml=xml, config_xml=xml)
            await informer.sync()
            told = len(deltas.seen)
            change(host, web)
            await asyncio.sleep(PERIOD + 0.1)
            (delta,) = deltas_of(deltas.seen[told:])
            assert delta.source is vi.DeltaSource.RESYNC
            assert delta.events == ()
            expect_truth(informer.snapshot(), host)


async def test_so_are_changes_whose_events_were_lost() -> None:
    host = FakeHost()
    web, db = host.define("web"), host.define("db")
    async with (
        host.connect(resync_period=PERIOD) as informer,
        Witness(informer.watch(initial=False)) as deltas,
    ):
        host.drop_next_events(4)
        host.start(web)
        host.undefine(db)
        host.define("new")
        await asyncio.sleep(PERIOD + 0.2)
        expect_truth(informer.snapshot(), host)
        assert {delta.source for delta in deltas_of(deltas.seen)} == {vi.DeltaSource.RESYNC}


async def test_every_domain_of_many_is_found_within_one_period() -> None:
    host = FakeHost()
    domains = [host.define(f"d{number}") for number in range(1000)]
    async with (
        host.connect(resync_period=PERIOD) as informer,
        Witness(informer.watch(initial=False)) as deltas,
    ):
        await asyncio.sleep(11.0)
        for web in domains:
            host.set_autostart(web, True)
        await asyncio.sleep(PERIOD + 0.5)
        assert len(deltas.seen) == 1000
        expect_truth(informer.snapshot(), host)


async def test_resync_is_spread_out_and_causes_no_spike() -> None:
    host = FakeHost()
    for number in range(1000):
        host.define(f"d{number}")
    async with (
        host.connect(resync_period=PERIOD) as informer,
        Witness(informer.watch(initial=False)) as deltas,
    ):
        for web in host.domains:
            host.set_autostart(web, True)
        host.log.clear()
        await asyncio.sleep(2 * PERIOD)
        lists = requests(host, "List")
        pauses = [after - before for before, after in pairwise(lists)]
        assert min(pauses) > PERIOD / 12 * 0.8
        in_a_second = [sum(start <= t < start + 1 for t in deltas.times) for start in deltas.times]
        assert max(in_a_second) < 200


async def test_two_informers_do_not_keep_step() -> None:
    host = FakeHost()
    host.define("web")
    async with host.connect(resync_period=PERIOD), host.connect(resync_period=PERIOD):
        host.log.clear()
        await asyncio.sleep(20 * PERIOD)
        times = requests(host, "List")
        assert len(times) > 40
        together = [after - before < 0.01 for before, after in pairwise(times)]
        assert sum(together) < len(together) / 4


async def test_without_a_period_nothing_is_read_again() -> None:
    host = FakeHost()
    host.define("web")
    async with host.connect(resync_period=None):
        host.log.clear()
        await asyncio.sleep(3600)
        assert host.log == []

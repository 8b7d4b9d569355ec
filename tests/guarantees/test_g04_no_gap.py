"""G4: list, then watch, with no gap; and gone is only what was looked up and not found."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from uuid import UUID

import pytest

import virtinformer as vi
from tests.guarantees.witness import Witness, deltas_of, expect_truth, requests, types
from tests.loops import virtual_time
from virtinformer.testing import FakeHost, Faults, Latency

pytestmark = virtual_time

GHOST = UUID(int=7)
DEFINED = 0


def asked(host: FakeHost) -> list[str]:
    return [entry.text.split()[0] for entry in host.log if entry.action == "request"]


async def test_callbacks_are_registered_before_the_list_is_taken() -> None:
    host = FakeHost()
    host.define("web")
    async with host.connect():
        assert asked(host) == ["Connect", "Subscribe", "List"]


@pytest.mark.parametrize("moment", [0.001, 0.013, 0.1, 0.5, 0.7, 0.76, 0.9, 1.011, 1.0125])
async def test_what_happens_during_the_list_is_not_missed(moment: float) -> None:
    """The list is asked for at 0.012 and takes a second, whose last quarter is old already."""
    host = FakeHost(latency=Latency(list=1.0))
    web, db = host.define("web"), host.define("db")

    def happen() -> None:
        host.start(web)
        host.undefine(db)
        host.define("new")

    asyncio.get_running_loop().call_later(moment, happen)
    async with host.connect(resync_period=None) as informer:
        await asyncio.sleep(1)
        expect_truth(informer.snapshot(), host)
        assert informer.get_by_name("new") is not None


async def test_a_domain_touched_during_the_list_is_read_again() -> None:
    host = FakeHost(latency=Latency(list=1.0))
    web, _ = host.define("web"), host.define("db")
    asyncio.get_running_loop().call_later(0.9, host.start, web)
    async with host.connect(resync_period=None) as informer:
        assert asked(host) == ["Connect", "Subscribe", "List", "Read"]
        domain = informer.get(web)
        assert domain is not None
        assert domain.active


async def test_a_deletion_is_believed_only_from_a_look_up_that_finds_nothing() -> None:
    host = FakeHost()
    web, db = host.define("web"), host.define("db")
    async with (
        host.connect(resync_period=None) as informer,
        Witness(informer.watch(initial=False)) as deltas,
    ):
        host.drop_next_events()
        host.undefine(db)
        host.truncate_next_list([web])
        await informer.sync()
        assert len(requests(host, "Read")) == 2
        (deleted,) = deltas_of(deltas.seen)
        assert isinstance(deleted, vi.Deleted)
        assert deleted.domain.uuid == db
        assert deleted.reason is vi.DeletionReason.MISSING
        expect_truth(informer.snapshot(), host)


async def test_an_undefined_event_alone_deletes_nothing() -> None:
    host = FakeHost()
    web = host.define("web")
    async with (
        host.connect(resync_period=None) as informer,
        Witness(informer.watch(initial=False)) as deltas,
    ):
        host.emit(web, type=1)
        await asyncio.sleep(10)
        assert not [delta for delta in deltas.seen if isinstance(delta, vi.Deleted)]
        expect_truth(informer.snapshot(), host)


async def test_undefining_a_running_domain_deletes_nothing_though_its_start_was_lost() -> None:
    host = FakeHost()
    web = host.define("web")
    async with (
        host.connect(resync_period=None) as informer,
        Witness(informer.watch(initial=False)) as deltas,
    ):
        host.drop_next_events(2)
        host.start(web)
        host.undefine(web)
        await asyncio.sleep(10)
        assert not [delta for delta in deltas.seen if isinstance(delta, vi.Deleted)]
        expect_truth(informer.snapshot(), host)


async def test_a_list_that_failed_deletes_nothing() -> None:
    host = FakeHost()
    for number in range(4):
        host.define(f"d{number}")
    async with host.connect(resync_period=None) as informer:
        version = informer.resource_version
        host.fail_next_lists(3)
        assert await informer.sync() == version
        assert informer.statistics().list_errors == 3


async def test_a_list_that_failed_at_first_deletes_nothing_after_a_reconnect() -> None:
    host = FakeHost()
    for number in range(4):
        host.define(f"d{number}")
    async with host.connect(resync_period=None) as informer:
        version = informer.resource_version
        host.fail_next_lists(2)
        host.restart()
        await asyncio.sleep(30)
        assert informer.health.synced
        assert informer.resource_version == version


async def test_a_list_of_an_older_connection_deletes_nothing() -> None:
    host = FakeHost(faults=Faults(late_answer=1.0))
    web = host.define("web")
    async with host.connect(resync_period=None) as informer:
        host.latency = Latency(list=20.0)
        host.truncate_next_list([web])
        late = asyncio.create_task(informer.sync())
        await asyncio.sleep(1)
        host.latency = Latency()
        host.restart()
        await late
        version = informer.resource_version
        host.hold_reads()
        await asyncio.sleep(60)
        assert informer.resource_version == version
        assert informer.get(web) is not None


async def test_a_read_error_means_unknown_and_not_gone() -> None:
    host = FakeHost()
    web = host.define("web")
    error = vi.ReadError("no")
    async with (
        host.connect(resync_period=None) as informer,
        Witness(informer.watch(initial=False)) as deltas,
    ):
        host.fail_next_reads(8, web, error)
        host.undefine(web)
        await asyncio.sleep(1)
        assert informer.get(web) is not None
        assert informer.health.last_error is error
        await asyncio.sleep(60)
        assert informer.get(web) is None
        assert [type(d) for d in deltas_of(deltas.seen)][-1] is vi.Deleted


async def test_a_new_domain_that_cannot_be_looked_up_yet_is_looked_up_again() -> None:
    host = FakeHost(faults=Faults(lookup_lag=(0.15, 0.15)))
    async with (
        host.connect(resync_period=None) as informer,
        Witness(informer.watch(initial=False)) as deltas,
    ):
        web = host.define("web")
        host.start(web)
        await deltas.until(len, within=1)
        (added,) = deltas_of(deltas.seen)
        assert isinstance(added, vi.Added)
        assert types(added.events) == ["Defined", "Started", "Resumed"]
        expect_truth(informer.snapshot(), host)


async def test_looking_up_is_bounded_and_backed_off() -> None:
    host = FakeHost()
    async with (
        host.connect(resync_period=None) as informer,
        Witness(informer.events()) as events,
    ):
        host.emit(GHOST, type=DEFINED, name="ghost")
        await asyncio.sleep(60)
        times = requests(host, "Read")
        assert 2 < len(times) < 10
        pauses = [after - before for before, after in pairwise(times)]
        assert all(later > 2 * sooner for sooner, later in pairwise(pauses))
        assert informer.snapshot() == {}
        assert "Defined" in types(events.seen)

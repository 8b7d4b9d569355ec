"""G5: the life-cycle events of a domain are a walk in its documented life cycle."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from uuid import UUID

import pytest

import virtinformer as vi
from tests.guarantees.witness import Walk, Witness, place_of, types
from tests.loops import virtual_time
from virtinformer.testing import FakeHost, Faults, Latency

pytestmark = virtual_time

PROMPT = Latency(event=0.001, read=0.002)
STARTED = 2


async def test_started_comes_before_resumed_though_libvirt_has_it_the_other_way() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer, Witness(informer.events()) as events:
        host.start(web)
        await asyncio.sleep(1)
        assert types(events.seen) == ["Started", "Resumed"]


async def test_defined_comes_before_started_though_it_arrives_after_it() -> None:
    host = FakeHost()
    async with host.connect() as informer, Witness(informer.events()) as events:
        host.hold_events()
        host.start(host.define("web"))
        host.release_events([2, 1, 0])
        await asyncio.sleep(1)
        assert types(events.seen) == ["Defined", "Started", "Resumed"]


LIVES: dict[str, Callable[[FakeHost], object]] = {
    "plain": lambda host: host.destroy(started(host)),
    "paused": lambda host: host.resume(host.create_transient("web", paused=True)),
    "saved": lambda host: host.managed_save(started(host)),
    "undefined while it runs": lambda host: host.undefine(started(host)),
    "crashed": lambda host: host.crash(started(host)),
    "defined again": lambda host: define_again(host),
}


def define_again(host: FakeHost) -> None:
    web = host.define("web")
    host.undefine(web)
    host.define("again", uuid=web)


def started(host: FakeHost) -> UUID:
    web = host.define("web")
    host.start(web)
    return web


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("life", LIVES.values(), ids=LIVES.keys())
async def test_in_whatever_order_they_arrive(life: Callable[[FakeHost], object], seed: int) -> None:
    host = FakeHost()
    async with (
        host.connect(resync_period=None) as informer,
        Witness(informer.events()) as events,
    ):
        host.hold_events()
        life(host)
        order = list(range(len(host.held_events)))
        Random(seed).shuffle(order)
        host.release_events(order)
        await asyncio.sleep(2)
        walk = Walk()
        walk.follow(events.seen)
        for uuid in {event.domain_id for event in events.seen}:
            assert walk.place(uuid) == place_of(host.truth(uuid))


@pytest.mark.parametrize("seed", range(20))
async def test_whatever_is_lost_repeated_or_late(seed: int) -> None:
    random = Random(seed)
    faults = Faults(
        event_loss=0.2,
        event_duplicate=0.2,
        event_reorder=0.3,
        reorder_delay=(0.0, 0.3),
        read_delay=(0.0, 0.02),
    )
    host = FakeHost(seed=seed, faults=faults)
    web = host.define("web")
    async with (
        host.connect(resync_period=5.0) as informer,
        Witness(informer.events()) as events,
    ):
        walk = Walk(informer.snapshot())
        for _ in range(40):
            truth = host.domains[web]
            if truth.id < 0:
                host.start(web, paused=random.random() < 0.5)
            elif truth.state is vi.DomainState.PAUSED:
                random.choice([host.resume, host.destroy])(web)
            else:
                random.choice([host.suspend, host.shutdown])(web)
            await asyncio.sleep(random.choice([0.0, 0.002, 0.05, 0.5]))
        host.faults = Faults()
        await asyncio.sleep(12)
        walk.follow(events.seen)
        assert walk.place(web) == place_of(host.truth(web))


async def test_an_event_that_arrives_too_early_is_held_for_its_predecessor() -> None:
    host = FakeHost(latency=PROMPT)
    web = host.define("web")
    async with (
        host.connect(reorder_window=10.0) as informer,
        Witness(informer.events()) as events,
        Witness(informer.watch(initial=False)) as deltas,
    ):
        host.hold_events()
        host.start(web)
        host.release_events([0])
        await asyncio.sleep(3)
        assert events.seen == []
        assert deltas.seen == [], "the state that goes with it is held as well"
        host.emit(web, type=STARTED)
        await asyncio.sleep(0.02)
        assert types(events.seen) == ["Started", "Resumed"]
        assert len(deltas.seen) == 1


@pytest.mark.parametrize("window", [0.0, 0.1, 2.0])
async def test_past_the_window_the_missing_step_is_inferred(window: float) -> None:
    host = FakeHost(latency=PROMPT)
    web = host.define("web")
    async with (
        host.connect(reorder_window=window, resync_period=None) as informer,
        Witness(informer.events()) as events,
    ):
        host.hold_events()
        host.start(web)
        host.release_events([0])
        host.log.clear()
        await asyncio.sleep(10)
        assert types(events.seen) == ["(Started)", "Resumed"]
        inferred, resumed = events.seen
        assert inferred.reason == ""
        assert inferred.domain == resumed.domain
        assert inferred.resource_version + 1 == resumed.resource_version
        waited = events.times[0] - resumed.timestamp.timestamp() + 1_767_225_600.0
        assert window - 1e-6 <= waited <= window + 0.02


async def test_the_window_is_a_tenth_of_a_second_if_nothing_is_said() -> None:
    host = FakeHost(latency=PROMPT)
    web = host.define("web")
    async with host.connect() as informer, Witness(informer.events()) as events:
        host.hold_events()
        host.start(web)
        host.release_events([0])
        await asyncio.sleep(0.09)
        assert events.seen == []
        await asyncio.sleep(0.03)
        assert types(events.seen) == ["(Started)", "Resumed"]


async def test_an_event_in_order_is_not_delayed() -> None:
    host = FakeHost(latency=PROMPT)
    async with host.connect(reorder_window=50.0) as informer, Witness(informer.events()) as events:
        web = host.define("web")
        await events.until(len, within=0.006)
        steps: list[tuple[Callable[[], None], int]] = [
            (lambda: host.start(web, paused=True), 3),
            (lambda: host.resume(web), 4),
            (lambda: host.destroy(web), 6),
            (lambda: host.undefine(web), 7),
        ]
        for operate, told in steps:
            await asyncio.sleep(0.1)
            operate()
            await asyncio.sleep(0.006)
            assert len(events.seen) == told
        assert not any(event.inferred for event in events.seen)


async def test_an_event_in_order_does_not_wait_for_one_that_is_held() -> None:
    host = FakeHost(latency=PROMPT)
    web, db = host.define("web"), host.define("db")
    async with host.connect(reorder_window=5.0) as informer, Witness(informer.events()) as events:
        host.hold_events()
        host.start(web)
        host.release_events([0])
        host.start(db)
        host.reset(web)
        await asyncio.sleep(0.1)
        assert types(events.seen, db) == ["Started", "Resumed"]
        assert types(events.seen, web) == ["Reboot"]

"""G7: what was complete on the host before a barrier is in the store after it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from uuid import UUID

import pytest

import virtinformer as vi
from tests.guarantees.witness import content, expect_truth, now
from tests.loops import virtual_time
from virtinformer.testing import FakeHost, Faults

pytestmark = virtual_time

LATE = Faults(event_delay=(5.0, 10.0))

WRITES: dict[str, Callable[[FakeHost, UUID], object]] = {
    "start": lambda host, web: host.start(web),
    "autostart": lambda host, web: host.set_autostart(web, True),
    "memory": lambda host, web: host.set_memory(web, 4711),
    "rename": lambda host, web: host.rename(web, "new"),
    "undefine": lambda host, web: host.undefine(web),
    "recreate": lambda host, web: recreate(host, web),
    "nothing": lambda host, web: None,
}


def recreate(host: FakeHost, web: UUID) -> None:
    host.undefine(web)
    host.define("other", uuid=web)


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
async def test_refresh_reflects_what_was_complete(
    write: Callable[[FakeHost, UUID], object],
) -> None:
    host = FakeHost(faults=LATE)
    web = host.define("web")
    async with host.connect(resync_period=None) as informer:
        write(host, web)
        domain = await informer.refresh(web)
        assert domain is informer.get(web)
        assert now() < 1, "it has waited for an event"
        expect_truth(informer.snapshot(), host)


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
async def test_sync_reflects_what_was_complete(write: Callable[[FakeHost, UUID], object]) -> None:
    host = FakeHost(faults=LATE)
    domains = [host.define(f"d{number}") for number in range(3)]
    async with host.connect(resync_period=None) as informer:
        for web in domains[:1]:
            write(host, web)
        host.define("more")
        host.undefine(domains[1])
        version = await informer.sync()
        assert version == informer.resource_version
        assert now() < 1, "it has waited for an event"
        expect_truth(informer.snapshot(), host)


async def test_refresh_knows_a_domain_of_which_nobody_told() -> None:
    host = FakeHost(faults=Faults(event_loss=1.0))
    async with host.connect(resync_period=None) as informer:
        web = host.define("web")
        domain = await informer.refresh(web)
        assert content(domain) == content(host.truth(web))


async def test_refresh_of_what_does_not_exist_is_none() -> None:
    async with FakeHost().connect() as informer:
        assert await informer.refresh(UUID(int=7)) is None
        assert informer.resource_version == 0


@pytest.mark.parametrize("seed", range(30))
async def test_it_holds_however_the_host_behaves(seed: int) -> None:
    random = Random(seed)
    faults = Faults(
        event_loss=0.2,
        event_delay=(0.0, 0.3),
        event_reorder=0.3,
        event_duplicate=0.2,
        read_delay=(0.0, 0.1),
        read_failure=0.1,
        read_tear=0.2,
        list_delay=(0.0, 0.2),
        list_failure=0.1,
        list_truncation=0.3,
        connection_loss=0.02,
        late_answer=0.5,
    )
    host = FakeHost(seed=seed, faults=faults, eager_reads=bool(seed % 2))
    domains = [host.define(f"d{number}") for number in range(3)]
    async with host.connect(resync_period=None) as informer:
        for _ in range(15):
            web = random.choice(domains)
            memory = random.randrange(1, 10**9)
            host.define(f"d{domains.index(web)}", uuid=web, memory=memory)
            operate = host.destroy if host.domains[web].id >= 0 else host.start
            operate(web)
            truth = content(host.truth(web))
            try:
                if random.random() < 0.5:
                    await informer.refresh(web)
                else:
                    await informer.sync()
            except vi.ReadError:
                continue
            assert content(informer.get(web)) == truth


async def test_a_hundred_callers_need_few_reads() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect(resync_period=None) as informer:
        before = informer.statistics().reads
        await asyncio.gather(*(informer.refresh(web) for _ in range(100)))
        assert informer.statistics().reads - before <= 2


async def test_wait_for_waits_for_a_condition() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer:
        asyncio.get_running_loop().call_later(5, host.start, web)
        domain = await informer.wait_for(web, lambda domain: domain.active)
        assert 5 <= now() < 5.1
        assert domain == informer.get(web)


async def test_wait_for_returns_at_once_if_it_holds() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer:
        began = now()
        domain = await informer.wait_for(web, lambda domain: domain.name == "web")
        assert domain is informer.get(web)
        assert now() == began


async def test_wait_for_waits_for_a_domain_to_come() -> None:
    host = FakeHost()
    web = UUID(int=7)
    async with host.connect() as informer:
        asyncio.get_running_loop().call_later(1, lambda: host.define("web", uuid=web))
        assert (await informer.wait_for(web, lambda _: True)).name == "web"

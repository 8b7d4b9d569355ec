"""An informer of a made-up host, as a user gets it."""

from __future__ import annotations

import asyncio

from tests.loops import virtual_time
from virtinformer.testing import FakeHost, run


@virtual_time
async def test_an_informer_follows_the_truth() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect(resync_period=None) as informer:
        host.start(web)
        domain = await informer.wait_for(web, lambda domain: domain.active)
        assert domain.xml == host.domains[web].xml
        assert host.open_connections == 1
    assert host.open_connections == 0


def test_two_runs_reconnect_at_the_same_time() -> None:
    async def reconnect(seed: int) -> list[str]:
        host = FakeHost(seed=seed)
        async with host.connect():
            for _ in range(3):
                host.restart()
                await asyncio.sleep(60)
        return [str(entry) for entry in host.log]

    assert run(reconnect(1)) == run(reconnect(1)) != run(reconnect(2))

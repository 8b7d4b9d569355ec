"""A short round of the torture; `nox -s torture -- --minutes N` is the long one."""

from __future__ import annotations

import random

import pytest

from tests.daemons import Daemon
from tests.live.hands import show
from tests.torture.run import DRIVERS, Plan, private_daemon, torture
from tests.torture.tally import Tally

pytestmark = pytest.mark.asyncio

SECONDS = 20.0
"""How long everybody works; to come to rest, and to read the history, takes as long again."""


@pytest.mark.timeout(180)
async def test_everything_at_once(qemu: Daemon) -> None:
    seed = random.randrange(1_000_000)
    tallies = {driver: Tally() for driver in DRIVERS}
    async with private_daemon(like=qemu) as daemon:
        await torture(daemon, Plan(seed, SECONDS, pause=(0.5, 2.5)), tallies)
    for driver, tally in tallies.items():
        show(f"{driver}, seed {seed}\n{tally.report()}")
        assert tally.counted["events_received"] > 0
        assert tally.reconnects >= 1
        assert tally.asked > 0

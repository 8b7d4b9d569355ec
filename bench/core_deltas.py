"""From a change to the handler, without libvirt: what versions, queues and old/new cost.

10,000 domains, 200,000 changes over all rounds, against two informers for Kubernetes in
Python on stub watches: `aiok8s`, which does as client-go does, and `kubernetes`'s
`SharedInformer`, which has no queue, keeps no old object and calls handlers inline. See
`bench.made_up` for what is counted as ours.
"""

from __future__ import annotations

import asyncio

from bench.peers import python_with_peers
from bench.result import Result
from bench.rounds import interleave
from bench.setting import Setting
from bench.worker import Worker, workers

__all__ = ["run"]

DOMAINS, QUICK_DOMAINS = 10_000, 1_000
CHANGES, QUICK_CHANGES = 200_000, 2_500
BATCH, QUICK_BATCH = 1_000, 500
TARGET = 1.0


async def run(setting: Setting) -> list[Result]:
    domains = setting.either(DOMAINS, QUICK_DOMAINS)
    changes = setting.either(CHANGES, QUICK_CHANGES) // setting.rounds
    batch = setting.either(BATCH, QUICK_BATCH)
    python = await asyncio.to_thread(python_with_peers)
    async with workers(
        Worker("bench.made_up:informer_of", domains),
        Worker("bench.stub_aiok8s:shared_informer_of", domains, batch, python=python),
        Worker("bench.stub_kubernetes:shared_informer_of", domains, python=python),
    ) as (ours, aiok8s, kubernetes):

        async def of_ours() -> float:
            request = {"do": "change", "count": changes, "batch": batch}
            return 1 / float(await ours.ask(request))

        async def of_aiok8s() -> float:
            return 1 / float(await aiok8s.ask(changes))

        async def of_kubernetes() -> float:
            return 1 / float(await kubernetes.ask(changes))

        rates = await interleave(setting.rounds, of_ours, of_aiok8s, of_kubernetes)
    return [
        Result("core_deltas", "aiok8s", "changes/s", TARGET, rates[0], rates[1], at_least=True),
        Result(
            "core_deltas:inline",
            "kubernetes",
            "changes/s",
            TARGET,
            rates[0],
            rates[2],
            at_least=True,
        ),
    ]

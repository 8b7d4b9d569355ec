"""Which informers there are, and how each is put on the stage.

The peers are imported only when they play: an informer that is not installed is missing
from the table, and nothing else.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable
from typing import Final

import attrs

from tests.guarantees.history import History
from tests.peers.cluster import ClusterStage
from tests.peers.of_virtinformer import HostStage
from tests.peers.scenarios import Scenario
from tests.peers.stage import Stage
from virtinformer.testing import run

__all__ = ["ADAPTERS", "Adapter"]


@attrs.frozen
class Adapter:
    """One informer.

    Attributes:
        packages: what must be installed, and whose versions the page names.
    """

    packages: tuple[str, ...]
    _play: Callable[[Scenario], History]

    @property
    def is_installed(self) -> bool:
        """Whether it can be played here."""
        return all(importlib.util.find_spec(package) for package in self.packages)

    def play(self, scenario: Scenario) -> History:
        """Put it on a new stage and play a scenario.

        Raises:
            NotOffered: if it lacks a function that the scenario needs.
        """
        return self._play(scenario)


async def _perform(stage: Stage, scenario: Scenario) -> History:
    try:
        await scenario(stage)
    finally:
        await stage.close()
    return stage.history


def _virtinformer(scenario: Scenario) -> History:
    async def main() -> History:
        return await _perform(HostStage(), scenario)

    return run(main())


def _kubernetes(scenario: Scenario) -> History:
    from tests.peers.of_kubernetes import KubernetesInformer

    return asyncio.run(_on_cluster(ClusterStage(KubernetesInformer), scenario))


def _aiok8s(scenario: Scenario) -> History:
    from tests.peers.of_aiok8s import Aiok8sInformer

    return asyncio.run(_on_cluster(ClusterStage(Aiok8sInformer), scenario))


async def _on_cluster(stage: ClusterStage, scenario: Scenario) -> History:
    await stage.prepare()
    return await _perform(stage, scenario)


ADAPTERS: Final[dict[str, Adapter]] = {
    "virtinformer": Adapter(("virtinformer",), _virtinformer),
    "kubernetes": Adapter(("kubernetes", "urllib3"), _kubernetes),
    "aiok8s": Adapter(("aiok8s", "kubernetes_asyncio", "aiohttp"), _aiok8s),
}
"""Name → informer, in the order of the columns."""

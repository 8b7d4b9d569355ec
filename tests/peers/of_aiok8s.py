"""`aiok8s`'s shared informer, as its own controllers get it.

https://github.com/tbarrella/aiok8s, a translation of client-go and controller-runtime:
``aiok8s.controller.cache.new()`` makes the informer with the list and watch functions that
its authors wrote for ``kubernetes_asyncio``; ``cache.get_informer(V1Pod)`` is how its
``source.Kind`` comes to it, to call ``add_event_handler``; the store is its indexer.

aiok8s 0.0.2 is of December 2019. It is run with the ``kubernetes_asyncio`` of that month. The
watches of later ones raise an exception where that one gives the ERROR event for which
aiok8s looks: with 36.1.0 it never lists again after "410 Gone".
"""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
from aiok8s.cache.delta_fifo import DeletedFinalStateUnknown
from aiok8s.controller import cache
from kubernetes_asyncio import client

from tests.peers.peer import Calls, Peer, pod_of
from tests.peers.pods import NAMESPACE, Pod

__all__ = ["Aiok8sInformer"]


class Aiok8sInformer(Peer):
    """The shared informer of aiok8s."""

    logger = "aiok8s"
    complaint = "handler"  # the word would do; it logs nothing then
    patience = 75.0  # it waits for 60 s before it calls a handler again that has raised
    replays = True

    def __init__(self, url: str) -> None:
        configuration = client.Configuration()
        configuration.host = url
        client.Configuration.set_default(configuration)
        self._cache = cache.new(namespace=NAMESPACE)
        self._informer: Any = None
        self._task: asyncio.Future[None] | None = None

    async def add(self, calls: Calls) -> None:
        await (await self._known()).add_event_handler(_Handler(calls))

    async def _known(self) -> Any:
        if self._informer is None:
            self._informer = await self._cache.get_informer(client.V1Pod)
        return self._informer

    async def start(self) -> None:
        await self._known()
        self._task = asyncio.ensure_future(self._cache.start())

    def pods(self) -> list[Pod]:
        return [pod_of(model) for model in self._informer.get_indexer().list()]

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


@attrs.frozen
class _Handler:
    """Has the methods that it calls."""

    calls: Calls

    async def on_add(self, obj: Any) -> None:
        await self.calls("on_add", pod_of(obj), None)

    async def on_update(self, old_obj: Any, new_obj: Any) -> None:
        await self.calls("on_update", pod_of(new_obj), pod_of(old_obj))

    async def on_delete(self, obj: Any) -> None:
        # What was deleted while nobody watched is told with the last that was known of it.
        model = obj.obj if isinstance(obj, DeletedFinalStateUnknown) else obj
        await self.calls("on_delete", pod_of(model), None)

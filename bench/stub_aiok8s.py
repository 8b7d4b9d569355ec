"""The shared informer of `aiok8s` on a stub watch, in a process of its own.

It lists and watches pods that are there already, so that neither HTTP nor JSON is in the way.
Changes come in batches as for ours, the next when the handler has been told all of the last.

See `bench.worker`; a request is how many changes to tell, the answer the seconds per change.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator
from typing import Any, Self

from aiok8s.cache import list_watch, shared_informer
from kubernetes_asyncio import client

__all__ = ["shared_informer_of"]


class Watch:
    """What it is told to tell of."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def tell(self, pod: object) -> None:
        self._events.put_nowait({"type": "MODIFIED", "object": pod})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        pass

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> dict[str, Any]:
        return await self._events.get()


class Heard:
    """A handler that counts."""

    def __init__(self) -> None:
        self.left = 0
        self.done = asyncio.Event()

    async def on_add(self, _pod: object) -> None:
        pass

    async def on_update(self, _old: object, _new: object) -> None:
        self.left -= 1
        if not self.left:
            self.done.set()

    async def on_delete(self, _pod: object) -> None:
        pass


async def shared_informer_of(domains: int, batch: int) -> AsyncGenerator[float | None, int]:
    """The contender: an informer that knows so many pods."""
    pods = [_pod(number % domains, number) for number in range(2 * domains)]
    told = itertools.cycle(pods)
    watch, heard = Watch(), Heard()

    async def list_(_options: object) -> Any:
        return client.V1PodList(
            items=pods[:domains], metadata=client.V1ListMeta(resource_version="1")
        )

    async def watch_(_options: object) -> Watch:
        return watch

    informer = shared_informer.new_shared_informer(
        list_watch.ListWatch(list_, watch_), client.V1Pod, 0
    )
    await informer.add_event_handler(heard)
    running = asyncio.ensure_future(informer.run())
    await shared_informer.wait_for_cache_sync(informer.has_synced)
    try:
        changes = yield None
        while True:
            took = 0.0
            for _ in range(0, changes, batch):
                heard.left = batch
                heard.done.clear()
                began = time.perf_counter()
                for pod in itertools.islice(told, batch):
                    watch.tell(pod)
                await heard.done.wait()
                took += time.perf_counter() - began
            changes = yield took / changes
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _pod(name: int, version: int) -> Any:
    metadata = client.V1ObjectMeta(
        name=f"d{name:06}", namespace="default", uid=str(name), resource_version=str(version)
    )
    return client.V1Pod(metadata=metadata)

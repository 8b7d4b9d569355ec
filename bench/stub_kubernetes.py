"""`kubernetes.informer.SharedInformer` on a stub watch, in a process of its own.

It lists and watches pods that are there already, so that neither HTTP nor JSON is in the way:
the informer's module is given another `Watch`. Handlers are added as its documentation does.
It has no queue, keeps no old object and calls handlers inline, on its own thread.

See `bench.worker`; a request is how many changes to tell, the answer the seconds per change.
"""

from __future__ import annotations

import asyncio
import queue
import time
from collections.abc import AsyncGenerator, Iterator
from typing import Any

from kubernetes import client, informer

__all__ = ["shared_informer_of"]


class Watch:
    """Tells of so many changes as it is told to, going round the pods."""

    orders: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    pods: list[Any] = []  # noqa: RUF012 - one for the process
    resource_version: str | None = None

    def stream(self, _list: object, **_options: object) -> Iterator[dict[str, Any]]:
        made = 0
        while (count := self.orders.get()) is not None:
            for number in range(made, made + count):
                yield {"type": informer.MODIFIED, "object": self.pods[number % len(self.pods)]}
            made += count

    def stop(self) -> None:
        self.orders.put(None)


class Heard:
    """A handler that counts."""

    def __init__(self) -> None:
        self.left = 0
        self.ended = 0.0
        self.done = queue.SimpleQueue[None]()

    def __call__(self, _pod: object) -> None:
        self.left -= 1
        if not self.left:
            self.ended = time.perf_counter()
            self.done.put(None)


async def shared_informer_of(domains: int) -> AsyncGenerator[float | None, int]:
    """The contender: an informer that knows so many pods."""
    pods = [_pod(number % domains, number) for number in range(2 * domains)]
    Watch.pods = pods
    informer.informer.Watch = Watch
    listed = client.V1PodList(
        items=pods[:domains], metadata=client.V1ListMeta(resource_version="1")
    )
    shared = informer.SharedInformer(list_func=lambda **_options: listed)
    heard = Heard()
    shared.add_event_handler(informer.MODIFIED, heard)
    shared.start()
    try:
        changes = yield None
        while True:
            heard.left = changes
            began = time.perf_counter()
            Watch.orders.put(changes)
            await asyncio.to_thread(heard.done.get)
            changes = yield (heard.ended - began) / changes
    finally:
        await asyncio.to_thread(shared.stop)


def _pod(name: int, version: int) -> Any:
    metadata = client.V1ObjectMeta(
        name=f"d{name:06}", namespace="default", uid=str(name), resource_version=str(version)
    )
    return client.V1Pod(metadata=metadata)

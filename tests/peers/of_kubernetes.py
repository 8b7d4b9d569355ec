"""`kubernetes.informer.SharedInformer`, used as ``examples/informer_example.py`` does.

https://github.com/kubernetes-client/python: handlers are added for each type of event
before ``start()``, the store is ``informer.cache.list()``, the resync period is the 60
seconds of the example. Everything of it happens on one thread that it starts, where it also
calls the handlers; a handler that waits is one that blocks that thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from kubernetes import client
from kubernetes.informer import ADDED, DELETED, MODIFIED, SharedInformer

from tests.peers.peer import Calls, Peer, pod_of
from tests.peers.pods import NAMESPACE, Pod

__all__ = ["KubernetesInformer"]

_METHODS: Final = {ADDED: "on_add", MODIFIED: "on_update", DELETED: "on_delete"}


class KubernetesInformer(Peer):
    """The informer of the official client."""

    logger = "kubernetes"
    complaint = "Exception in informer handler"
    patience = 20.0  # it waits for 5 s after a list that failed
    replays = False

    def __init__(self, url: str) -> None:
        configuration = client.Configuration()
        configuration.host = url
        api = client.CoreV1Api(client.ApiClient(configuration))
        self._informer = SharedInformer(
            list_func=api.list_namespaced_pod, namespace=NAMESPACE, resync_period=60
        )
        self._functions: dict[Calls, dict[str, Callable[[Any], None]]] = {}
        self._loop = asyncio.get_running_loop()

    async def add(self, calls: Calls) -> None:
        functions = {kind: self._function(method, calls) for kind, method in _METHODS.items()}
        self._functions[calls] = functions
        for kind, function in functions.items():
            self._informer.add_event_handler(kind, function)

    def _function(self, method: str, calls: Calls) -> Callable[[Any], None]:
        def called(model: Any) -> None:
            call = calls(method, pod_of(model), None)
            asyncio.run_coroutine_threadsafe(_coroutine(call), self._loop).result()

        return called

    async def remove(self, calls: Calls) -> None:
        for kind, function in self._functions.pop(calls).items():
            self._informer.remove_event_handler(kind, function)

    async def start(self) -> None:
        self._informer.start()

    def pods(self) -> list[Pod]:
        return [pod_of(model) for model in self._informer.cache.list()]

    async def stop(self) -> None:
        await asyncio.to_thread(self._informer.stop)  # joins the thread


async def _coroutine(awaitable: Any) -> None:
    await awaitable

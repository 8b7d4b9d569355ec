"""What an informer of Kubernetes must offer to be put on the stage.

A peer is used as its authors show in its examples; what it is used *for* is all that stands
here. Its objects are read by `pod_of`: both peers make them of the generated models of a
Kubernetes client.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from tests.peers.pods import Pod
from tests.peers.stage import NotOffered

__all__ = ["Calls", "Peer", "pod_of"]

Calls = Callable[[str, Pod, Pod | None], Awaitable[None]]
"""The coroutine function to which a handler's call comes: the method, the pod, the old one."""


class Peer(ABC):
    """An informer of the pods of a server.

    Attributes:
        logger: the root of the names of its loggers.
        complaint: what it logs where a handler raises.
        patience: seconds after which it has tried again whatever it waits to try again.
        replays: whether a handler that comes late is called for everything known.
    """

    logger: str
    complaint: str
    patience: float
    replays: bool

    @abstractmethod
    async def add(self, calls: Calls) -> None:
        """Register a handler."""

    async def remove(self, calls: Calls) -> None:
        """Remove a handler.

        Raises:
            NotOffered: if that is not possible.
        """
        raise NotOffered("there is no function that removes a handler")

    @abstractmethod
    async def start(self) -> None:
        """Begin to list and to watch; return when that has begun."""

    @abstractmethod
    def pods(self) -> list[Pod]:
        """Read the store."""

    @abstractmethod
    async def stop(self) -> None:
        """End, and wait for the end."""


def pod_of(model: Any) -> Pod:
    """Read a ``V1Pod``."""
    meta = model.metadata
    return Pod(
        UUID(meta.uid),
        meta.name,
        int(meta.resource_version),
        meta.generation,
        int(meta.annotations["revision"]),
        model.spec.containers[0].image,
    )

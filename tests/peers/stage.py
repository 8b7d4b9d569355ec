"""What a scenario can do, whatever informer is on the stage.

A stage is a world that owns a truth and can fail, an informer that looks at it, and a
history in which everything is written down. There are two: `tests.peers.cluster` (pods on
the stub API server) and `tests.peers.of_virtinformer` (domains on a `FakeHost`). The things
of the world are called *objects* here.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import final
from uuid import UUID

from tests.guarantees.history import History

__all__ = ["Behaviour", "NotOffered", "Stage"]

Behaviour = Callable[[str], Awaitable[object]]
"""How a handler spends its time: called with the name of its method (``on_add``,
``on_update``, ``on_delete``; ``watch`` for a loop over a stream); may raise in a method."""


@final
class NotOffered(Exception):
    """The informer has no such function; its text says which."""


class Stage(ABC):
    """A world, an informer, a history.

    Attributes:
        history: all that happened.
    """

    history: History

    # ------------------------------------------------------------ the truth

    @abstractmethod
    def create(self, name: str) -> UUID:
        """Make an object."""

    @abstractmethod
    def annotate(self, uuid: UUID) -> None:
        """Change an object."""

    @abstractmethod
    def configure(self, uuid: UUID) -> None:
        """Change the configuration of an object."""

    @abstractmethod
    def delete(self, uuid: UUID) -> None:
        """Remove an object."""

    # ------------------------------------------------------------ the faults

    @abstractmethod
    def opening(self) -> AbstractAsyncContextManager[None]:
        """Open the informer. The body runs after its list was taken and before it is told news."""

    @abstractmethod
    def unwatched(self) -> AbstractAsyncContextManager[None]:
        """The informer is not told news, properly; it is again when the context is left."""

    @abstractmethod
    def cut(self) -> AbstractAsyncContextManager[None]:
        """As `unwatched`, but what the informer is told breaks off in the middle."""

    @abstractmethod
    def down(self) -> AbstractAsyncContextManager[None]:
        """The server is killed, and started when the context is left."""

    @abstractmethod
    def forget(self) -> None:
        """All that happened so far can be listed, and no more told one by one."""

    @abstractmethod
    def fail_next_lists(self, count: int) -> None:
        """The next lists fail."""

    @abstractmethod
    def keep_stale_list(self) -> None:
        """If the informer lists again and allows it, the answer is what is true now, not then."""

    # ------------------------------------------------------------ the informer

    @abstractmethod
    async def open(self) -> None:
        """Open the informer, and wait until it knows what is true."""

    @abstractmethod
    async def subscribe(self, who: str, behaves: Behaviour | None = None) -> None:
        """Have a handler called, from the opening on, or from now on if it is open."""

    @abstractmethod
    async def unsubscribe(self, who: str) -> None:
        """Have a handler called no more, and wait until that is so.

        Raises:
            NotOffered: if the informer cannot do that.
        """

    @abstractmethod
    def look(self, who: str = "reader") -> None:
        """Read the store."""

    @abstractmethod
    async def rest(self) -> None:
        """Wait until everybody knows what is true, or patience is at its end. Once, at the end."""

    @abstractmethod
    async def close(self) -> None:
        """Close the informer and the world."""

    # ------------------------------------------------------------ time

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)

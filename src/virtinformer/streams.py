"""Async iteration over what happens.

A stream is a queue that the informer fills and one task empties. The informer
knows its streams by weak references only, so a stream that is abandoned in the
middle of an ``async for`` costs nothing from that moment on.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import ClassVar, Generic, Self, TypeVar

from ._core.fifo import SKIPPED, DeltaFifo, EventFifo, Skipped
from ._core.model import Change, Delta, DomainEvent, Synced
from .exceptions import EventLoopError, VersionExpired

__all__ = ["DeltaStream", "EventStream", "Stream", "require_loop", "running_loop"]

T = TypeVar("T")

_BREATH = 32
"""After so many items at a stretch a stream lets the other tasks of the loop run."""


def running_loop() -> asyncio.AbstractEventLoop:
    """The event loop that runs.

    Raises:
        EventLoopError: if none does.
    """
    try:
        return asyncio.get_running_loop()
    except RuntimeError as error:
        raise EventLoopError(
            "no asyncio event loop is running here; use the informer from a coroutine"
        ) from error


def require_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Make sure that the running event loop is the informer's.

    Raises:
        EventLoopError: if it is not, or none runs.
    """
    if running_loop() is not loop:
        raise EventLoopError(
            "this informer was opened on another event loop; use it there "
            "(asyncio.run_coroutine_threadsafe), or open one of its own here"
        )


class Stream(ABC, Generic[T]):
    """What one subscriber iterates over.

    Promise: nothing is lost if the iteration is cancelled while it waits. When
    the informer is closed what waits is still given, and then the iteration ends.
    After `aclose` nothing more is given, and nobody fills the queue any longer.

    Attributes:
        kind: what it is called in statistics: by the method that makes it.
        name: nothing; only handlers have one.
    """

    kind: ClassVar[str]
    name: ClassVar[str] = ""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._closed = False
        self._ended = False
        self._when_ended: Callable[[Stream[T]], None] | None = None
        self._breath = _BREATH

    @abstractmethod
    def push(self, change: Change) -> None:
        """Take in a change (called by the informer)."""

    @abstractmethod
    def _pop(self) -> T | Skipped | None: ...

    @abstractmethod
    def __len__(self) -> int: ...

    def wake(self) -> None:
        """Let the subscriber look again (called by the informer)."""
        self._news.set()

    def close(self) -> None:
        """End the iteration once what waits was given (called by the informer)."""
        self._closed = True
        self.wake()

    def when_ended(self, function: Callable[[Stream[T]], None]) -> None:
        """Have a function called when the subscriber wants no more (used by the informer)."""
        self._when_ended = function

    async def aclose(self) -> None:
        """End the subscription, and forget what waits."""
        require_loop(self._loop)
        self._ended = True
        self.close()
        if self._when_ended is not None:
            self._when_ended(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        require_loop(self._loop)
        await self._breathe()
        while not self._ended:
            item = self._pop()
            if item is SKIPPED:
                # A predicate for which nothing holds must not keep the loop to itself.
                await asyncio.sleep(0)
                continue
            if item is not None:
                return item
            if self._closed:
                break
            self._news.clear()
            await self._news.wait()
            self._breath = _BREATH
        raise StopAsyncIteration

    async def _breathe(self) -> None:
        # A full queue never waits, and a loop over it would let nobody else run.
        self._breath -= 1
        if self._breath <= 0:
            self._breath = _BREATH
            await asyncio.sleep(0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


class DeltaStream(Stream[Delta | Synced]):
    """The deltas of one subscriber, made by `DomainInformer.watch`."""

    kind = "watch"

    def __init__(self, fifo: DeltaFifo) -> None:
        super().__init__()
        self._fifo = fifo

    def push(self, change: Change) -> None:
        """Take in a change (called by the informer)."""
        if not self._closed and change.delta is not None:
            self._fifo.push(change)
            self.wake()

    def _pop(self) -> Delta | Synced | Skipped | None:
        return self._fifo.pop()

    def __len__(self) -> int:
        """How many deltas wait."""
        return len(self._fifo)


class EventStream(Stream[DomainEvent]):
    """The events of one subscriber, made by `DomainInformer.events`."""

    kind = "events"

    def __init__(self, fifo: EventFifo) -> None:
        super().__init__()
        self._fifo = fifo

    def push(self, change: Change) -> None:
        """Take in a change (called by the informer)."""
        if not self._closed and change.events:
            self._fifo.push(change)
            self.wake()

    def _pop(self) -> DomainEvent | Skipped | None:
        event = self._fifo.pop()
        if event is None and self._fifo.overflowed is not None:
            raise VersionExpired(
                f"this subscriber read too slowly: events from version {self._fifo.overflowed} on "
                "were dropped; take a snapshot() and call events(since=snapshot.resource_version)"
            )
        return event

    def __len__(self) -> int:
        """How many events wait."""
        return len(self._fifo)

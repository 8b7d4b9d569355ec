"""The least that a source can be attached to: it asks, and writes down what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Self, TypeVar
from uuid import UUID

from virtinformer._core.messages import (
    Connect,
    EventReceived,
    Input,
    List,
    Observed,
    Read,
    Subscribe,
)
from virtinformer.testing import FakeHost

T = TypeVar("T", bound=Input)


class Watcher:
    """A source of a host, started, and all that it posted, with the times."""

    def __init__(self, host: FakeHost) -> None:
        self.source = host.source()
        self.batches: list[list[Input]] = []
        self.times: list[float] = []
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        self.source.start(self._post)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.source.aclose()

    def _post(self, inputs: Sequence[Input]) -> None:
        self.batches.append(list(inputs))
        self._news.set()
        self.times.extend(asyncio.get_running_loop().time() for _ in inputs)

    @property
    def inputs(self) -> list[Input]:
        return [message for batch in self.batches for message in batch]

    def all(self, kind: type[T]) -> list[T]:
        return [message for message in self.inputs if isinstance(message, kind)]

    @property
    def steps(self) -> list[tuple[int, int]]:
        """Type and detail of the events, as they arrived."""
        return [(event.type, event.detail) for event in self.all(EventReceived)]

    async def attach(self, epoch: int = 1) -> None:
        """Connect and subscribe."""
        self.source.perform(Connect(epoch))
        await asyncio.sleep(0.1)
        self.source.perform(Subscribe(epoch))
        await asyncio.sleep(0.1)

    def ask(self, uuid: UUID, *, epoch: int = 1) -> None:
        self.source.perform(Read(epoch, uuid, self.source.stamp()))

    async def read(self, uuid: UUID, *, epoch: int = 1) -> Observed:
        """Ask for one domain, and wait for the answer."""
        before = len(self.all(Observed))
        self.ask(uuid, epoch=epoch)
        while len(self.all(Observed)) == before:
            self._news.clear()
            await self._news.wait()
        return self.all(Observed)[before]

    async def list(self, only: frozenset[UUID] | None = None, *, epoch: int = 1) -> list[Input]:
        """Ask for all domains; everything that was posted within a second."""
        before = len(self.inputs)
        self.source.perform(List(epoch, only))
        await asyncio.sleep(1)
        return self.inputs[before:]


class Attached(Watcher):
    """A watcher that is connected and subscribed, and forgets that it was not."""

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        await self.attach()
        self.batches.clear()
        self.times.clear()
        return self

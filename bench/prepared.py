"""A host that is only listed: it makes each domain when it is asked, and keeps none.

What an informer of it weighs is therefore the informer's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import UUID

from virtinformer._core.messages import (
    Connect,
    Connected,
    Input,
    List,
    Listed,
    Observed,
    Subscribe,
    Subscribed,
)
from virtinformer._core.model import Observation
from virtinformer.source import Post, Request

__all__ = ["PreparedSource"]

AT_ONCE = 100


class PreparedSource:
    """Promises what `virtinformer.source.Source` says, but tells of no events.

    Args:
        domains: how many there are.
        make: makes the domain of a number, the same each time.
    """

    name = "prepared"

    def __init__(self, domains: int, make: Callable[[int], tuple[UUID, Observation]]) -> None:
        self._domains = domains
        self._make = make
        self._stamp = 0
        self._post: Post | None = None

    def start(self, post: Post) -> None:
        """Begin."""
        self._post = post

    def stamp(self) -> int:
        """Take the next number."""
        self._stamp += 1
        return self._stamp

    def perform(self, request: Request) -> None:
        """Answer on the next turns of the loop."""
        match request:
            case Connect(epoch=epoch):
                self._say(Connected(epoch))
            case Subscribe(epoch=epoch):
                self._say(Subscribed(epoch))
            case List(epoch=epoch):
                self._list(epoch, self.stamp(), 0, set())

    async def aclose(self) -> None:
        """Say nothing more."""
        self._post = None

    def _say(self, *inputs: Input) -> None:
        asyncio.get_running_loop().call_soon(self._tell, inputs)

    def _tell(self, inputs: tuple[Input, ...]) -> None:
        if self._post is not None:
            self._post(inputs)

    def _list(self, epoch: int, began: int, first: int, present: set[UUID]) -> None:
        numbers = range(first, min(first + AT_ONCE, self._domains))
        if not numbers:
            self._say(Listed(epoch, began, frozenset(present)))
            return
        for number in numbers:
            uuid, seen = self._make(number)
            present.add(uuid)
            self._say(Observed(epoch, uuid, began, self.stamp(), 0.0, seen, listed=True))
        asyncio.get_running_loop().call_soon(self._list, epoch, began, numbers.stop, present)

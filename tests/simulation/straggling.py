"""What stands between host and informer, and says what a real connection may say.

A made-up host closes its connections in good order. On a real one an answer may come when
its connection has long been replaced, from a thread that nobody can call back; and a
connection may break before it was said to be open. Both are done here, when the script says
so. Everything else is passed on as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from virtinformer._core.messages import Connect, Connected, Disconnect, Disconnected, Input
from virtinformer.exceptions import ConnectError
from virtinformer.source import Post, Request, Source

__all__ = ["StragglingSource"]


class StragglingSource:
    """A source whose late words come when a script says so.

    Args:
        source: whose words they are.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._post: Post | None = None
        self._epoch = 0
        self._over = 0
        self._breaks = False
        self._last: dict[str, list[Input]] = {}

    @property
    def name(self) -> str:
        return self._source.name

    def start(self, post: Post) -> None:
        self._post = post
        self._source.start(self._pass_on)

    def stamp(self) -> int:
        return self._source.stamp()

    def perform(self, request: Request) -> None:
        if isinstance(request, Connect):
            self._epoch = request.epoch
        elif isinstance(request, Disconnect):
            self._over = request.epoch
        self._source.perform(request)

    async def aclose(self) -> None:
        self._post = None
        await self._source.aclose()

    def repeat(self, kind: str) -> bool:
        """Say once more the last word of that type of a connection that is over."""
        late = [said for said in self._last.get(kind, ()) if _epoch_of(said) <= self._over]
        if not late or self._post is None:
            return False
        # As all words: not while the informer is at work.
        asyncio.get_running_loop().call_soon(self._say, late[-1])
        return True

    def break_next(self) -> None:
        """Let the next connection break when it was opened, and before that is known."""
        self._breaks = True

    def _say(self, late: Input) -> None:
        if self._post is not None:
            self._post([late])

    def _pass_on(self, inputs: Sequence[Input]) -> None:
        said = [self._instead_of(input_) for input_ in inputs]
        for input_ in said:
            # The last but one, too: the last may be of a connection that is not over.
            self._last[type(input_).__name__] = [
                *self._last.get(type(input_).__name__, [])[-8:],
                input_,
            ]
        if self._post is not None:
            self._post(said)

    def _instead_of(self, input_: Input) -> Input:
        if self._breaks and isinstance(input_, Connected):
            self._breaks = False
            return Disconnected(input_.epoch, ConnectError("it broke while it was opened"))
        return input_


def _epoch_of(said: Input) -> int:
    return getattr(said, "epoch", 0)

"""All who listen: streams and registrations."""

from __future__ import annotations

import asyncio
import itertools
import weakref
from collections.abc import Iterator
from typing import Any, Final

from ._core.model import Change
from .handlers import Registration
from .streams import Stream

__all__ = ["Subscribers"]

PATIENCE: Final = 5.0
"""Seconds that handlers are given to end when the informer is closed."""

Ending = dict[asyncio.Task[None], Registration]
"""The tasks of handlers that are told to end."""


class Subscribers:
    """Fans changes out.

    Promise: every change reaches every subscriber's own queue, whatever the
    others do. A stream that its owner has closed or dropped is gone at once.
    """

    def __init__(self) -> None:
        # Nobody but its owner keeps a stream alive: one that was abandoned must not fill up.
        # Numbered, to be served in the order in which they came, and not in that of their
        # addresses: what happens on a made-up host is the same each time.
        self._streams: weakref.WeakValueDictionary[int, Stream[Any]] = weakref.WeakValueDictionary()
        self._numbers = itertools.count()
        self._registrations: dict[Registration, None] = {}
        self._past_errors = 0

    def add_stream(self, stream: Stream[Any]) -> None:
        """Let a stream hear of what happens from now on, until it is closed or dropped."""
        number = next(self._numbers)
        self._streams[number] = stream
        stream.when_ended(lambda _: self._leave(number))

    def add_registration(self, registration: Registration) -> None:
        """Let a registration hear of what happens from now on, until it is closed."""
        self._registrations[registration] = None
        registration.when_closed(self._forget)

    def _leave(self, number: int) -> None:
        self._streams.pop(number, None)

    def _forget(self, registration: Registration) -> None:
        del self._registrations[registration]
        self._past_errors += registration.errors

    def deliver(self, change: Change) -> None:
        """Put a change into every queue."""
        for subscriber in self:
            subscriber.push(change)

    def __iter__(self) -> Iterator[Stream[Any] | Registration]:
        yield from list(self._streams.values())
        yield from self._registrations

    @property
    def handler_errors(self) -> int:
        """How many exceptions handlers have raised."""
        return self._past_errors + sum(registration.errors for registration in self._registrations)

    def close(self, closer: asyncio.Task[Any] | None) -> Ending:
        """End every stream, and begin to end every handler; return whose end to `wait` for.

        Args:
            closer: who closes. If that is a handler, its call goes on to its end.
        """
        for stream in list(self._streams.values()):
            stream.close()
        # All at once: one handler that takes its time to end does not prolong another's life.
        stopped = [(each.stop(closer), each) for each in self._registrations]
        return {task: registration for task, registration in stopped if task is not None}

    async def wait(self, ending: Ending) -> None:
        """Wait until handlers have ended, but not for ever.

        One that swallows its cancellation would keep the whole program from
        ending: it is named in the log, and left to itself.
        """
        if not ending:
            return
        _, left = await asyncio.wait(ending, timeout=PATIENCE)
        for task in left:
            ending[task].abandon(PATIENCE)

"""All who listen: streams and registrations."""

from __future__ import annotations

import asyncio
import itertools
import weakref
from collections.abc import Iterator
from typing import Any, Final

import attrs

from ._core.model import Change
from .handlers import Registration
from .health import SubscriberQueue
from .streams import Stream

__all__ = ["Subscribers"]

PATIENCE: Final = 5.0
"""Seconds that handlers are given to end when the informer is closed."""

Ending = dict[asyncio.Task[None], Registration]
"""The tasks of handlers that are told to end."""


@attrs.frozen
class _Handlers:
    """The registrations, and what those counted that are closed.

    Replaced as a whole: another thread that looks never sees an error twice or not at all.
    """

    registrations: tuple[Registration, ...] = ()
    past_errors: int = 0


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
        self._handlers = _Handlers()

    def add_stream(self, stream: Stream[Any]) -> None:
        """Let a stream hear of what happens from now on, until it is closed or dropped."""
        number = next(self._numbers)
        self._streams[number] = stream
        stream.when_ended(lambda _: self._leave(number))

    def add_registration(self, registration: Registration) -> None:
        """Let a registration hear of what happens from now on, until it is closed."""
        registrations = (*self._handlers.registrations, registration)
        self._handlers = attrs.evolve(self._handlers, registrations=registrations)
        registration.when_closed(self._forget)

    def _leave(self, number: int) -> None:
        self._streams.pop(number, None)

    def _forget(self, registration: Registration) -> None:
        left = tuple(each for each in self._handlers.registrations if each is not registration)
        self._handlers = _Handlers(left, self._handlers.past_errors + registration.errors)

    def deliver(self, change: Change) -> None:
        """Put a change into every queue."""
        for subscriber in self:
            subscriber.push(change)

    def __iter__(self) -> Iterator[Stream[Any] | Registration]:
        # A list, made in one step: another thread may look, and a stream may go at any moment.
        references = self._streams.valuerefs()
        streams = (stream for reference in references if (stream := reference()) is not None)
        return itertools.chain(streams, self._handlers.registrations)

    @property
    def handler_errors(self) -> int:
        """How many exceptions handlers have raised."""
        handlers = self._handlers
        return handlers.past_errors + sum(each.errors for each in handlers.registrations)

    @property
    def queues(self) -> tuple[SubscriberQueue, ...]:
        """What waits, for each kind and name of subscriber."""
        depths: dict[tuple[str, str], list[int]] = {}
        for subscriber in self:
            depths.setdefault((subscriber.kind, subscriber.name), []).append(len(subscriber))
        return tuple(
            SubscriberQueue(kind, name, len(each), sum(each), max(each))
            for (kind, name), each in depths.items()
        )

    def close(self, closer: asyncio.Task[Any] | None) -> Ending:
        """End every stream, and begin to end every handler; return whose end to `wait` for.

        Args:
            closer: who closes. If that is a handler, its call goes on to its end.
        """
        for stream in list(self._streams.values()):
            stream.close()
        # All at once: one handler that takes its time to end does not prolong another's life.
        stopped = [(each.stop(closer), each) for each in self._handlers.registrations]
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

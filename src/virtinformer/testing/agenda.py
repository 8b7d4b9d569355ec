"""What is to be done at which time.

asyncio fires timers of one and the same time in no promised order. Here they
fire in the order in which they were put down, so that what happens is the same
on every event loop, and a connection can be a queue.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable

import attrs

__all__ = ["Agenda", "Entry"]


@attrs.define(eq=False)
class Entry:
    """One thing to do, until it is done or `cancel` is called."""

    action: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        """See that it is never done; harmless afterwards."""
        self.cancelled = True


class Agenda:
    """Does things in the order of their times, and of being put down.

    Args:
        loop: whose time it goes by.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._heap: list[tuple[float, int, Entry]] = []
        self._numbers = itertools.count()
        self._timer: asyncio.Handle | None = None
        self._due: float | None = None
        self._firing = False

    def time(self) -> float:
        """The time of the loop, in seconds."""
        return self._loop.time()

    def at(self, when: float, action: Callable[[], None]) -> Entry:
        """Do `action` at the time `when`, or as soon as possible if that is past."""
        entry = Entry(action)
        heapq.heappush(self._heap, (when, next(self._numbers), entry))
        self._set_timer()
        return entry

    def clear(self) -> None:
        """Do none of it."""
        self._heap.clear()
        self._set_timer()

    def _set_timer(self) -> None:
        if self._firing:
            return  # it is set when all that is due is done
        while self._heap and self._heap[0][2].cancelled:
            heapq.heappop(self._heap)
        due = self._heap[0][0] if self._heap else None
        if due == self._due:
            return
        if self._timer:
            self._timer.cancel()
        self._timer = None if due is None else self._loop.call_at(due, self._fire, due)
        self._due = due

    def _fire(self, due: float) -> None:
        self._timer = self._due = None
        self._firing = True
        try:
            # On a real clock time has gone on: one turn does all that is late.
            due = max(due, self._loop.time())
            while self._heap and self._heap[0][0] <= due:
                entry = heapq.heappop(self._heap)[2]
                if not entry.cancelled:
                    entry.action()
        finally:
            self._firing = False
            self._set_timer()

"""What a source says, from any thread, in order.

Inputs are made on libvirt's event thread and on reader threads, and are wanted
on the loop. They go into a deque, and the loop is woken once for all that is in
it: however many events come, there is one ``call_soon_threadsafe`` per batch.

The stamps belong here because of one rule of the port: *an event is posted
before the outcome of any read that began after it*. So an event's stamp is taken
and the event put under one lock, which every other stamp takes too. A read that
got a greater number then finds the event already put.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections import deque
from collections.abc import Callable

from .._core.messages import Input, Observed
from ..source import BATCH, Post

__all__ = ["Outbox"]


class Outbox:
    """From many threads to one loop.

    Promise: what is put is posted once, in the order in which it was put, on the
    loop; after `close`, nothing is. No method waits for the loop.

    Args:
        before_read: called on the loop with each observation that answers a
            `Read`, just before the batch is posted that it is in.
    """

    def __init__(self, before_read: Callable[[Observed], None]) -> None:
        self._before_read = before_read
        self._count = itertools.count(1)
        self._order = threading.Lock()
        self._inputs: deque[Input] = deque()
        self._woken = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._post: Post | None = None

    def open(self, loop: asyncio.AbstractEventLoop, post: Post) -> None:
        """Post to `post` on `loop` from now on."""
        self._loop, self._post = loop, post

    def close(self) -> None:
        """Post nothing more."""
        self._post = None
        self._inputs.clear()

    def stamp(self) -> int:
        """The next number, from any thread."""
        with self._order:
            return next(self._count)

    def put(self, message: Input) -> None:
        """Have `message` posted."""
        if self._post is None:
            return
        self._inputs.append(message)
        self.wake()

    def put_event(self, make: Callable[[int], Input], *, wake: bool = True) -> int:
        """Put what `make` makes of the next stamp, in one step; the stamp.

        Args:
            make: makes it.
            wake: whether to `wake` the loop, too; else that is left to what is put next, or
                to the caller.
        """
        with self._order:
            stamp = next(self._count)
            if self._post is not None:
                self._inputs.append(make(stamp))
        if wake:
            self.wake()
        return stamp

    def wake(self) -> None:
        """Have posted what was put."""
        # Cleared on the loop before it looks for inputs: whoever still sees it
        # set has put its input early enough to be found.
        if self._inputs and not self._woken:
            self._woken = True
            self.on_loop(self._deliver)

    def on_loop(self, function: Callable[[], None]) -> None:
        """Have `function` called on the loop, if that still runs."""
        if self._loop is None:
            return
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:
            # The loop is closed: nobody is left to be told, and libvirt's
            # threads, whence this comes, cannot be told either.
            self.close()

    def _deliver(self) -> None:
        self._woken = False
        try:
            self._hand_over([self._inputs.popleft() for _ in range(min(BATCH, len(self._inputs)))])
        finally:
            if self._inputs and not self._woken:
                self._woken = True
                self.on_loop(self._deliver)

    def _hand_over(self, batch: list[Input]) -> None:
        for message in batch:
            if isinstance(message, Observed) and not message.listed:
                self._before_read(message)
        if batch and self._post is not None:
            self._post(batch)

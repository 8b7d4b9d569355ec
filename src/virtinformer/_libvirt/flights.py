"""One read of a domain at a time.

A read is asked for with a stamp: it must begin after it. Whether a new one is
needed depends on what is under way for that domain, and a read is under way from
the moment it is queued until its outcome is posted::

    waiting   not begun: its stamp will be greater than any given so far
    flying    begun, at a known stamp
    landed    its outcome waits in the outbox

The last state saves a read per event. The read that an event started may be
through before the loop gets to know of the event and asks for one; the outcome
is then next in the outbox, and is the answer. It stops being one just before it
is posted, since what is asked for from then on is asked knowing it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from uuid import UUID

import attrs

from .readers import Job

__all__ = ["Flights"]


@attrs.define
class _Flight:
    """What is under way for one domain."""

    waiting: bool = False
    flying: int | None = None
    landed: int | None = None

    def answers(self, after: int) -> bool:
        """Whether a read that began after that stamp is under way."""
        begun = (self.flying, self.landed)
        return self.waiting or any(began is not None and began > after for began in begun)

    def is_over(self) -> bool:
        return not self.waiting and self.flying is None and self.landed is None


class Flights:
    """Which domains are being read.

    Promise: after `ask(uuid, after)`, a read of that domain that began after
    `after` ends, and never are two reads of one domain under way at once.

    Args:
        submit: has a job run on another thread.
        stamp: takes the next stamp.
        read: reads the domain, given the stamp at which it began, and returns
            what puts the outcome into the outbox.
    """

    def __init__(
        self,
        submit: Callable[[Job], None],
        stamp: Callable[[], int],
        read: Callable[[UUID, int], Job],
    ) -> None:
        self._submit = submit
        self._stamp = stamp
        self._read = read
        self._lock = threading.Lock()
        self._flights: dict[UUID, _Flight] = {}

    def ask(self, uuid: UUID, after: int) -> None:
        """Have the domain read, beginning after the stamp `after`. From any thread."""
        with self._lock:
            flight = self._flights.setdefault(uuid, _Flight())
            if flight.answers(after):
                return
            flight.waiting = True
            if flight.flying is None:
                self._submit(lambda: self._fly(uuid))

    def posted(self, uuid: UUID, began: int) -> None:
        """The outcome of the read that began then is about to be posted."""
        with self._lock:
            flight = self._flights.get(uuid)
            if flight is not None and flight.landed == began:
                flight.landed = None
                self._forget_if_over(uuid, flight)

    def _fly(self, uuid: UUID) -> None:
        with self._lock:
            flight = self._flights[uuid]
            flight.waiting = False
            flight.flying = began = self._stamp()
        put = self._read(uuid, began)
        with self._lock:
            flight.flying = None
            # First: once it is put, the loop may post it at any moment.
            flight.landed = began
            put()
            if flight.waiting:
                self._submit(lambda: self._fly(uuid))

    def _forget_if_over(self, uuid: UUID, flight: _Flight) -> None:
        if flight.is_over():
            del self._flights[uuid]

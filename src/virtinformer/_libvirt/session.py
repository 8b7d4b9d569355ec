"""One epoch: a connection, its threads, and what is under way on it.

A session is begun by `Connect` and ends once, for whichever reason comes first:
it could not be opened, it broke, or it is no longer wanted. At the end it says
so (unless nobody wants to know), takes no further job, and frees what it holds on
the last of its threads, since that has to wait for the calls under way, which hang
as long as the daemon does.

What the last words are depends on the first: until `Connected` was said, the
answer that is awaited is `ConnectFailed`, even if the connection stood and broke.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from uuid import UUID

import libvirt

from .._core.messages import (
    Connected,
    ConnectFailed,
    Disconnected,
    EventReceived,
    Gone,
    Input,
    List,
    Observed,
    Read,
    ReadFailed,
    Subscribed,
)
from .._core.model import Observation
from ..exceptions import ConnectError
from .connection import Connection, calls_at_once
from .errors import detached, read_error
from .eventloop import slowly
from .events import News
from .flights import Flights
from .helpers import Helpers
from .listing import Listing
from .outbox import Outbox
from .readers import Job, Readers
from .reads import read_domain, read_known

__all__ = ["Session"]

log = logging.getLogger("virtinformer.libvirt")


class Session:
    """What belongs to one epoch.

    Promise: no method blocks. `ConnectFailed` or `Disconnected` is told at most
    once, and nothing of this epoch after it. After `end`, the connection is
    closed and the threads have ended as soon as no call hangs; then `on_freed`
    is called, on the last thread.
    """

    def __init__(
        self,
        epoch: int,
        connection: Connection,
        outbox: Outbox,
        event_ids: Iterable[int] | None,
        on_freed: Callable[[Session], None],
    ) -> None:
        self._epoch = epoch
        self._connection = connection
        self._outbox = outbox
        self._event_ids = event_ids
        self._on_freed = on_freed
        self._readers = Readers(f"virtinformer-reader-{epoch}", calls_at_once())
        self._helpers = Helpers(f"virtinformer-helper-{epoch}", connection.address)
        self._flights = Flights(self._readers.submit, outbox.stamp, self._read)
        self._handles: dict[UUID, libvirt.virDomain] = {}
        self._speaking = threading.Lock()
        self._connected = False
        self._ended = False

    @property
    def epoch(self) -> int:
        """Which connection of the host this is."""
        return self._epoch

    def connect(self) -> None:
        """Open the connection; answered by `Connected` or `ConnectFailed`."""
        self._readers.submit(self._connect)

    def subscribe(self) -> None:
        """Register the callbacks; answered by `Subscribed` or `Disconnected`."""
        self._readers.submit(self._subscribe)

    def list(self, request: List) -> None:
        """Read all domains in bulk; answered as `Listing` promises, or by `Disconnected`."""
        self._readers.submit(lambda: self._list(request))

    def read(self, request: Read) -> None:
        """Read one domain; answered by `Observed` or `Disconnected`."""
        self._flights.ask(request.uuid, request.after)

    def read_posted(self, outcome: Observed) -> None:
        """That outcome is about to be posted: from now on it answers no `Read`."""
        self._flights.posted(outcome.uuid, outcome.began)

    def end(self) -> None:
        """Be done with it, and say nothing of it."""
        self._end(None)

    def join(self, timeout: float) -> None:
        """Wait for the threads, which have nothing left to do once it is freed."""
        self._readers.join(timeout)
        self._helpers.join(timeout)

    def fail(self, error: Exception) -> None:
        """End it, since what was asked of it cannot be done on this side."""
        if self._connected:
            self._lose(self._connection.lost("it cannot be worked with", error))
        else:
            self._lose(self._connection.stuck(str(error), error))

    def _connect(self) -> None:
        try:
            self._connection.open(self._lose)
        except ConnectError as error:
            self._lose(error)
        else:
            self._welcome()

    def _welcome(self) -> None:
        with self._speaking:
            if not self._ended:
                self._connected = True
                self._outbox.put(Connected(self._epoch))

    def _subscribe(self) -> None:
        try:
            self._connection.subscribe(self._event_ids, self._hear, self._meet)
        except ConnectError as error:
            self._lose(error)
        else:
            self._tell(Subscribed(self._epoch))

    def _meet(self, uuid: UUID, handle: libvirt.virDomain) -> None:
        """The handle of an event saves the read that follows the look-up."""
        with self._speaking:
            if not self._ended:
                self._handles[uuid] = handle

    def _hear(self, news: News) -> None:
        """An event: said first, then read about, so that the read is told after it.

        The loop is woken for both at once, by the read: it could tell nobody of the event
        before, and while it works, whoever reads waits for the interpreter's lock. Should the
        read hang, the next beat of the event loop wakes it.
        """
        with self._speaking:
            if self._ended:
                return
            stamp = self._outbox.put_event(
                lambda stamp: _event(self._epoch, stamp, news), wake=False
            )
        self._flights.ask(news.uuid, stamp)

    def _list(self, request: List) -> None:
        Listing(
            self._connection.host,
            self._epoch,
            request.only,
            stamp=self._outbox.stamp,
            submit=self._readers.submit,
            tell=self._tell,
            failed=self._is_lost,
            width=1 if self._connection.is_in_process else calls_at_once(),
            wanted=lambda: not self._ended,
            call_help=self._helpers.call,
        ).run()

    def _read(self, uuid: UUID, began: int) -> Job:
        since = time.perf_counter()
        # The event loop is in no hurry: on this connection, a further read would wait for this one.
        with slowly():
            result = self._outcome(uuid)
        took = time.perf_counter() - since
        ended = self._outbox.stamp()
        outcome = Observed(self._epoch, uuid, began, ended, time.time(), result, took=took)
        return lambda: self._tell(outcome)

    def _outcome(self, uuid: UUID) -> Observation | Gone | ReadFailed:
        handle = self._handles.pop(uuid, None)
        if handle is not None and (seen := read_known(handle)) is not None:
            return seen
        # It holds the connection, which the next call may find dead.
        handle = None
        try:
            return read_domain(self._connection.host, uuid)
        except Exception as error:  # noqa: BLE001 - every read has an outcome
            self._is_lost(error)
            return ReadFailed(read_error(f"domain {uuid}", error))

    def _is_lost(self, error: Exception) -> bool:
        """Whether that call failed because the connection is dead; then it is over."""
        if self._connection.is_alive():
            return self._ended
        self._lose(self._connection.lost("a call failed", error))
        return True

    def _lose(self, error: Exception) -> None:
        self._end(detached(error))

    def _tell(self, message: Input) -> None:
        # Else it might come after the last words.
        with self._speaking:
            if not self._ended:
                self._outbox.put(message)

    def _end(self, error: Exception | None) -> None:
        with self._speaking:
            if self._ended:
                return
            self._ended = True
            if error is not None:
                self._outbox.put(self._last_words(error))
        self._handles.clear()
        # A connection must not be closed under a call that uses it; and the session is not
        # over while anything of it hangs.
        self._readers.close(lambda: self._helpers.close(self._free))

    def _last_words(self, error: Exception) -> Input:
        if self._connected:
            return Disconnected(self._epoch, error)
        return ConnectFailed(self._epoch, error)

    def _free(self) -> None:
        self._connection.close()
        self._on_freed(self)


def _event(epoch: int, stamp: int, news: News) -> EventReceived:
    return EventReceived(
        epoch=epoch,
        stamp=stamp,
        uuid=news.uuid,
        name=news.name,
        id=news.id,
        kind=news.kind,
        type=news.type,
        detail=news.detail,
        time=news.time,
        details=news.details,
    )

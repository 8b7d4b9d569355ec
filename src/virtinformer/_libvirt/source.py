"""The port to the host, on libvirt.

Joins the parts: what the informer requests goes to the session of its epoch,
which performs it on reader threads (`session`); what comes of it, and every
event, goes into the outbox, which posts it on the loop (`outbox`).

Leaving is the hard part, for a call to a daemon that hangs cannot be ended. It
is not waited for: `aclose` gives the sessions a moment, then leaves them to
daemon threads, which free everything as soon as the calls return; keepalive
sees to it that they do. Without keepalive, or while a connection is only being
opened (libvirt has no keepalive yet then), that is when the daemon goes on or dies.
So does a connection that the informer gave up before it was open; since more of
them may come as long as the daemon is mute, there are only so many (`HUNG`).
"""

from __future__ import annotations

import asyncio
import logging
import operator
from collections.abc import Iterable
from typing import Final

from .._core.messages import Connect, ConnectFailed, List, Observed, Read, Subscribe
from ..exceptions import EventLoopError
from ..source import Post, Request
from . import eventloop
from .connection import Address, Auth, Connection
from .errors import redact, stuck_error
from .outbox import Outbox
from .session import Session

__all__ = ["LibvirtSource"]

log = logging.getLogger("virtinformer.libvirt")

CLOSE_SECONDS: Final = 1.0

HUNG: Final = 4
"""Sessions of which something hangs, at most: each holds threads, and a descriptor."""

_HUNG_HINT: Final = "The daemon takes connections and does not answer: restart it"
_C_INT: Final = 2**31 - 1


class LibvirtSource:
    """A libvirt host. Promises what `virtinformer.source.Source` says.

    Args:
        uri: libvirt's connection URI.
        read_only: whether to ask for a connection that cannot change anything.
        event_ids: libvirt's event ids to subscribe to, beside life-cycle events;
            ``None``: all that the host knows.
        keepalive: seconds between probes of a silent daemon (whole ones: it is
            rounded up), and how many unanswered ones end the connection;
            ``None``: none, and a daemon that hangs is waited for.
        auth: answers the host's prompts: kind (``"authname"``, ``"passphrase"``,
            …), prompt and default in, the answer out; ``None`` gives up.

    Raises:
        TypeError: if `keepalive` or `event_ids` is made of something else than numbers.
        ValueError: if one of those numbers is of no use to libvirt.
    """

    def __init__(
        self,
        uri: str,
        *,
        read_only: bool = False,
        event_ids: Iterable[int] | None = None,
        keepalive: tuple[float, int] | None = (5.0, 3),
        auth: Auth | None = None,
    ) -> None:
        self._address = Address(uri, read_only, _checked_keepalive(keepalive), auth)
        self._name = redact(uri)
        self._event_ids = None if event_ids is None else _checked_ids(event_ids)
        self._outbox = Outbox(self._before_read)
        self._current: dict[int, Session] = {}
        self._unfreed: set[Session] = set()
        self._freed = asyncio.Event()
        self._closed = False

    @property
    def name(self) -> str:
        """The URI, without the passwords in it."""
        return self._name

    def start(self, post: Post) -> None:
        """Begin: from now on hand inputs to `post`, on the running event loop.

        Raises:
            EventLoopError: if no asyncio loop runs, or libvirt's event loop
                belongs to somebody else.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError as error:
            raise EventLoopError("no asyncio event loop runs here: call it in one") from error
        eventloop.ensure_running()
        self._outbox.open(loop, post)
        eventloop.beats.add(self._outbox.wake)

    def stamp(self) -> int:
        """Take the next number of the one counter. Safe from any thread."""
        return self._outbox.stamp()

    def perform(self, request: Request) -> None:
        """Begin to do what is asked, and return at once; never raises."""
        if self._closed:
            return
        try:
            self._begin(request)
        except Exception as error:  # noqa: BLE001 - every request has an answer
            log.debug("%s cannot be performed: %s", request, error)
            self._fail(request.epoch, error)

    def _begin(self, request: Request) -> None:
        if isinstance(request, Connect):
            self._connect(request.epoch)
        elif (session := self._current.get(request.epoch)) is not None:
            self._perform(session, request)

    async def aclose(self) -> None:
        """Close all connections and free what they hold; prompt even if the host hangs."""
        self._closed = True
        eventloop.beats.discard(self._outbox.wake)
        self._outbox.close()
        for epoch in tuple(self._current):
            self._current.pop(epoch).end()
        try:
            await self._until_freed(CLOSE_SECONDS)
        finally:
            if self._unfreed:
                log.info("%s hangs; its connection is freed when the calls to it end", self.name)

    def _fail(self, epoch: int, error: Exception) -> None:
        if (session := self._current.get(epoch)) is not None:
            session.fail(error)
        else:
            self._refuse(epoch, str(error), error)

    def _refuse(self, epoch: int, reason: str, error: Exception | None = None) -> None:
        failure = stuck_error(self._address.uri, reason, error)
        self._outbox.put(ConnectFailed(epoch, failure))

    def _connect(self, epoch: int) -> None:
        if len(self._unfreed) >= HUNG:
            self._refuse(epoch, f"{len(self._unfreed)} earlier attempts still hang. {_HUNG_HINT}")
            return
        connection = Connection(self._address)
        session = Session(epoch, connection, self._outbox, self._event_ids, self._on_freed)
        self._current[epoch] = session
        self._unfreed.add(session)
        session.connect()

    def _perform(self, session: Session, request: Request) -> None:
        match request:
            case Subscribe():
                session.subscribe()
            case List():
                session.list(request)
            case Read():
                session.read(request)
            case _:
                del self._current[request.epoch]
                session.end()

    def _before_read(self, outcome: Observed) -> None:
        session = self._current.get(outcome.epoch)
        if session is not None:
            session.read_posted(outcome)

    def _on_freed(self, session: Session) -> None:
        self._outbox.on_loop(lambda: self._forget(session))

    def _forget(self, session: Session) -> None:
        # The thread that reported this has only to return.
        session.join(CLOSE_SECONDS)
        self._unfreed.discard(session)
        # One that failed or broke is not taken leave of by `Disconnect`.
        if self._current.get(session.epoch) is session:
            del self._current[session.epoch]
        if not self._unfreed:
            self._freed.set()

    async def _until_freed(self, seconds: float) -> None:
        """Wait for the sessions; a cancellation is obeyed, but only then."""
        if not self._unfreed:
            return
        self._freed.clear()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        waiter = loop.create_task(self._freed.wait())
        interruption: asyncio.CancelledError | None = None
        while not waiter.done() and (left := deadline - loop.time()) > 0:
            try:
                await asyncio.wait({waiter}, timeout=left)
            except asyncio.CancelledError as error:
                interruption = error
        waiter.cancel()
        if interruption is not None:
            raise interruption


def _checked_keepalive(keepalive: object) -> tuple[float, int] | None:
    match keepalive:
        case None:
            return None
        case (int() | float() as interval, int() as count):
            if 0 < interval <= _C_INT and 1 <= count <= _C_INT:
                return interval, count
            raise ValueError(f"keepalive must be positive seconds and a count, not {keepalive!r}")
    raise TypeError(f"keepalive must be None or two numbers (seconds, count), not {keepalive!r}")


def _checked_ids(event_ids: Iterable[int]) -> frozenset[int]:
    try:
        ids = frozenset(map(operator.index, event_ids))
    except TypeError as error:
        raise TypeError(f"event_ids must be None or integers, not {event_ids!r}") from error
    if not all(0 <= number <= _C_INT for number in ids):
        raise ValueError(f"event_ids must be ids of libvirt (virDomainEventID), not {sorted(ids)}")
    return ids

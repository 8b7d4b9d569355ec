"""The port to the host, on libvirt.

Joins the parts: what the informer requests goes to the session of its epoch,
which performs it on reader threads (`session`); what comes of it, and every
event, goes into the outbox, which posts it on the loop (`outbox`).

Leaving is the hard part, for a call to a daemon that hangs cannot be ended. It
is not waited for: `aclose` gives the sessions a moment, then leaves them to
daemon threads, which free everything as soon as the calls return; keepalive
sees to it that they do. Without keepalive, or while a connection is only being
opened (libvirt has no keepalive yet then), that is when the daemon goes on or dies.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Final

from .._core.messages import Connect, List, Observed, Read, Subscribe
from ..exceptions import EventLoopError
from ..source import Post, Request
from . import eventloop
from .connection import Address, Auth, Connection
from .errors import redact
from .outbox import Outbox
from .session import Session

__all__ = ["LibvirtSource"]

log = logging.getLogger("virtinformer.libvirt")

CLOSE_SECONDS: Final = 1.0


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
        self._address = Address(uri, read_only, keepalive, auth)
        self._event_ids = None if event_ids is None else frozenset(event_ids)
        self._outbox = Outbox(self._before_read)
        self._current: dict[int, Session] = {}
        self._unfreed: set[Session] = set()
        self._freed = asyncio.Event()
        self._closed = False

    @property
    def name(self) -> str:
        """The URI, without the passwords in it."""
        return redact(self._address.uri)

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

    def stamp(self) -> int:
        """Take the next number of the one counter. Safe from any thread."""
        return self._outbox.stamp()

    def perform(self, request: Request) -> None:
        """Begin to do what is asked, and return at once."""
        if self._closed:
            return
        if isinstance(request, Connect):
            self._connect(request.epoch)
        elif (session := self._current.get(request.epoch)) is not None:
            self._perform(session, request)

    async def aclose(self) -> None:
        """Close all connections and free what they hold; prompt even if the host hangs."""
        self._closed = True
        self._outbox.close()
        for epoch in tuple(self._current):
            self._current.pop(epoch).end()
        try:
            await self._until_freed(CLOSE_SECONDS)
        finally:
            if self._unfreed:
                log.info("%s hangs; its connection is freed when the calls to it end", self.name)

    def _connect(self, epoch: int) -> None:
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

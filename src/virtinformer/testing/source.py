"""The port, `virtinformer.source.Source`, on a made-up host."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from .._core.messages import Connect, Disconnect, Input, List, Observed, Read, Subscribe
from ..exceptions import ConnectError, EventLoopError
from ..source import BATCH, Post, Request
from .agenda import Agenda
from .connection import Connection

if TYPE_CHECKING:
    from .daemon import Daemon

__all__ = ["FakeSource"]


class FakeSource:
    """One way to a made-up host, with its own connections and its own stamps.

    It keeps the promises of `virtinformer.source.Source`. Inputs are posted in
    batches, a turn of the loop after they were stamped, as a real source does.

    Args:
        name: what to call the host.
        daemon: the other end.
        epoch: the seconds since 1970 at which the loop's clock was at 0.
        record: told of every request, for the log.
    """

    def __init__(
        self, name: str, daemon: Daemon, epoch: float, record: Callable[[Request], None]
    ) -> None:
        self._name = name
        self._daemon = daemon
        self._epoch = epoch
        self._record = record
        self._stamps = itertools.count(1)
        self._connections: dict[int, Connection] = {}
        self._outbox: deque[Input] = deque()
        self._post: Post | None = None
        self._agenda: Agenda | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def name(self) -> str:
        """What to call this host."""
        return self._name

    def start(self, post: Post) -> None:
        """Begin: from now on hand inputs to `post`, on the running event loop.

        Raises:
            EventLoopError: if no event loop is running.
        """
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError as error:
            raise EventLoopError("a source is started on a running event loop") from error
        self._agenda = Agenda(self._loop)
        self._post = post

    def stamp(self) -> int:
        """Take the next number of the one counter."""
        return next(self._stamps)

    def perform(self, request: Request) -> None:
        """Begin to do what is asked; nothing is done once it is closed.

        Raises:
            RuntimeError: before `start`.
        """
        if self._agenda is None:
            raise RuntimeError("start() the source before anything is asked of it")
        if self._post is None:
            return
        self._record(request)
        if isinstance(request, Connect):
            self._connect(request.epoch, self._agenda)
        elif connection := self._connections.get(request.epoch):
            self._ask(connection, request)

    async def aclose(self) -> None:
        """Close all connections; nothing is posted any more."""
        self._post = None
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()
        if self._agenda:
            self._agenda.clear()

    def put(self, message: Input) -> None:
        """Post this soon, after what was put before."""
        if self._post is None or self._loop is None:
            return
        if not self._outbox:
            self._loop.call_soon(self._flush)
        self._outbox.append(message)

    def clock(self) -> float:
        """Seconds since 1970, UTC."""
        assert self._loop is not None
        return self._epoch + self._loop.time()

    def _connect(self, epoch: int, agenda: Agenda) -> None:
        connection = self._connections[epoch] = Connection(self._daemon, self, agenda, epoch)
        connection.open()

    def _ask(self, connection: Connection, request: Request) -> None:
        if isinstance(request, Disconnect):
            self._connections.pop(request.epoch).close()
        elif connection.ended:
            return  # Disconnected answers, or has answered, for all
        elif self._daemon.liar.breaks():
            connection.lose(ConnectError("the connection broke, by chance"))
        elif isinstance(request, Subscribe):
            connection.subscribe()
        elif isinstance(request, List):
            connection.list(request.only)
        elif isinstance(request, Read):
            connection.read(request.uuid, request.after)

    def _flush(self) -> None:
        batch = [self._outbox.popleft() for _ in range(min(BATCH, len(self._outbox)))]
        if self._outbox and self._loop is not None:
            self._loop.call_soon(self._flush)
        for message in batch:
            if isinstance(message, Observed) and message.epoch in self._connections:
                self._connections[message.epoch].posted(message)
        if batch and self._post is not None:
            self._post(batch)

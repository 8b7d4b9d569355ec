"""The daemon of a made-up host: between the truth and the connections.

It runs, hangs or is dead, refuses or accepts; it passes events on, or holds
them back. Where chance or a script says so, it lies.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import attrs

from ..exceptions import ConnectError
from .connection import Connection
from .inventory import Inventory
from .liar import Liar
from .log import HostEvent
from .reading import Reading

__all__ = ["Daemon", "HeldReads"]


class HeldReads:
    """Answers that are kept back until they are asked for: content of a past moment."""

    def __init__(self) -> None:
        self._domains: set[UUID | None] = set()
        self._kept: list[Reading] = []

    def hold(self, uuid: UUID | None) -> None:
        """Keep the answers about this domain from now on; of ``None``, about all."""
        self._domains.add(uuid)

    def keep(self, reading: Reading) -> bool:
        """Keep this one, if such are to be kept."""
        kept = None in self._domains or reading.uuid in self._domains
        if kept:
            self._kept.append(reading)
        return kept

    def release(self, uuid: UUID | None) -> None:
        """Answer what was kept of this domain, or of all, and keep no more of it."""
        self._domains = {held for held in self._domains if uuid is not None and held != uuid}
        due = [reading for reading in self._kept if uuid in (None, reading.uuid)]
        self._kept = [reading for reading in self._kept if reading not in due]
        for reading in due:
            reading.answer()


@attrs.define(eq=False)
class Daemon:
    """What the connections to one host have in common.

    Attributes:
        liar: decides where to lie.
        inventory: the honest answers.
        keepalive: after how many seconds without an answer a connection is given up.
        eager_reads: whether a domain is read as soon as an event about it arrives.
        connections: those that are open, or about to be.
        hung: whether it is stopped: alive, but silent.
        down: why nobody can connect, while it is dead.
        refused: why nobody may connect, while nobody may.
        held_reads: answers that are kept back.
        held_events: events that are kept back, each with those who were subscribed
            when it was made; ``None`` while none are.
    """

    liar: Liar
    inventory: Inventory
    keepalive: float
    eager_reads: bool
    connections: list[Connection] = attrs.field(factory=list)
    hung: bool = False
    down: Exception | None = None
    refused: Exception | None = None
    held_reads: HeldReads = attrs.field(factory=HeldReads)
    held_events: list[tuple[HostEvent, list[Connection]]] | None = None

    def refusal(self) -> Exception | None:
        """Why a connection cannot be made now; ``None`` if it can."""
        return self.down or self.refused or self.liar.connect_error()

    def tell(self, event: HostEvent) -> None:
        """Pass an event on to all who are subscribed."""
        audience = [connection for connection in self.connections if connection.subscribed]
        if self.liar.drops(event.uuid):
            return
        if self.held_events is not None:
            self.held_events.append((event, audience))
        else:
            self._spread(event, audience)

    def release_events(self, order: Iterable[int] | None) -> None:
        """Pass on what was held: by default all, in the order in which it was made."""
        held, self.held_events = self.held_events or [], None
        for position in range(len(held)) if order is None else order:
            self._spread(*held[position])

    def die(self, reason: str) -> None:
        """Lose all connections, and accept none."""
        self.down = ConnectError(reason)
        self.hung = False
        for connection in self.connections.copy():
            connection.lose(self.down)

    def hang(self) -> None:
        """Fall silent."""
        self.hung = True
        for connection in self.connections:
            connection.freeze()

    def unhang(self) -> None:
        """Go on with what was asked and made meanwhile."""
        self.hung = False
        for connection in self.connections.copy():
            connection.thaw()

    def _spread(self, event: HostEvent, audience: list[Connection]) -> None:
        for connection in audience:
            for delivery in self.liar.deliveries(event.uuid):
                connection.deliver(event, delivery)

"""One connection of one source to the daemon of a made-up host."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import UUID

from .._core.messages import (
    Connected,
    ConnectFailed,
    Disconnected,
    EventReceived,
    Observed,
    Subscribed,
)
from ..exceptions import ConnectError
from .agenda import Agenda, Entry
from .liar import Delivery
from .log import HostEvent
from .reading import Listing, Reading

if TYPE_CHECKING:
    from .daemon import Daemon
    from .source import FakeSource

__all__ = ["Connection"]


class Connection:
    """A queue of events one way, and of questions the other.

    Promise: what is asked is answered after its time, unless the connection
    ends first or the daemon hangs; events arrive in the order in which they
    were made, unless the host lies. Once `close` was called, only answers that
    the host's faults let through late are posted.

    Args:
        daemon: the other end.
        source: takes what is posted.
        agenda: what the source has to do when.
        epoch: numbers the connections of the source.
    """

    def __init__(self, daemon: Daemon, source: FakeSource, agenda: Agenda, epoch: int) -> None:
        self.daemon = daemon
        self.source = source
        self.epoch = epoch
        self.ended: bool = False
        self.subscribed: bool = False
        self._agenda = agenda
        self._accepted = False
        self._closed = False
        self._reads: dict[UUID, Reading] = {}
        self._last_event = 0.0
        self._while_hung: list[Callable[[], None]] = []
        self._keepalive: Entry | None = None

    # ------------------------------------------------------------ asked

    def open(self) -> None:
        """Ask the daemon to accept; answered by Connected or ConnectFailed."""
        self.daemon.connections.append(self)
        self.later(self.daemon.liar.latency.connect, self._opened)
        if self.daemon.hung:
            self.freeze()

    def subscribe(self) -> None:
        """Ask for events; answered by Subscribed."""
        latency = self.daemon.liar.latency.subscribe
        self.later(latency / 2, self._subscribe)
        self.later(latency, lambda: self.source.put(Subscribed(self.epoch)))

    def list(self, only: frozenset[UUID] | None) -> None:
        """Ask for all domains; answered by Observed, … and Listed or ListFailed."""
        Listing(self, only)

    def read(self, uuid: UUID, after: int) -> None:
        """Ask for one domain, unless a read that will do is under way; answered by Observed."""
        under_way = self._reads.get(uuid)
        if under_way and under_way.began > after:
            return
        content, answer = self.daemon.liar.read_times()
        late = self.daemon.liar.answers_late()
        reading = self._reads[uuid] = Reading(self, uuid)
        if content < answer:
            self.later(content, reading.take, late=late)
            self.later(answer, lambda: self._answer(reading), late=late)
        else:
            self.later(answer, lambda: self._take_and_answer(reading), late=late)

    def close(self) -> None:
        """End it from this side, at once and also if the daemon hangs."""
        self._closed = True
        self._end()

    # ------------------------------------------------------------ told

    def posted(self, answer: Observed) -> None:
        """That answer is about to be posted: from now on it is none to what is asked."""
        reading = self._reads.get(answer.uuid)
        if reading is not None and reading.began == answer.began:
            del self._reads[answer.uuid]

    def deliver(self, event: HostEvent, delivery: Delivery) -> None:
        """Let an event arrive."""
        now = self._agenda.time()
        due = now + delivery.delay
        if delivery.in_order:
            due = self._last_event = max(due, self._last_event)
        self.later(due - now, lambda: self._callback(event))

    def lose(self, error: Exception, delay: float | None = None) -> None:
        """The daemon is gone: nothing is answered any more, and soon the source hears of it."""
        self._end()
        latency = self.daemon.liar.latency.disconnect if delay is None else delay
        self._agenda.at(self._agenda.time() + latency, lambda: self._announce(error))

    def freeze(self) -> None:
        """The daemon hangs: nothing comes through, and keepalive gives up in the end."""
        error = ConnectError("the daemon does not answer (keepalive)")
        due = self._agenda.time() + self.daemon.keepalive
        self._keepalive = self._agenda.at(due, lambda: self.lose(error, delay=0.0))

    def thaw(self) -> None:
        """The daemon goes on where it was stopped."""
        if self._keepalive:
            self._keepalive.cancel()
        missed, self._while_hung = self._while_hung, []
        for action in missed:
            action()

    def later(self, delay: float, action: Callable[[], None], *, late: bool = False) -> None:
        """Do something on this connection, unless it ends before (or if `late`, even then)."""
        self._agenda.at(self._agenda.time() + delay, lambda: self._do(action, late))

    # ------------------------------------------------------------ inside

    def _do(self, action: Callable[[], None], late: bool) -> None:
        if self.ended:
            if late:
                action()
        elif self.daemon.hung:
            self._while_hung.append(action)
        else:
            action()

    def _opened(self) -> None:
        error = self.daemon.refusal()
        if error is None:
            self._accepted = True
            self.source.put(Connected(self.epoch))
        else:
            self._end()
            self.source.put(ConnectFailed(self.epoch, error))

    def _subscribe(self) -> None:
        self.subscribed = True

    def _take_and_answer(self, reading: Reading) -> None:
        reading.take()
        self._answer(reading)

    def _answer(self, reading: Reading) -> None:
        if not self.daemon.held_reads.keep(reading):
            reading.answer()
        elif self._reads.get(reading.uuid) is reading:
            del self._reads[reading.uuid]

    def _callback(self, event: HostEvent) -> None:
        stamp = self.source.stamp()
        received = EventReceived(
            epoch=self.epoch,
            stamp=stamp,
            uuid=event.uuid,
            name=event.name,
            id=event.id,
            kind=event.kind,
            type=event.type,
            detail=event.detail,
            time=self.source.clock(),
            details=event.details,
        )
        self.source.put(received)
        if self.daemon.eager_reads:
            self.read(event.uuid, stamp)

    def _announce(self, error: Exception) -> None:
        if not self._closed:
            message = Disconnected if self._accepted else ConnectFailed
            self.source.put(message(self.epoch, error))

    def _end(self) -> None:
        self.ended = True
        self._while_hung.clear()
        if self._keepalive:
            self._keepalive.cancel()
        if self in self.daemon.connections:
            self.daemon.connections.remove(self)

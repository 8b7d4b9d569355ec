"""A host in one thread, for the core alone: it owns the truth, and answers when told to.

The truth is a mapping from UUID to `Observation`. Every change of it takes the
next *number*, and the number is written into the domain's XML: so whoever holds
an observation can tell how old it is (`number_of`), and a test can ask whether a
store went back in time, or reflects all that was complete at some moment.

Nothing happens by itself. Events lie in `callbacks` until they run; a read begins,
looks, and ends in steps of its own; what the host has to say is put into
`inbox`, in the order in which it happened, until the test feeds it to a reflector.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any
from uuid import UUID

import attrs

from virtinformer._core.messages import (
    Connect,
    Connected,
    ConnectFailed,
    Disconnect,
    Disconnected,
    Effect,
    EventReceived,
    Gone,
    Input,
    List,
    Listed,
    ListFailed,
    Observed,
    Read,
    ReadFailed,
    Subscribe,
    Subscribed,
)
from virtinformer._core.model import Observation
from virtinformer._core.vocabulary import DomainState, EventKind, LifecycleType, reason_of

__all__ = ["REFUSED", "WALL", "Callback", "Host", "Listing", "Reading", "number_of", "off"]

REFUSED = RuntimeError("the host refuses to say")

WALL = 1_000_000.0
"""What the host's clock shows, in seconds since 1970."""


@attrs.frozen
class Callback:
    """An event that the host has made and not yet delivered."""

    epoch: int
    uuid: UUID
    name: str
    id: int
    type: int
    detail: int = 0
    kind: int = EventKind.LIFECYCLE


@attrs.define
class Reading:
    """A read under way. It saw the XML at one moment and the state at another."""

    epoch: int
    uuid: UUID
    began: int
    listed: bool = False
    xml: Observation | None = None
    state: Observation | None = None
    looked: int = -1


@attrs.define
class Listing:
    """A list under way: who was named, who is still to be read."""

    effect: List
    began: int = -1
    present: frozenset[UUID] = frozenset()
    to_read: list[UUID] = attrs.field(factory=list)


@attrs.define
class Flight:
    """What is under way for one domain, as in `virtinformer._libvirt.flights`."""

    waiting: bool = False
    flying: Reading | None = None


def number_of(seen: Any) -> int:
    """The number of the change after which this is how the domain was."""
    return int(seen.xml.partition("#")[2])


def off(name: str, config: int, number: int, **fields: Any) -> Observation:
    """A domain that is defined and not running."""
    return Observation(
        name=name,
        id=-1,
        state=DomainState.SHUTOFF,
        reason=reason_of(DomainState.SHUTOFF, 0),
        persistent=True,
        autostart=False,
        xml=f"#{number}",
        config_xml=f"config {config}",
        **fields,
    )


class Host:
    """One host and its connections."""

    def __init__(self) -> None:
        self.truth: dict[UUID, Observation] = {}
        self.number = 0
        self.past: dict[UUID, list[tuple[int, Observation | None]]] = {}
        self.callbacks: deque[Callback] = deque()
        self.inbox: deque[Input] = deque()
        self.looked: dict[int, int] = {}
        self.began: dict[int, int] = {}
        self.epoch: int | None = None
        self.subscribed = False
        self.connecting: deque[Connect | Subscribe] = deque()
        self.listing: Listing | None = None
        self.flights: dict[UUID, Flight] = {}
        self.list_reads: list[Reading] = []
        self.zombies: list[Reading] = []
        self._stamps = 0
        self._ids = 0

    # ------------------------------------------------------------------ truth

    def stamp(self) -> int:
        self._stamps += 1
        return self._stamps

    def next_id(self) -> int:
        self._ids += 1
        return self._ids

    def change(self, uuid: UUID, make: Callable[[int], Observation | None]) -> None:
        """Let something become true; `make` is given the number of the change."""
        self.number += 1
        new = make(self.number)
        if new is None:
            del self.truth[uuid]
        else:
            self.truth[uuid] = new
        self.past.setdefault(uuid, []).append((self.number, new))

    def evolve(self, uuid: UUID, **fields: Any) -> None:
        """Change some fields of a domain."""
        self.change(uuid, lambda n: attrs.evolve(self.truth[uuid], xml=f"#{n}", **fields))

    def at(self, uuid: UUID, number: int) -> tuple[int, Observation | None]:
        """What was true of a domain when the host's last change had a number, and since when."""
        past = [entry for entry in self.past.get(uuid, ()) if entry[0] <= number]
        return past[-1] if past else (0, None)

    def emit(
        self,
        uuid: UUID,
        type_: int,
        detail: int = 0,
        *,
        id: int = -1,
        name: str | None = None,
        kind: int = EventKind.LIFECYCLE,
    ) -> None:
        """Have an event delivered, later."""
        if self.epoch is None or not self.subscribed:
            return
        seen = self.truth.get(uuid)
        name = name or (seen.name if seen is not None else "gone")
        self.callbacks.append(Callback(self.epoch, uuid, name, id, type_, detail, kind))

    # ------------------------------------------------------------------ what the core wants

    def perform(self, effect: Effect) -> None:
        match effect:
            case Connect():
                self.connecting.append(effect)
            case Subscribe(epoch=epoch) | List(epoch=epoch) | Read(epoch=epoch) if (
                epoch != self.epoch
            ):
                assert self.epoch is None, "asked of a connection that was replaced"
            case Subscribe():
                self.connecting.append(effect)
            case Disconnect(epoch=epoch):
                self.close(epoch)
            case List():
                assert self.listing is None, "two lists at a time"
                self.listing = Listing(effect)
            case Read():
                self.ask(effect.uuid, effect.after)

    def ask(self, uuid: UUID, after: int) -> None:
        """Have a domain read, unless a read that began after the stamp is under way."""
        flight = self.flights.setdefault(uuid, Flight())
        begun = flight.flying is not None and flight.flying.began > after
        if not begun and not self._landed(uuid, after):
            flight.waiting = True

    def _landed(self, uuid: UUID, after: int) -> bool:
        return any(
            isinstance(i, Observed)
            and i.uuid == uuid
            and not i.listed
            and i.began > after
            and i.epoch == self.epoch
            for i in self.inbox
        )

    # ------------------------------------------------------------------ the connection

    def connect(self, *, fail: bool = False) -> None:
        """Answer a `Connect` or `Subscribe`."""
        effect = self.connecting.popleft()
        if isinstance(effect, Subscribe):
            assert effect.epoch == self.epoch
            self.subscribed = True
            self.inbox.append(Subscribed(effect.epoch))
        elif fail:
            self.inbox.append(ConnectFailed(effect.epoch, REFUSED))
        else:
            self.epoch = effect.epoch
            self.inbox.append(Connected(effect.epoch))

    def close(self, epoch: int) -> None:
        """The other side wants that connection no longer, or not any more the one it asked for."""
        self.connecting = deque(effect for effect in self.connecting if effect.epoch != epoch)
        if epoch == self.epoch:
            self.drop()

    def disconnect(self) -> None:
        """The daemon goes away; events that were not delivered are lost."""
        assert self.epoch is not None
        self.inbox.append(Disconnected(self.epoch, REFUSED))
        self.drop()

    def drop(self) -> None:
        """There is no connection any more; answers may still be on their way."""
        self.zombies += [f.flying for f in self.flights.values() if f.flying is not None]
        self.zombies += self.list_reads
        self.epoch = None
        self.subscribed = False
        self.listing = None
        self.callbacks.clear()
        self.connecting.clear()
        self.flights.clear()
        self.list_reads.clear()

    # ------------------------------------------------------------------ events

    def deliver(self, index: int = 0, *, eager: bool = False) -> None:
        """Run a callback, and begin to read its domain at once if `eager`."""
        callback = self.callbacks[index]
        del self.callbacks[index]
        stamp = self.stamp()
        fields = attrs.asdict(callback)
        self.inbox.append(EventReceived(stamp=stamp, time=WALL + stamp, **fields))
        if eager:
            self.ask(callback.uuid, stamp)

    # ------------------------------------------------------------------ reads

    def begin(self, uuid: UUID) -> None:
        """Begin a read that was asked for."""
        flight = self.flights[uuid]
        assert flight.flying is None
        assert self.epoch is not None
        flight.waiting = False
        flight.flying = Reading(self.epoch, uuid, self.stamp())

    def look(self, reading: Reading) -> None:
        """Look at the domain; looking twice tears the read if it changed in between.

        One that was gone at the first look is gone: libvirt has answered.
        """
        seen = self.truth.get(reading.uuid)
        if reading.looked >= 0 and reading.xml is not None and seen is not None:
            reading.state = seen
        elif reading.looked < 0 or reading.xml is not None:
            reading.xml = reading.state = seen
            reading.looked = self.number

    def end(self, reading: Reading, error: Exception | None = None) -> None:
        """Answer a read."""
        if reading.looked < 0:
            self.look(reading)
        ended = self.stamp()
        result = ReadFailed(error) if error is not None else _result(reading)
        self.looked[ended] = reading.looked
        self.began[ended] = reading.began
        self.inbox.append(
            Observed(
                reading.epoch,
                reading.uuid,
                reading.began,
                ended,
                WALL + ended,
                result,
                reading.listed,
            )
        )
        self._forget(reading)

    def _forget(self, reading: Reading) -> None:
        flight = self.flights.get(reading.uuid)
        if flight is not None and flight.flying is reading:
            flight.flying = None
            if not flight.waiting:
                del self.flights[reading.uuid]
        for readings in (self.list_reads, self.zombies):
            if any(reading is other for other in readings):
                readings[:] = [other for other in readings if other is not reading]

    # ------------------------------------------------------------------ lists

    def begin_list(self, *, without: UUID | None = None) -> None:
        """Name the domains, all but one if the list is cut short."""
        listing = self.listing
        assert listing is not None
        listing.began = self.stamp()
        listing.present = frozenset(self.truth) - {without}
        only = listing.effect.only
        listing.to_read = [u for u in sorted(listing.present) if only is None or u in only]

    def begin_list_read(self) -> None:
        """Begin to read one of the domains that were named."""
        assert self.listing is not None
        uuid = self.listing.to_read.pop(0)
        self.list_reads.append(Reading(self.listing.effect.epoch, uuid, self.stamp(), listed=True))

    def end_list(self, *, fail: bool = False) -> None:
        """End the list: what was not read of it by now is not read at all."""
        listing, self.listing = self.listing, None
        assert listing is not None
        if fail:
            # What was under way is abandoned with it.
            self.list_reads.clear()
            self.inbox.append(ListFailed(listing.effect.epoch, REFUSED))
            return
        for reading in list(self.list_reads):
            self.end(reading)
        self.inbox.append(Listed(listing.effect.epoch, listing.began, listing.present))

    # ------------------------------------------------------------------ honesty

    def answer_all(self) -> None:
        """Let the host do at once all that it owes."""
        while self.callbacks:
            self.deliver()
        while self.connecting:
            self.connect()
        for reading in [*self.zombies, *self.list_reads]:
            self.end(reading)
        for uuid, flight in list(self.flights.items()):
            if flight.flying is not None:
                self.end(flight.flying)
            if flight.waiting:
                self.begin(uuid)
                begun = self.flights[uuid].flying
                assert begun is not None
                self.end(begun)
        if self.listing is not None:
            self.begin_list()
            while self.listing.to_read:
                self.begin_list_read()
            self.end_list()

    # ------------------------------------------------------------------ what happens to domains

    def define(self, uuid: UUID, name: str) -> None:
        """Define a domain, or change the configuration of one that is there."""
        old = self.truth.get(uuid)
        if old is None:
            self.change(uuid, lambda n: off(name, n, n))
            self.emit(uuid, LifecycleType.DEFINED)
            return
        self.change(
            uuid,
            lambda n: attrs.evolve(old, xml=f"#{n}", config_xml=f"config {n}", persistent=True),
        )
        self.emit(uuid, LifecycleType.DEFINED, int(old.persistent), id=old.id)

    def undefine(self, uuid: UUID) -> None:
        old = self.truth[uuid]
        if old.id >= 0:
            self.evolve(uuid, persistent=False, config_xml=None, autostart=False)
        else:
            self.change(uuid, lambda n: None)
        self.emit(uuid, LifecycleType.UNDEFINED, id=old.id, name=old.name)

    def start(self, uuid: UUID, *, paused: bool = False) -> None:
        run = self.next_id()
        state = DomainState.PAUSED if paused else DomainState.RUNNING
        self.evolve(uuid, id=run, state=state, reason=reason_of(state, 1))
        self._emit_start(uuid, run, paused=paused)

    def create(self, uuid: UUID, name: str, *, paused: bool = False) -> None:
        """Start a transient domain."""
        run = self.next_id()
        state = DomainState.PAUSED if paused else DomainState.RUNNING
        self.change(
            uuid,
            lambda n: attrs.evolve(
                off(name, n, n),
                id=run,
                state=state,
                reason=reason_of(state, 1),
                persistent=False,
                config_xml=None,
            ),
        )
        self._emit_start(uuid, run, paused=paused)

    def _emit_start(self, uuid: UUID, run: int, *, paused: bool) -> None:
        if paused:
            self.emit(uuid, LifecycleType.STARTED, id=run)
            self.emit(uuid, LifecycleType.SUSPENDED, id=run)
        else:
            self.emit(uuid, LifecycleType.RESUMED, id=run)
            self.emit(uuid, LifecycleType.STARTED, id=run)

    def move(self, uuid: UUID, state: DomainState, type_: LifecycleType, detail: int = 0) -> None:
        """Let a running domain go into another state, and tell of it."""
        self.evolve(uuid, state=state, reason=reason_of(state, 1))
        self.emit(uuid, type_, detail, id=self.truth[uuid].id)

    def stop(self, uuid: UUID, *, shutdown: bool = True) -> None:
        old = self.truth[uuid]
        if old.persistent:
            state = DomainState.SHUTOFF
            self.evolve(uuid, id=-1, state=state, reason=reason_of(state, 2))
        else:
            self.change(uuid, lambda n: None)
        if shutdown:
            self.emit(uuid, LifecycleType.SHUTDOWN, 2, id=old.id, name=old.name)
        self.emit(uuid, LifecycleType.STOPPED, 1, name=old.name)

    def rename(self, uuid: UUID, name: str) -> None:
        self.emit(uuid, LifecycleType.UNDEFINED, 1)
        self.evolve(uuid, name=name)
        self.emit(uuid, LifecycleType.DEFINED, 2)


def _result(reading: Reading) -> Observation | Gone:
    if reading.xml is None or reading.state is None:
        return Gone()
    if reading.xml == reading.state:
        return reading.xml
    state = reading.state
    return attrs.evolve(
        reading.xml, state=state.state, reason=state.reason, id=state.id, settled=False
    )

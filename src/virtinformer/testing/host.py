"""The public face of the made-up host: what it is, and how it can be made to lie."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from random import Random
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from .._core.messages import Read
from ..exceptions import ConnectError
from ..source import Request
from .configuring import Configuring
from .daemon import Daemon
from .faults import Faults, Latency
from .inventory import Inventory
from .liar import Deed, Liar
from .log import HostEvent
from .running import Running
from .source import FakeSource

if TYPE_CHECKING:
    from ..informer import DomainInformer

__all__ = ["FakeHost"]

EPOCH: Final = 1_767_225_600.0
"""2026-01-01 00:00 UTC: when the clock of a made-up host is at 0."""


class FakeHost(Configuring, Running):
    """A scriptable host that owns the truth and can lie.

    It needs no libvirt, no thread and no real time, and from one seed and one
    script does the same every time. Three sides::

        host = FakeHost(seed=1)
        web = host.define("web")             # the truth: operations, host.domains, host.log
        host.start(web)
        host.faults = Faults(event_loss=0.1) # the lies: chances, or exact scripts
        host.drop_next_events(2)
        async with host.connect() as informer: ...   # what looks at it

    Args:
        name: what to call the host in logs and errors.
        seed: decides every throw of the dice.
        faults: how often it lies; can be exchanged at any time.
        latency: how slow it is; can be exchanged at any time.
        list_limit: how many domains libvirt can name in one list.
        keepalive: after how many seconds of silence a connection is given up.
        eager_reads: whether sources read a domain as soon as an event about it
            arrives, without being asked, as the one on libvirt does.
    """

    def __init__(
        self,
        name: str = "fake",
        *,
        seed: int = 0,
        faults: Faults | None = None,
        latency: Latency | None = None,
        list_limit: int = 16_384,
        keepalive: float = 20.0,
        eager_reads: bool = False,
    ) -> None:
        super().__init__(seed)
        self.name = name
        self._jitter = Random(f"jitter of {seed}")
        self._liar = Liar(Random(seed), faults or Faults(), latency or Latency(), self._report)
        inventory = Inventory(self._guests, self._now, list_limit)
        self._daemon = Daemon(self._liar, inventory, keepalive, eager_reads)

    # ------------------------------------------------------------ look at it

    def source(self) -> FakeSource:
        """A new way to this host, with its own connections; for `DomainInformer`."""
        return FakeSource(f"fake:///{self.name}", self._daemon, EPOCH, self._asked)

    def connect(self, **options: Any) -> DomainInformer:  # noqa: ANN401 - as DomainInformer has them
        """An informer of this host: as ``virtinformer.connect``, with the options of an informer.

        Use it as ``async with host.connect() as informer``. Its backoff, too, has
        its jitter from the seed of the host.
        """
        from ..informer import DomainInformer

        return DomainInformer(self.source(), **{"random": self._jitter.random, **options})

    @property
    def open_connections(self) -> int:
        """How many connections there are; 0 once all who looked have left."""
        return len(self._daemon.connections)

    # ------------------------------------------------------------ lies by chance

    @property
    def faults(self) -> Faults:
        """How often the host lies from now on; ``Faults()`` is an honest host."""
        return self._liar.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._liar.faults = faults

    @property
    def latency(self) -> Latency:
        """How slow the host is from now on."""
        return self._liar.latency

    @latency.setter
    def latency(self, latency: Latency) -> None:
        self._liar.latency = latency

    # ------------------------------------------------------------ scripted lies: events

    def drop_next_events(self, count: int = 1, uuid: UUID | None = None) -> None:
        """The next events that are made (about one domain, or any) reach nobody."""
        self._liar.script.add(Deed.DROP_EVENT, count, uuid)

    def hold_events(self) -> None:
        """Keep back the events that are made from now on, until `release_events`."""
        if self._daemon.held_events is None:
            self._daemon.held_events = []

    @property
    def held_events(self) -> tuple[HostEvent, ...]:
        """The events that are kept back, as they were made."""
        return tuple(event for event, _ in self._daemon.held_events or ())

    def release_events(self, order: Iterable[int] | None = None) -> None:
        """Send the events that were kept back, and keep back no more.

        Args:
            order: positions in `held_events`: ``[1, 0]`` swaps two, ``[0, 0]`` sends
                one twice, and what is not named is lost. By default all, as made.

        Raises:
            IndexError: if there is no such position; nothing was sent then.
        """
        positions = None if order is None else list(order)
        for position in positions or ():
            self.held_events[position]
        self._daemon.release_events(positions)

    # ------------------------------------------------------------ scripted lies: reads and lists

    def fail_next_reads(
        self, count: int = 1, uuid: UUID | None = None, error: Exception | None = None
    ) -> None:
        """The next reads (of one domain, or any) say nothing but an error.

        One that is part of a list counts, too: the list does not report that domain.
        """
        self._liar.script.add(Deed.FAIL_READ, count, uuid, error)

    def tear_next_reads(self, count: int = 1, uuid: UUID | None = None) -> None:
        """The next reads cannot be had in one piece.

        What they see has the state from the beginning and the XML from the
        middle of the read, and says ``settled=False``, as an honest source does.
        """
        self._liar.script.add(Deed.TEAR_READ, count, uuid)

    def hold_reads(self, uuid: UUID | None = None) -> None:
        """Keep back the answers to reads (of one domain, or any) until `release_reads`.

        They keep the content of their own moment, and come even if their
        connection is gone by then. Lists are not kept back.
        """
        self._daemon.held_reads.hold(uuid)

    def release_reads(self, uuid: UUID | None = None) -> None:
        """Answer the reads that were kept back (of one domain, or all); keep back no more."""
        self._daemon.held_reads.release(uuid)

    def fail_next_lists(self, count: int = 1, error: Exception | None = None) -> None:
        """The next lists break off after half of the domains."""
        self._liar.script.add(Deed.FAIL_LIST, count, error=error)

    def truncate_next_list(self, missing: Iterable[UUID]) -> None:
        """The next list leaves these domains out and believes itself complete."""
        self._liar.script.add(Deed.TRUNCATE_LIST, 1, missing=missing)

    # ------------------------------------------------------------ scripted lies: the daemon

    def fail_next_connects(self, count: int = 1, error: Exception | None = None) -> None:
        """The next attempts to connect fail."""
        self._liar.script.add(Deed.FAIL_CONNECT, count, error=error)

    def refuse(self, error: Exception | None = None, *, permanent: bool = True) -> None:
        """Let nobody connect until `accept`; connections that are open stay so.

        Args:
            error: what whoever tries is told; by default a `ConnectError`.
            permanent: whether that one says that trying again is no use.
        """
        self._daemon.refused = error or ConnectError("access denied", permanent=permanent)
        self._report(f"connections refused: {self._daemon.refused}")

    def accept(self) -> None:
        """Let everybody connect again."""
        self._daemon.refused = None
        self._report("connections accepted")

    def disconnect(self, reason: str = "the daemon was killed") -> None:
        """Kill the daemon: connections are lost, and none can be made until `restart`.

        Its domains live on, and can be changed; but of that nobody is told.
        """
        self._report(f"daemon dies: {reason}")
        self._daemon.die(reason)

    def restart(self) -> None:
        """Start the daemon; if it is alive, kill it first."""
        if self._daemon.down is None:
            self.disconnect("the daemon was restarted")
        self._daemon.down = None
        self._report("daemon starts")

    def hang(self) -> None:
        """Stop the daemon: nothing is answered or told, until keepalive gives up."""
        if not self._daemon.hung:
            self._report("daemon hangs")
            self._daemon.hang()

    def unhang(self) -> None:
        """Let the daemon go on; connections that still are get their answers and events."""
        self._report("daemon goes on")
        self._daemon.unhang()

    # ------------------------------------------------------------ inside

    def _tell(self, event: HostEvent) -> None:
        self._daemon.tell(event)

    def _visible_from(self) -> float:
        lag = self._liar.lookup_lag()
        return self._now() + lag if lag else float("-inf")

    def _now(self) -> float:
        try:
            return asyncio.get_running_loop().time()
        except RuntimeError:
            return self.log[-1].time if self.log else 0.0

    def _report(self, text: str, uuid: UUID | None = None) -> None:
        content = None if uuid is None else self.truth(uuid)
        self._record("fault", text, uuid, content.name if content else None)

    def _asked(self, request: Request) -> None:
        uuid = request.uuid if isinstance(request, Read) else None
        content = None if uuid is None else self.truth(uuid)
        text = f"{type(request).__name__} epoch={request.epoch}"
        self._record("request", text, uuid, content.name if content else None)

"""Where a host lies: by script, and by chance.

A script names exact lies that are told once ("fail the next two reads of this
domain"); `Faults` are chances. Scripted lies go first and throw no dice, so
adding one to a test leaves the rest of the run as it was.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from random import Random
from uuid import UUID

import attrs

from ..exceptions import ConnectError, ReadError
from .faults import Faults, Latency, Span

__all__ = ["Deed", "Delivery", "Liar", "Script"]


class Deed(enum.Enum):
    """What a script can ask for."""

    DROP_EVENT = enum.auto()
    FAIL_READ = enum.auto()
    TEAR_READ = enum.auto()
    FAIL_LIST = enum.auto()
    TRUNCATE_LIST = enum.auto()
    FAIL_CONNECT = enum.auto()


@attrs.define
class _Next:
    left: int
    uuid: UUID | None
    error: Exception | None
    missing: frozenset[UUID]


class Script:
    """Lies to be told a number of times, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._next: dict[Deed, list[_Next]] = {}

    def add(
        self,
        deed: Deed,
        count: int,
        uuid: UUID | None = None,
        error: Exception | None = None,
        missing: Iterable[UUID] = (),
    ) -> None:
        """Do it the next `count` times (to this domain, if one is named)."""
        if count < 0:
            raise ValueError(f"a number of times is meant, not {count}")
        if count:
            due = self._next.setdefault(deed, [])
            due.append(_Next(count, uuid, error, frozenset(missing)))

    def take(self, deed: Deed, uuid: UUID | None = None) -> _Next | None:
        """What is to be done this time; it counts as done."""
        if not self._next:
            return None  # as it is nearly always
        due = self._next.get(deed, [])
        for item in due:
            if item.uuid is None or item.uuid == uuid:
                item.left -= 1
                if not item.left:
                    due.remove(item)
                return item
        return None


@attrs.frozen
class Delivery:
    """One arrival of an event: after how long, and whether behind those before it."""

    delay: float
    in_order: bool


class Liar:
    """Decides, one question at a time, whether to be honest.

    Args:
        random: throws the dice.
        faults: how often to lie.
        latency: what honesty costs.
        report: is told of every lie, for the log.
    """

    def __init__(
        self,
        random: Random,
        faults: Faults,
        latency: Latency,
        report: Callable[[str, UUID | None], None],
    ) -> None:
        self.faults = faults
        self.latency = latency
        self.script: Script = Script()
        self._random = random
        self._report = report

    def drops(self, uuid: UUID) -> bool:
        """Whether the event just made is lost to everybody."""
        return self._lies(self._scripted(Deed.DROP_EVENT, uuid), "event dropped", uuid)

    def deliveries(self, uuid: UUID) -> list[Delivery]:
        """When, how often and whether in order an event arrives on one connection."""
        delay = self.latency.event + self._span(self.faults.event_delay)
        if self._lies(self._chance(self.faults.event_loss), "event lost", uuid):
            return []
        overtaken = self._lies(self._chance(self.faults.event_reorder), "event overtaken", uuid)
        if overtaken:
            delay += self._span(self.faults.reorder_delay)
        arrivals = [Delivery(delay, in_order=not overtaken)]
        if self._lies(self._chance(self.faults.event_duplicate), "event duplicated", uuid):
            again = delay + self._span(self.faults.reorder_delay)
            arrivals.append(Delivery(again, in_order=False))
        return arrivals

    def read_times(self) -> tuple[float, float]:
        """After how long a read has its content, and after how long it is answered."""
        extra = self._span(self.faults.read_delay)
        moment = self._random.random() if extra else 0.5
        whole = self.latency.read + extra
        return whole * moment, whole

    def read_error(self, uuid: UUID) -> Exception | None:
        """Why a read fails, if it does."""
        if scripted := self.script.take(Deed.FAIL_READ, uuid):
            self._report("read failed", uuid)
            return scripted.error or ReadError("the script says that this read fails")
        if self._lies(self._chance(self.faults.read_failure), "read failed", uuid):
            return ReadError("the host would not say, by chance")
        return None

    def tears(self, uuid: UUID) -> bool:
        """Whether a read cannot be had untorn."""
        torn = self._scripted(Deed.TEAR_READ, uuid) or self._chance(self.faults.read_tear)
        return self._lies(torn, "read torn", uuid)

    def lookup_lag(self) -> float:
        """How long a domain that is made now cannot be looked up, in seconds."""
        return self._span(self.faults.lookup_lag)

    def list_time(self) -> float:
        """After how long a list is through, in seconds."""
        return self.latency.list + self._span(self.faults.list_delay)

    def list_error(self) -> Exception | None:
        """Why a list breaks off, if it does."""
        if scripted := self.script.take(Deed.FAIL_LIST):
            self._report("list failed", None)
            return scripted.error or ReadError("the script says that this list fails")
        if self._lies(self._chance(self.faults.list_failure), "list failed", None):
            return ReadError("the list broke off, by chance")
        return None

    def missing(self, present: Iterable[UUID]) -> frozenset[UUID]:
        """Which domains a list leaves out."""
        if scripted := self.script.take(Deed.TRUNCATE_LIST):
            self._report("list truncated", None)
            return scripted.missing
        if self._lies(self._chance(self.faults.list_truncation), "list truncated", None):
            return frozenset(uuid for uuid in present if self._chance(0.5))
        return frozenset()

    def connect_error(self) -> Exception | None:
        """Why a connection is refused, if it is."""
        if scripted := self.script.take(Deed.FAIL_CONNECT):
            self._report("connection refused", None)
            return scripted.error or ConnectError("the script says that this connection fails")
        if self._lies(self._chance(self.faults.connect_failure), "connection refused", None):
            return ConnectError("the connection was refused, by chance")
        return None

    def breaks(self) -> bool:
        """Whether the connection breaks under what was just asked."""
        return self._lies(self._chance(self.faults.connection_loss), "connection lost", None)

    def answers_late(self) -> bool:
        """Whether the answer comes even if its connection is gone by then."""
        return self._chance(self.faults.late_answer)

    def _lies(self, lie: bool, text: str, uuid: UUID | None) -> bool:
        if lie:
            self._report(text, uuid)
        return lie

    def _scripted(self, deed: Deed, uuid: UUID) -> bool:
        return self.script.take(deed, uuid) is not None

    def _chance(self, chance: float) -> bool:
        return chance > 0 and self._random.random() < chance

    def _span(self, span: Span) -> float:
        return self._random.uniform(*span) if span[1] > 0 else 0.0

"""A reflector at the wheel: short words for inputs, and a record of what it did."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar
from uuid import UUID

import attrs

from virtinformer._core.barriers import FIRST_SYNC
from virtinformer._core.messages import (
    Connected,
    Deliver,
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
    Reject,
    Require,
    Resolve,
    Start,
    Subscribed,
    Tick,
)
from virtinformer._core.model import Change, Delta, Domain, DomainEvent, Observation
from virtinformer._core.record import Record
from virtinformer._core.reflector import Phase, Reflector
from virtinformer._core.store import Store
from virtinformer._core.vocabulary import DomainState, EventKind, reason_of

__all__ = ["ERROR", "GONE", "A", "B", "C", "Driver", "paused", "running", "shut_off"]

A, B, C = (UUID(int=n) for n in (10, 11, 12))
GONE = Gone()
ERROR = RuntimeError("no")
WALL = 1_700_000_000.0

E = TypeVar("E", bound=Effect)


def shut_off(name: str = "n", xml: str = "off", **fields: Any) -> Observation:
    """A domain that is defined and does not run."""
    seen = Observation(
        name=name,
        id=-1,
        state=DomainState.SHUTOFF,
        reason=reason_of(DomainState.SHUTOFF, 0),
        persistent=True,
        autostart=False,
        xml=xml,
        config_xml="config",
    )
    return attrs.evolve(seen, **fields)


def running(id: int = 1, **fields: Any) -> Observation:
    """A domain that runs."""
    live: dict[str, Any] = {
        "id": id,
        "state": DomainState.RUNNING,
        "reason": reason_of(DomainState.RUNNING, 1),
        "xml": "live",
    }
    seen = shut_off(**(live | fields))
    return seen if seen.persistent else attrs.evolve(seen, config_xml=None)


def paused(id: int = 1, **fields: Any) -> Observation:
    """A domain that is paused."""
    state = DomainState.PAUSED
    return running(id, **({"state": state, "reason": reason_of(state, 1)} | fields))


class Driver:
    """Feeds a reflector and remembers its effects.

    Attributes:
        effects: all of them, in order.
        changes: those that were delivered.
    """

    def __init__(
        self,
        *,
        period: float | None = None,
        window: float = 0.1,
        transform: Callable[[Domain], Domain] | None = None,
        random: Callable[[], float] = lambda: 0.0,
        history: int = 100,
    ) -> None:
        self.store = Store({}, history)
        self.reflector = Reflector(
            self.store,
            resync_period=period,
            reorder_window=window,
            transform=transform,
            random=random,
        )
        self.now = 100.0
        self.effects: list[Effect] = []
        self.changes: list[Change] = []
        self._stamp = 0

    # ------------------------------------------------------------------ what it did

    @property
    def deltas(self) -> list[Delta]:
        return [change.delta for change in self.changes if change.delta is not None]

    @property
    def events(self) -> list[DomainEvent]:
        return [event for change in self.changes for event in change.events]

    @property
    def told(self) -> list[str]:
        """The types of the events, the inferred ones with a star."""
        return [event.type + "*" * event.inferred for event in self.events]

    @property
    def kinds(self) -> list[str]:
        """The types of the deltas."""
        return [type(delta).__name__ for delta in self.deltas]

    @property
    def epoch(self) -> int:
        return self.reflector.epoch

    @property
    def phase(self) -> Phase:
        return self.reflector.phase

    @property
    def resolved(self) -> list[int]:
        return [effect.token for effect in self.effects if isinstance(effect, Resolve)]

    @property
    def rejected(self) -> list[int]:
        return [effect.token for effect in self.effects if isinstance(effect, Reject)]

    @property
    def lists(self) -> int:
        """How many lists were asked for."""
        return len(self.of(List))

    def of(self, type_: type[E]) -> list[E]:
        return [effect for effect in self.effects if isinstance(effect, type_)]

    def reads(self) -> list[UUID]:
        """Take out the domains that were asked for."""
        reads = [effect.uuid for effect in self.of(Read)]
        self.effects = [effect for effect in self.effects if not isinstance(effect, Read)]
        return reads

    def forget(self) -> None:
        """Forget what was delivered so far."""
        self.effects.clear()
        self.changes.clear()

    def record(self, uuid: UUID) -> Record:
        return self.reflector._tracker._records[uuid]

    # ------------------------------------------------------------------ what comes

    def stamp(self) -> int:
        self._stamp += 1
        return self._stamp

    def receive(self, *inputs: Input) -> list[Effect]:
        effects = self.reflector.receive(inputs, self.now)
        self.effects += effects
        self.changes += [effect.change for effect in effects if isinstance(effect, Deliver)]
        if self.reflector.deadline is not None and self.reflector.deadline <= self.now:
            effects += self.receive(Tick())  # it has more to do at once
        return effects

    def pass_time(self, seconds: float) -> list[Effect]:
        """Let time pass, and wake the reflector whenever it wants to be woken."""
        effects: list[Effect] = []
        until = self.now + seconds
        while self.reflector.deadline is not None and self.reflector.deadline <= until:
            self.now = max(self.now, self.reflector.deadline)
            effects += self.receive(Tick())
        self.now = until
        return [*effects, *self.receive(Tick())]

    def make_event(
        self,
        uuid: UUID,
        type_: int,
        detail: int = 0,
        id: int = -1,
        name: str = "n",
        kind: int = EventKind.LIFECYCLE,
    ) -> EventReceived:
        stamp = self.stamp()
        time = WALL + stamp
        return EventReceived(self.epoch, stamp, uuid, name, id, kind, type_, detail, time)

    def event(self, uuid: UUID, type_: int, detail: int = 0, **fields: Any) -> list[Effect]:
        return self.receive(self.make_event(uuid, type_, detail, **fields))

    def make_answer(
        self,
        uuid: UUID,
        result: Observation | Gone | Exception,
        *,
        began: int | None = None,
        listed: bool = False,
        epoch: int | None = None,
    ) -> Observed:
        began = self.stamp() if began is None else began
        ended = self.stamp()
        outcome = ReadFailed(result) if isinstance(result, Exception) else result
        return Observed(
            self.epoch if epoch is None else epoch,
            uuid,
            began,
            ended,
            WALL + ended,
            outcome,
            listed,
        )

    def answer(
        self, uuid: UUID, result: Observation | Gone | Exception, **fields: Any
    ) -> list[Effect]:
        return self.receive(self.make_answer(uuid, result, **fields))

    def tell(self, uuid: UUID, seen: Observation | Gone, *events: EventReceived) -> None:
        """Events, and the read that answers them."""
        self.receive(*events)
        self.answer(uuid, seen)

    def require(self, token: int, uuid: UUID | None = None) -> list[Effect]:
        return self.receive(Require(token, self.stamp(), uuid))

    # ------------------------------------------------------------------ the connection

    def connect(self) -> None:
        """Come as far as the list."""
        if self.phase is Phase.DISCONNECTED and self.epoch == 1:
            self.receive(Start())
        self.receive(Connected(self.epoch))
        self.receive(Subscribed(self.epoch))

    def answer_list(
        self,
        domains: dict[UUID, Observation],
        *,
        present: Iterable[UUID] | None = None,
        reads: Iterable[UUID] | None = None,
    ) -> list[Effect]:
        """Answer a list: who is named, and what was read of whom (all, if not said)."""
        began = self.stamp()
        for uuid in domains if reads is None else reads:
            self.answer(uuid, domains[uuid], listed=True)
        return self.receive(
            Listed(self.epoch, began, frozenset(domains if present is None else present))
        )

    def fail_list(self) -> list[Effect]:
        return self.receive(ListFailed(self.epoch, ERROR))

    def go_live(self, domains: dict[UUID, Observation] | None = None) -> Driver:
        """Connect, list, and forget how."""
        self.connect()
        self.answer_list(domains or {})
        assert self.phase is Phase.LIVE
        assert FIRST_SYNC in self.resolved
        self.forget()
        return self

    def disconnect(self) -> list[Effect]:
        return self.receive(Disconnected(self.epoch, ERROR))

    def reconnect(self) -> None:
        """Lose the connection and come as far as the list of the next one."""
        self.disconnect()
        self.pass_time(31.0)
        self.connect()

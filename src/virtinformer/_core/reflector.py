"""The state machine that keeps the store true to the host.

Theory of operation::

    DISCONNECTED ─Connected→ SUBSCRIBING ─Subscribed→ LISTING ─Listed→ LIVE
         ▲                        └───────────┴─Disconnected──┴──────────┘
         └─────(backoff)───── BACKOFF ◄──────────────┘

*Subscribe, then list.* Callbacks are registered before the list is taken, so a
change is either in the list or told by an event, or both.

*A list deletes nothing.* A domain that a list does not name is looked up; only
the answer that there is no such domain deletes it. So neither a list that failed
nor a partial one can do harm.

*Epochs.* Every connection has a number. When it ends the number grows, and all
that still arrives from it is dropped by that number alone.

*Resync.* In every period each domain is read again, a slice at a time, so that
changes of which libvirt tells nothing are found, and no moment is busier than
another.

What happens to a single domain is told in `tracker`.

`Reflector.receive` takes inputs and returns effects; `Reflector.deadline` says
when to call it again though nothing happened. It knows no clock: `now` is an
argument, in seconds, monotonic.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final
from uuid import UUID

import attrs

from .backoff import Backoff
from .barriers import CATCH_UP, FIRST_SYNC, Barrier, Barriers
from .chronicle import Chronicle, Transform
from .counters import Counters
from .messages import (
    Cancel,
    Connect,
    Connected,
    ConnectFailed,
    Disconnect,
    Disconnected,
    Effect,
    EventReceived,
    Input,
    List,
    Listed,
    ListFailed,
    Observed,
    ReadFailed,
    Reject,
    Require,
    Resolve,
    Start,
    Subscribe,
    Subscribed,
    Tick,
)
from .model import DeltaSource
from .narrator import Narrator
from .rota import Rota
from .store import Store
from .timetable import Timetable
from .tracker import FAILURES, RETRY, Tracker

__all__ = ["Phase", "Reflector"]

STABLE: Final = 60.0
"""A connection that lasted so many seconds makes the backoff begin anew."""

ANSWER: Final = 60.0
"""Seconds that a host may take to open a connection, or to register callbacks.

libvirt probes no connection while it is being opened: a host that went mute then
would be waited for for ever.
"""


class Phase(enum.Enum):
    """Where in its dealings with the host the reflector is, and what happens next."""

    DISCONNECTED = "disconnected"
    """Not started, or a connection is being opened: `Connected` or `ConnectFailed` comes."""
    SUBSCRIBING = "subscribing"
    """Callbacks are being registered: `Subscribed` comes."""
    LISTING = "listing"
    """The whole host is being read: `Listed` or `ListFailed` comes."""
    LIVE = "live"
    """The store follows the host."""
    BACKOFF = "backoff"
    """There is no connection; one is opened when the alarm rings."""


class _Alarm(enum.Enum):
    CONNECT = "connect"
    ANSWER = "answer"
    LIST = "list"
    COMPARE = "compare"
    SWEEP = "sweep"


@attrs.frozen
class _ListUnderWay:
    """Why and when a list was asked for, and which domains it is to read (``None``: all)."""

    cause: DeltaSource
    only: frozenset[UUID] | None
    since: float

    def covers(self, uuid: UUID) -> bool:
        return self.only is None or uuid in self.only


class Reflector:
    """Turns what a host says into a versioned store.

    Promise: given enough answers the store becomes equal to the host; what it
    holds of a domain never goes back in time; nothing is deleted that was not
    looked up and found missing; versions only grow.

    Args:
        store: what to write; nobody else may.
        resync_period: seconds in which every domain is read again; ``None`` for never.
        reorder_window: seconds for which an event may wait for its predecessor.
        transform: applied to every domain before it is stored.
        random: gives numbers from 0.0 up to 1.0, for jitter.

    Attributes:
        phase: see `Phase`.
        epoch: the number of the connection.
        connections: how many were opened so far.
        last_contact: when the host last said anything (seconds, monotonic).
        last_error: what went wrong last, if anything did.
        counters: what was counted so far.
    """

    def __init__(
        self,
        store: Store,
        *,
        resync_period: float | None,
        reorder_window: float,
        transform: Transform | None = None,
        random: Callable[[], float],
    ) -> None:
        self.phase: Phase = Phase.DISCONNECTED
        self.epoch: int = 1
        self.connections: int = 0
        self.last_contact: float | None = None
        self.last_error: Exception | None = None
        self.counters: Counters = Counters()
        self._period = resync_period
        self._random = random
        self._barriers = Barriers()
        self._rota = Rota()
        self._narrator = Narrator(
            store, Chronicle(store, transform), self._rota, self.counters, window=reorder_window
        )
        self._tracker = Tracker(
            self._narrator, self._barriers, self.counters, window=reorder_window, random=random
        )
        self._now = 0.0
        self._alarms: Timetable[_Alarm] = Timetable()
        self._backoff = Backoff()
        self._tries = 0
        self._live_since: float | None = None
        self._list: _ListUnderWay | None = None
        self._comparing: Iterator[None] | None = None
        self._owing_since: float | None = None
        self._sweep_is_due = False
        self._unswept: frozenset[UUID] = frozenset()
        self._list_failures = 0

    # ------------------------------------------------------------------ what the shell uses

    def receive(self, inputs: Iterable[Input], now: float) -> list[Effect]:
        """Take in what happened and return what is to be done about it, in order."""
        self._now = self._tracker.now = now
        for input_ in inputs:
            self._take(input_)
        for alarm in self._alarms.due(now):
            self._ring(alarm)
        self._go_on_comparing()
        self._tracker.ring()
        if self.phase is Phase.LIVE:
            self._tracker.ask_for_reads(self.epoch)
        self._let_pass()
        if self._list is None:
            self._tracker.bury()
            self._rota.tidy()
        self._note_debt()
        effects, self._tracker.effects = self._tracker.effects, []
        return effects

    def _note_debt(self) -> None:
        opening = self.phase is Phase.DISCONNECTED or self.phase is Phase.SUBSCRIBING
        if not (opening or self._list is not None or self._tracker.outstanding):
            self._owing_since = None
        elif self._owing_since is None:
            self._owing_since = self._now

    @property
    def deadline(self) -> float | None:
        """When to call `receive` again at the latest, even with no input."""
        times = (self._alarms.next, self._tracker.timetable.next)
        return min((time for time in times if time is not None), default=None)

    @property
    def connected(self) -> bool:
        """Whether there is a connection."""
        return self.phase in _CONNECTED

    @property
    def synced(self) -> bool:
        """Whether the store has caught up with the host on this connection."""
        behind = self._first or CATCH_UP in self._barriers
        return self.phase is Phase.LIVE and not behind

    @property
    def waiting_since(self) -> float | None:
        """Since when the host has owed an answer (seconds, monotonic); ``None`` if it owes none."""
        return self._owing_since

    @property
    def _first(self) -> bool:
        """Whether the host is being learned for the first time."""
        return self._narrator.first

    # ------------------------------------------------------------------ the connection

    def _take(self, input_: Input) -> None:
        arm = _TRANSITIONS.get((self.phase, type(input_)))
        if arm is not None and getattr(input_, "epoch", self.epoch) == self.epoch:
            arm(self, input_)

    def _do(self, effect: Effect) -> None:
        self._tracker.effects.append(effect)

    def _connect(self) -> None:
        self.phase = Phase.DISCONNECTED
        self._do(Connect(self.epoch))
        self._alarms.set(_Alarm.ANSWER, self._now + ANSWER)

    def _hear(self) -> None:
        self.last_contact = self._now

    def _start(self, _: Start) -> None:
        self._barriers.add(Barrier(FIRST_SYNC, -1, None))
        self._connect()

    def _connected_now(self, _: Connected) -> None:
        self._hear()
        self.connections += 1
        self.phase = Phase.SUBSCRIBING
        self._do(Subscribe(self.epoch))
        self._alarms.set(_Alarm.ANSWER, self._now + ANSWER)

    def _connect_failed(self, failed: ConnectFailed | Disconnected) -> None:
        self._back_off(failed.error)

    def _subscribed(self, _: Subscribed) -> None:
        self._hear()
        self._alarms.cancel(_Alarm.ANSWER)
        self.phase = Phase.LISTING
        self._list_host()

    def _disconnected(self, lost: Disconnected) -> None:
        if self._live_since is not None and self._now - self._live_since >= STABLE:
            self._tries = 0
        self._tracker.disconnected()
        self._back_off(lost.error)

    def _back_off(self, error: Exception) -> None:
        self._do(Disconnect(self.epoch))
        self.last_error = error
        self._live_since = self._list = self._comparing = None
        self._sweep_is_due = False
        self._list_failures = 0
        self._barriers.cancel(CATCH_UP)
        if self._first:
            self._barriers.add(Barrier(FIRST_SYNC, -1, None))
        for alarm in (_Alarm.ANSWER, _Alarm.LIST, _Alarm.SWEEP, _Alarm.COMPARE):
            self._alarms.cancel(alarm)
        # From here on whatever the old connection still says is dropped.
        self.epoch += 1
        self.phase = Phase.BACKOFF
        self._tries += 1
        delay = self._backoff.delay(self._tries, self._random)
        self._alarms.set(_Alarm.CONNECT, self._now + delay)

    def _ring(self, alarm: _Alarm) -> None:
        if alarm is _Alarm.CONNECT:
            self._connect()
        elif alarm is _Alarm.ANSWER:
            self._back_off(TimeoutError(f"the host said nothing for {ANSWER:g} s"))
        elif alarm is _Alarm.SWEEP:
            self._sweep()
        elif alarm is _Alarm.COMPARE:
            return  # it was gone on with
        elif self.phase is Phase.LISTING:
            self._list_host()

    # ------------------------------------------------------------------ domains

    def _event(self, event: EventReceived) -> None:
        self._hear()
        self._tracker.event(event)

    def _observed(self, observed: Observed) -> None:
        self._hear()
        if isinstance(observed.result, ReadFailed):
            self.last_error = observed.result.error
        self._tracker.observed(observed, self._list.cause if self._list else None)

    # ------------------------------------------------------------------ lists

    def _list_host(self) -> None:
        first = self._first
        self._begin_list(DeltaSource.INITIAL if first else DeltaSource.RELIST, None)

    def _begin_list(self, cause: DeltaSource, only: frozenset[UUID] | None) -> None:
        self._list = _ListUnderWay(cause, only, self._now)
        self._do(List(self.epoch, only))

    def _listed(self, listed: Listed) -> None:
        self._hear()
        if self._list is not None and self._comparing is None:
            self._comparing = self._compare(listed, self._list)

    def _compare(self, listed: Listed, under_way: _ListUnderWay) -> Iterator[None]:
        """What a list leads to, a stretch at a time."""
        yield from self._tracker.compare(listed, under_way.cause, under_way.covers)
        self._list = self._comparing = None
        self.counters.lists += 1
        self.counters.list_time.observe(self._now - under_way.since)
        self._list_failures = 0
        if self.phase is Phase.LISTING:
            self._go_live(listed.began)
        whole = under_way.only is None
        if whole and self._barriers.listed(listed.began, self._tracker.demand_unseen):
            self._tracker.flush()
        self._sweep_if_due()

    def _go_on_comparing(self) -> None:
        """Do one more stretch, and come back for the rest at once."""
        if self._comparing is None:
            return
        next(self._comparing, None)
        if self._comparing is not None:
            self._alarms.set(_Alarm.COMPARE, self._now)

    def _go_live(self, began: int) -> None:
        self.phase = Phase.LIVE
        self._live_since = self._now
        # What was read on an earlier connection, or for a list that failed, does not count.
        first = self._first
        unseen = self._tracker.demand_unseen(began)
        self._barriers.add(Barrier(FIRST_SYNC if first else CATCH_UP, began, unseen))
        if first:
            self._tracker.flush()
        self._wait_for_sweep()

    def _list_failed(self, failed: ListFailed) -> None:
        self._hear()
        self.last_error = failed.error
        if self._comparing is not None:
            return  # it was answered before
        self.counters.list_errors += 1
        under_way, self._list = self._list, None
        if under_way is not None and under_way.cause is DeltaSource.RESYNC:
            self._unswept = under_way.only or frozenset()  # the next slice has them, too
        else:
            self._list_again(failed.error)
        self._sweep_if_due()

    def _list_again(self, error: Exception) -> None:
        self._list_failures += 1
        if self._list_failures >= FAILURES:
            for token in self._barriers.unlistable(unread=self.phase is Phase.LISTING):
                self._do(Reject(token, error))
        delay = RETRY.delay(self._list_failures, self._random)
        self._alarms.set(_Alarm.LIST, self._now + delay)

    # ------------------------------------------------------------------ resync

    def _wait_for_sweep(self) -> None:
        if self._period is None:
            return
        # A little early, never late, and not in step with other clients of the daemon.
        pause = self._rota.pause(self._period) * (1.0 - self._random() / 10)
        self._alarms.set(_Alarm.SWEEP, self._now + pause)

    def _sweep_if_due(self) -> None:
        if self._sweep_is_due:
            self._sweep()

    def _sweep(self) -> None:
        """Read those whose turn it is."""
        self._sweep_is_due = self._list is not None
        if self._sweep_is_due or self._period is None:
            return
        turn = self._rota.next_slice(self._period, self._now)
        self._begin_list(DeltaSource.RESYNC, turn | self._unswept)
        self._unswept = frozenset()
        self._wait_for_sweep()

    # ------------------------------------------------------------------ barriers

    def _require(self, required: Require) -> None:
        if required.uuid is None:
            self._barriers.add(Barrier(required.token, required.stamp, None))
        else:
            self._barriers.add(Barrier(required.token, required.stamp, {required.uuid}))
            self._tracker.require(required.uuid, required.stamp)

    def _cancel(self, cancelled: Cancel) -> None:
        self._barriers.cancel(cancelled.token)

    def _tick(self, _: Tick) -> None:
        """Nothing happened; whatever is due is attended to anyway."""

    def _let_pass(self) -> None:
        idle = self.phase is Phase.LIVE and self._list is None
        if idle and self._barriers.need_list and _Alarm.LIST not in self._alarms:
            self._begin_list(DeltaSource.REFRESH, None)
        for token in self._barriers.passed():
            if token == FIRST_SYNC:
                self._narrator.first = False
            if token != CATCH_UP:
                self._do(Resolve(token))


_ANY: Final = tuple(Phase)
_CONNECTED: Final = (Phase.SUBSCRIBING, Phase.LISTING, Phase.LIVE)
_LISTABLE: Final = (Phase.LISTING, Phase.LIVE)

_ARMS: Final[tuple[tuple[tuple[Phase, ...], type, Callable[[Reflector, Any], None]], ...]] = (
    ((Phase.DISCONNECTED,), Start, Reflector._start),
    ((Phase.DISCONNECTED,), Connected, Reflector._connected_now),
    ((Phase.DISCONNECTED,), ConnectFailed, Reflector._connect_failed),
    # It broke before it was said to be open.
    ((Phase.DISCONNECTED,), Disconnected, Reflector._connect_failed),
    ((Phase.SUBSCRIBING,), Subscribed, Reflector._subscribed),
    (_CONNECTED, Disconnected, Reflector._disconnected),
    (_CONNECTED, EventReceived, Reflector._event),
    (_CONNECTED, Observed, Reflector._observed),
    (_LISTABLE, Listed, Reflector._listed),
    (_LISTABLE, ListFailed, Reflector._list_failed),
    (_ANY, Require, Reflector._require),
    (_ANY, Cancel, Reflector._cancel),
    (_ANY, Tick, Reflector._tick),
)

_TRANSITIONS: Final = {(phase, input_): arm for phases, input_, arm in _ARMS for phase in phases}
"""(phase, input) → what to do. A pair that is not in it cannot come from this epoch's
connection of an honest source, and changes nothing."""

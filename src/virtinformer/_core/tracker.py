"""The state machine of single domains: what came, what is asked, what is believed.

The reflector deals with the connection and with lists; the tracker deals with
each domain on its own. Its rules:

*Events are hints.* An event is never applied as state. It *touches* its domain:
the domain is dirty until a read was accepted that began after the event, and
the event waits to be told with what that read saw.

*A read is accepted only if it is newer than all that is known.* It must have
begun after the last event about its domain and after the read accepted before
it had ended. One that lost such a race is repeated. Where events come faster
than reads, every `RACES`-th read is accepted all the same, marked unsettled.

*Single flight.* At most one read of a domain is asked for at a time. All that
happens during a batch of inputs is answered by one read.

*Unknown is not gone.* A read error leaves the state as it was, and the read is
repeated. Only a look-up that finds nothing deletes a domain; and where an event
has just said that the domain exists, it is looked up a few times more. So is one
that was found neither running nor persistent, which is the moment before its end.

What is told of what was accepted, and when, is decided by the `narrator`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Final
from uuid import UUID

from .backoff import Backoff
from .barriers import Barriers
from .counters import Counters
from .lifecycle import Waiting
from .messages import (
    Deliver,
    Effect,
    EventReceived,
    Gone,
    Listed,
    Observed,
    Read,
    ReadFailed,
    Reject,
)
from .model import Change, DeltaSource, Observation
from .narrator import Narrator
from .position import position_of
from .record import Record
from .shelves import Shelves, by_uuid
from .timetable import Timetable

__all__ = ["FAILURES", "RETRY", "Tracker"]

RACES: Final = 8
"""So many reads in a row may lose against events before one is stored unsettled."""

FAILURES: Final = 5
"""After so many refusals in a row nobody is made to wait for the answer any longer."""

LOOKUPS: Final = 4
"""So often a domain that an event says exists is looked up again before it is given up."""

LOOKUP_DELAY: Final = 0.005
"""Seconds before the first further look-up; four times as long before each next one."""

STRETCH: Final = 256
"""So many domains are compared with a list before something else gets its turn."""

TOMBSTONES: Final = 1024
"""So many deleted domains are remembered, for events that come late."""

RETRY: Final = Backoff(initial=0.05, maximum=10.0)
"""How reads and lists that failed, and torn reads, are repeated."""


class Tracker:
    """Follows every domain by itself.

    Promise: what the store holds of a domain never goes back in time.

    Args:
        narrator: tells what happened, and writes the store.
        barriers: told what was read.
        counters: count what comes.
        window: seconds for which an event may wait for its predecessor.
        random: gives numbers from 0.0 up to 1.0, for jitter.

    Attributes:
        now: the time, set by the reflector before anything else (seconds, monotonic).
        effects: what is to be done; the reflector empties it.
        timetable: when a domain wants attention though nothing happens.
    """

    def __init__(
        self,
        narrator: Narrator,
        barriers: Barriers,
        counters: Counters,
        *,
        window: float,
        random: Callable[[], float],
    ) -> None:
        self.now = 0.0
        self.effects: list[Effect] = []
        self.timetable: Timetable[Record] = Timetable()
        self._narrator = narrator
        self._barriers = barriers
        self._counters = counters
        self._window = window
        self._random = random
        self._records: Shelves[UUID, Record] = Shelves(by_uuid)
        # By record, not by UUID, of which Python takes long to make a hash.
        self._asked: dict[Record, None] = {}
        # Ordered: a plain dictionary looks for its first key past all that were taken out before.
        self._tombs: OrderedDict[Record, None] = OrderedDict()
        # Those of whom something is open: never are all looked at to find them.
        self._dirty: dict[Record, None] = {}
        self._held: dict[Record, None] = {}
        self._reading: dict[Record, None] = {}

    # ------------------------------------------------------------------ what comes

    def event(self, event: EventReceived) -> None:
        """A callback told of a domain."""
        self._counters.events_received += 1
        record = self._record(event.uuid)
        record.wait_with(Waiting(event, self.now + self._window))
        record.heard = max(record.heard, event.stamp)
        self._touch(record, event.stamp, DeltaSource.EVENT)

    def observed(self, observed: Observed, list_cause: DeltaSource | None) -> None:
        """A read came back; `list_cause` says why the list was made that it is part of."""
        record = self._record(observed.uuid)
        if not observed.listed:
            self._answered(record, observed.took)
        if isinstance(observed.result, ReadFailed):
            self._read_failed(record, observed.result.error)
        elif observed.began < record.ended or self._lost_race(record, observed):
            if record.dirty:
                self._ask(record)
        elif self._is_unlikely(record, observed):
            self._look_up_again(record, observed.ended)
        else:
            if observed.listed and list_cause is not None:
                record.cause = list_cause
            self._accept(record, observed)

    def compare(
        self, listed: Listed, cause: DeltaSource, covers: Callable[[UUID], bool]
    ) -> Iterator[None]:
        """A list is through: have every domain read that it did not settle, a stretch at a time.

        Other things may happen between two stretches; what is read or forgotten meanwhile is
        settled by that.

        Args:
            listed: whom the host named.
            cause: why it was made.
            covers: whether a domain was to be read by it.
        """
        for done, uuid in enumerate(listed.present, 1):
            self._record(uuid)
            if not done % STRETCH:
                yield
        for done, record in enumerate(chain.from_iterable(self._records.by_shelf()), 1):
            if record.began < listed.began and self._is_unsettled(record, listed, covers):
                self._touch(record, listed.began, cause)
            if not done % STRETCH:
                yield

    def _is_unsettled(self, record: Record, listed: Listed, covers: Callable[[UUID], bool]) -> bool:
        if record.uuid in listed.present:
            return not record.known or covers(record.uuid)
        return record.exists

    def require(self, uuid: UUID, stamp: int) -> None:
        """Somebody waits for a read of a domain that begins after a stamp."""
        record = self._record(uuid)
        self._touch(record, stamp, DeltaSource.REFRESH)
        if self._barriers.seen(uuid, record.began):
            self._settle(record, flush=True)

    def ring(self) -> None:
        """Attend to every domain whose time has come."""
        for record in self.timetable.due(self.now):
            if record.dirty and record.retry is not None and record.retry <= self.now:
                self._ask(record)
            else:
                self._settle(record, flush=False)

    def disconnected(self) -> None:
        """No read that was asked for will be answered; ask again, later."""
        cut_off, self._reading = self._reading, {}
        for record in cut_off:
            record.reading = False
            self._ask(record)

    # ------------------------------------------------------------------ what is wanted

    def ask_for_reads(self, epoch: int) -> None:
        """Have every dirty domain read that is not being read, if it need not wait."""
        asked, self._asked = self._asked, {}
        for record in asked:
            if record.dirty and not record.reading:
                record.reading = True
                self._reading[record] = None
                self.effects.append(Read(epoch, record.uuid, record.touched))

    @property
    def outstanding(self) -> int:
        """How many reads the host has not answered."""
        return len(self._reading)

    def demand_unseen(self, stamp: int) -> set[UUID]:
        """The domains that are to be read and were not, since a stamp; now they will be."""
        unseen = [record for record in self._dirty if record.began <= stamp]
        for record in unseen:
            # The read that is under way may have begun before: then it is not the one.
            record.touched = max(record.touched, stamp)
        return {record.uuid for record in unseen}

    def flush(self) -> None:
        """Store what was read and is held back for an event."""
        for record in tuple(self._held):
            self._settle(record, flush=True)

    def bury(self) -> None:
        """Forget the domains that have been gone the longest.

        Not while a list is under way: it may hold an old observation of one of
        them, which must not resurrect it.
        """
        while len(self._tombs) > TOMBSTONES:
            oldest, _ = self._tombs.popitem(last=False)
            del self._records[oldest.uuid]

    # ------------------------------------------------------------------ reads

    def _touch(self, record: Record, stamp: int, cause: DeltaSource) -> None:
        record.touch(stamp, cause)
        self._ask(record)

    def _ask(self, record: Record) -> None:
        record.retry = None
        self._asked[record] = None
        self._schedule(record)

    def _answered(self, record: Record, took: float | None) -> None:
        self._counters.reads += 1
        if took is not None:
            self._counters.read_time.observe(took)
        if record.reading:
            record.reading = False
            del self._reading[record]

    def _lost_race(self, record: Record, observed: Observed) -> bool:
        """Whether an event came since the read began, and it is to be repeated."""
        if observed.began > record.heard:
            return False
        self._counters.reads_raced += 1
        if observed.listed or observed.began <= record.overtaken:
            return True  # it began before the race that was counted last: that is the same race
        record.overtaken = record.heard
        record.raced += 1
        if record.raced < RACES:
            return True
        if isinstance(observed.result, Gone):
            # Unlike a state, a deletion cannot be marked as unsettled. The events need not wait.
            record.raced = 0
            self._tell(self._narrator.tell_without_reading(record, self.now))
            return True
        return False

    def _is_unlikely(self, record: Record, observed: Observed) -> bool:
        """Whether an answer will soon be another one, and was given for the first times."""
        if record.lookups >= LOOKUPS:
            return False
        if isinstance(observed.result, Gone):
            return record.is_told_to_exist()
        if not isinstance(observed.result, Observation) or observed.result.persistent:
            return False
        # Neither running nor persistent: a transient domain about to go, of which no event tells.
        return position_of(observed.result).absent

    def _look_up_again(self, record: Record, ended: int) -> None:
        record.touched = max(record.touched, ended)
        record.retry = self.now + LOOKUP_DELAY * 4.0**record.lookups
        record.lookups += 1
        self._counters.lookups_repeated += 1
        self._schedule(record)

    def _accept(self, record: Record, observed: Observed) -> None:
        result = observed.result
        if self._narrator.is_no_news(record, result):
            self._note_unchanged(record, observed)
            return
        if record.is_about_to_go and isinstance(result, Observation):
            # It was gone in between: that is told, and not only that it looks different now.
            self._settle(record, flush=True)
        if record.owes_an_end and isinstance(result, Observation):
            self._tell(self._narrator.end_last_life(record, observed.began, self.now))
        record.accept(observed)
        if isinstance(result, Observation) and not result.settled:
            self._read_settled_later(record)
        else:
            record.torn = 0
        waited_for = self._barriers.seen(record.uuid, observed.began)
        self._settle(record, flush=waited_for)
        if record.dirty and record.retry is None:
            self._ask(record)

    def _note_unchanged(self, record: Record, observed: Observed) -> None:
        """What a read leads to that changes nothing: most do, and a resync makes thousands."""
        record.accept(observed)
        record.accepted = None
        self._barriers.seen(record.uuid, observed.began)
        if record.dirty:
            self._ask(record)
        else:
            self._schedule(record)

    def _read_settled_later(self, record: Record) -> None:
        self._counters.reads_torn += 1
        record.torn += 1
        record.touched = max(record.touched, record.ended)
        record.retry = self.now + RETRY.delay(record.torn, self._random)

    def _read_failed(self, record: Record, error: Exception) -> None:
        self._counters.read_errors += 1
        record.failed += 1
        if record.failed >= FAILURES:
            self._tell(self._narrator.tell_without_reading(record, self.now))
            self.effects.extend(
                Reject(token, error) for token in self._barriers.unreadable(record.uuid)
            )
        record.retry = self.now + RETRY.delay(record.failed, self._random)
        self._schedule(record)

    # ------------------------------------------------------------------ the registers

    def _record(self, uuid: UUID) -> Record:
        record = self._records.get(uuid)
        if record is None:
            record = self._records[uuid] = Record(uuid)
        return record

    def _settle(self, record: Record, *, flush: bool) -> None:
        self._tell(self._narrator.settle(record, self.now, flush=flush))
        self._schedule(record)

    def _tell(self, change: Change | None) -> None:
        if change is not None:
            self.effects.append(Deliver(change))

    def _schedule(self, record: Record) -> None:
        """Enter it in the registers of what is open, and see that it is attended to in time."""
        due = record.due
        if due is None:
            self.timetable.cancel(record)
        else:
            self.timetable.set(record, due)
        # Whoever belongs in a register stays there: to go and come again makes it grow.
        if record.dirty:
            self._dirty[record] = None
        else:
            self._dirty.pop(record, None)
        if record.accepted is not None:
            self._held[record] = None
        else:
            self._held.pop(record, None)
        self._tombs.pop(record, None)
        if not record.known and record.idle:
            self._tombs[record] = None

"""The state machine of single domains: what came, what is asked, what is told.

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

*Life cycle in order.* What is told, and when, is decided by `lifecycle`. While
an event is held for its predecessor, the state read with it is held as well, so
that one change of the host is one delta; but not longer than the window. Where
the end of a life is in the store already, because somebody waited for it, its
events may follow; but not later than the next life under that UUID begins.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Final
from uuid import UUID

import attrs

from .backoff import Backoff
from .barriers import Barriers
from .chronicle import Chronicle, Scene
from .counters import Counters
from .lifecycle import Arrangement, Step, Waiting, arrange
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
from .model import DeltaSource, Domain, Observation, evolved
from .position import ABSENT, Position, led_to, position_of
from .record import Record
from .shelves import Shelves, by_uuid
from .store import Store
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

    Promise: what the store holds of a domain never goes back in time, and each
    event is told once, in the order of the life cycle, or counted as superseded.

    Args:
        store: read here; written through the chronicle.
        chronicle: writes the store and numbers the changes.
        barriers: told what was read.
        window: seconds for which an event may wait for its predecessor.
        random: gives numbers from 0.0 up to 1.0, for jitter.

    Attributes:
        now: the time, set by the reflector before anything else (seconds, monotonic).
        effects: what is to be done; the reflector empties it.
        first: whether the host is being learned for the first time.
    """

    def __init__(
        self,
        store: Store,
        chronicle: Chronicle,
        barriers: Barriers,
        *,
        window: float,
        random: Callable[[], float],
    ) -> None:
        self.now = 0.0
        self.effects: list[Effect] = []
        self.first = True
        self.counters = Counters()
        self.timetable: Timetable[Record] = Timetable()
        self._store = store
        self._chronicle = chronicle
        self._barriers = barriers
        self._window = window
        self._random = random
        self._records: Shelves[UUID, Record] = Shelves(by_uuid)
        # Whoever is known, and some who are no more: those are left out when it is their turn.
        self._rota: deque[Record] = deque()
        self._known = 0
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
        self.counters.events_received += 1
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

    @property
    def known(self) -> int:
        """How many domains are in the store."""
        return self._known

    def take_turns(self, count: int, overdue: float) -> frozenset[UUID]:
        """The domains of the store whose turn was the longest ago.

        Args:
            count: at least so many, if there are.
            overdue: and all whose last turn was before this time.
        """
        turn: list[Record] = []
        while self._rota and (len(turn) < count or self._rota[0].turn < overdue):
            record = self._rota.popleft()
            record.in_rota = record.known
            if record.known:
                turn.append(record)
        for record in turn:
            record.turn = self.now
        self._rota.extend(turn)
        return frozenset(record.uuid for record in turn)

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
        if len(self._rota) > 2 * self._known + TOMBSTONES:
            self._rota = deque(record for record in self._rota if self._stays(record))

    @staticmethod
    def _stays(record: Record) -> bool:
        record.in_rota = record.known
        return record.known

    # ------------------------------------------------------------------ reads

    def _touch(self, record: Record, stamp: int, cause: DeltaSource) -> None:
        record.touch(stamp, cause)
        self._ask(record)

    def _ask(self, record: Record) -> None:
        record.retry = None
        self._asked[record] = None
        self._schedule(record)

    def _answered(self, record: Record, took: float | None) -> None:
        self.counters.reads += 1
        if took is not None:
            self.counters.read_time.observe(took)
        if record.reading:
            record.reading = False
            del self._reading[record]

    def _lost_race(self, record: Record, observed: Observed) -> bool:
        """Whether an event came since the read began, and it is to be repeated."""
        if observed.began > record.heard:
            return False
        self.counters.reads_raced += 1
        if observed.listed or observed.began <= record.overtaken:
            return True  # it began before the race that was counted last: that is the same race
        record.overtaken = record.heard
        record.raced += 1
        if record.raced < RACES:
            return True
        if isinstance(observed.result, Gone):
            # Unlike a state, a deletion cannot be marked as unsettled. The events need not wait.
            record.raced = 0
            self._tell_without_reading(record)
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
        self.counters.lookups_repeated += 1
        self._schedule(record)

    def _accept(self, record: Record, observed: Observed) -> None:
        result = observed.result
        if self._is_no_news(record, result):
            self._note_unchanged(record, observed)
            return
        if record.is_about_to_go and isinstance(result, Observation):
            # It was gone in between: that is told, and not only that it looks different now.
            self._settle(record, flush=True)
        if record.owes_an_end and isinstance(result, Observation):
            self._end_last_life(record, observed.began)
        record.accept(observed)
        if isinstance(result, Observation) and not result.settled:
            self._read_settled_later(record)
        else:
            record.torn = 0
        waited_for = self._barriers.seen(record.uuid, observed.began)
        self._settle(record, flush=waited_for)
        if record.dirty and record.retry is None:
            self._ask(record)

    def _is_no_news(self, record: Record, result: Observation | Gone | ReadFailed) -> bool:
        """Whether a read saw what is in the store already, and nothing is open."""
        quiet = not record.waiting and record.expected is None and record.accepted is None
        return quiet and record.known and self._chronicle.holds(record.uuid, result)

    def _note_unchanged(self, record: Record, observed: Observed) -> None:
        """What a read leads to that changes nothing: most do, and a resync makes thousands."""
        record.accept(observed)
        record.accepted = None
        record.torn = 0
        self._barriers.seen(record.uuid, observed.began)
        if record.dirty:
            self._ask(record)
        else:
            self._schedule(record)

    def _end_last_life(self, record: Record, began: int) -> None:
        """Its deletion is stored, and it is there again: what is told of the end comes first."""
        words = record.last_words(began)
        record.waiting = record.waiting[len(words) :]
        found = arrange(record.position, words, ABSENT, float("inf"), conclude=True)
        record.position = found.position
        self.counters.events_superseded += len(found.superseded)
        self._commit(record, None, found.steps)

    def _read_settled_later(self, record: Record) -> None:
        self.counters.reads_torn += 1
        record.torn += 1
        record.touched = max(record.touched, record.ended)
        record.retry = self.now + RETRY.delay(record.torn, self._random)

    def _read_failed(self, record: Record, error: Exception) -> None:
        self.counters.read_errors += 1
        record.failed += 1
        if record.failed >= FAILURES:
            self._tell_without_reading(record)
            self.effects.extend(
                Reject(token, error) for token in self._barriers.unreadable(record.uuid)
            )
        record.retry = self.now + RETRY.delay(record.failed, self._random)
        self._schedule(record)

    # ------------------------------------------------------------------ telling

    def _record(self, uuid: UUID) -> Record:
        record = self._records.get(uuid)
        if record is None:
            record = self._records[uuid] = Record(uuid)
        return record

    def _settle(self, record: Record, *, flush: bool) -> None:
        """Tell what can be told of a domain, and store what was read, if that need not wait."""
        content = self._content(record)
        seen = position_of(content)
        if self.first and record.accepted is not None and not record.known:
            self._begin_in_the_middle(record, content)
        conclude = self._is_concluded(record)
        found = self._arrange(record, seen, conclude=conclude)
        record.position = found.position
        record.waiting = [*found.held, *record.not_answered_by(record.began)] or ()
        self.counters.events_superseded += len(found.superseded)
        if flush or found.steps or not found.held or record.accepted is None:
            self._commit(record, content, found.steps)
        explained = bool(record.waiting) or conclude or record.position.agrees(seen)
        record.expected = None if explained else record.expected or self.now + self._window
        self._schedule(record)

    def _arrange(self, record: Record, seen: Position, *, conclude: bool) -> Arrangement:
        """The shortest story, or, if it leaves less out, the one that leads past what was shown."""
        answered = record.answered_by(record.began)
        found = arrange(record.position, answered, seen, self.now, conclude=conclude)
        shown = self._store.get(record.uuid) if found.superseded else None
        if shown is None or not shown.settled:
            return found
        there = arrange(record.position, (), position_of(shown), self.now, conclude=True)
        rest = arrange(there.position, answered, seen, self.now, conclude=conclude)
        if len(rest.superseded) >= len(found.superseded):
            return found
        return attrs.evolve(rest, steps=(*there.steps, *rest.steps))

    def _begin_in_the_middle(self, record: Record, content: Observation | Domain | None) -> None:
        """A domain found by the first list has a past that nobody was told; begin where it is."""
        if content is not None:
            record.position = position_of(content)
            record.waiting = record.not_answered_by(record.began) or ()

    def _is_concluded(self, record: Record) -> bool:
        """Whether events that would explain the state are lost, and not just late."""
        if record.cause is DeltaSource.RELIST and not record.waiting:
            return True  # those of the gap will not come
        return record.expected is not None and record.expected <= self.now

    def _content(self, record: Record) -> Observation | Domain | None:
        if record.accepted is None:
            return self._store.get(record.uuid)
        result = record.accepted.result
        if not isinstance(result, Observation):
            return None
        # Stored though an event has come since: another read is on its way.
        return evolved(result, settled=False) if record.is_overtaken else result

    def _tell_without_reading(self, record: Record) -> None:
        """The host refuses to say: let the events go with the last that is known."""
        content = self._content(record)
        if content is not None:
            content = evolved(content, settled=False)
        events = (item.event for item in record.waiting)
        found = arrange(
            record.position,
            record.waiting,
            led_to(record.position, events),
            float("inf"),
            conclude=False,
        )
        record.position, record.waiting = found.position, ()
        self.counters.events_superseded += len(found.superseded)
        self._commit(record, content, found.steps)

    def _commit(
        self,
        record: Record,
        content: Observation | Domain | None,
        steps: tuple[Step, ...],
    ) -> None:
        source = record.cause
        if self.first:
            source = DeltaSource.INITIAL
        elif any(step.event is not None for step in steps):
            source = DeltaSource.EVENT
        record.accepted = None
        self._note_known(record, content is not None)
        scene = Scene(record.uuid, content, record.time, steps, source, record.last)
        change = self._chronicle.tell(scene)
        if change is not None:
            self.effects.append(Deliver(change))
            self.counters.told(change, source)
        if content is not None:
            record.last = None
        elif change is not None:
            record.last = change.delta.domain if change.delta else change.events[-1].domain

    def _note_known(self, record: Record, known: bool) -> None:
        self._known += known - record.known
        record.known = known
        if known and not record.in_rota:
            record.in_rota, record.turn = True, self.now
            self._rota.append(record)

    def _schedule(self, record: Record) -> None:
        """Enter it in the registers of what is open, and see that it is attended to in time."""
        due = record.due
        if due is None:
            self.timetable.cancel(record)
        else:
            self.timetable.set(record, due)
        self._tombs.pop(record, None)
        self._dirty.pop(record, None)
        self._held.pop(record, None)
        if record.idle:
            if not record.known:
                self._tombs[record] = None
            return
        if record.dirty:
            self._dirty[record] = None
        if record.accepted is not None:
            self._held[record] = None

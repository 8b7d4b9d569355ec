"""What is told of a domain, and when.

Events come late and out of order, and so do the reads that show what they did. What is told of
a domain is a walk through its life cycle, put in order by `lifecycle`, that leads to what was
read; and what was read is stored with the steps that led there.

While an event is held for its predecessor, the state read with it is held as well, so that one
change of the host is one delta; but not longer than the window. Where the end of a life is in
the store already, because somebody waited for it, its events may follow; but not later than the
next life under that UUID begins.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from .chronicle import Chronicle, Scene
from .counters import Counters
from .lifecycle import Arrangement, Step, arrange
from .messages import Gone, ReadFailed
from .model import Change, DeltaSource, Domain, Observation, evolved
from .position import ABSENT, Position, led_to, position_of
from .record import Record
from .rota import Rota
from .store import Store

__all__ = ["Narrator"]


class Narrator:
    """Tells the story of each domain, as far as it is known.

    Promise: each event is told once, in the order of the life cycle, or counted as superseded.

    Args:
        store: read here; written through the chronicle.
        chronicle: writes the store and numbers the changes.
        rota: told who is in the store.
        counters: count what is told.
        window: seconds for which a state may wait for the event that explains it.

    Attributes:
        first: whether the host is being learned for the first time.
    """

    def __init__(
        self,
        store: Store,
        chronicle: Chronicle,
        rota: Rota,
        counters: Counters,
        *,
        window: float,
    ) -> None:
        self.first = True
        self._store = store
        self._chronicle = chronicle
        self._rota = rota
        self._counters = counters
        self._window = window

    def is_no_news(self, record: Record, result: Observation | Gone | ReadFailed) -> bool:
        """Whether a read saw what is in the store already, and nothing is open."""
        quiet = not record.waiting and record.expected is None and record.accepted is None
        return quiet and record.known and self._chronicle.holds(record.uuid, result)

    def settle(self, record: Record, now: float, *, flush: bool) -> Change | None:
        """Tell what can be told of a domain, and store what was read, if that need not wait.

        Args:
            record: of that domain.
            now: seconds, monotonic.
            flush: whether it must not wait.

        Returns:
            What subscribers are to hear, if anything; the store has it already.
        """
        change = None
        content = self._content(record)
        seen = position_of(content)
        if self.first and record.accepted is not None and not record.known:
            self._begin_in_the_middle(record, content)
        conclude = self._is_concluded(record, now)
        found = self._arrange(record, seen, now, conclude=conclude)
        record.position = found.position
        record.waiting = [*found.held, *record.not_answered_by(record.began)] or ()
        self._counters.events_superseded += len(found.superseded)
        if flush or found.steps or not found.held or record.accepted is None:
            change = self._commit(record, content, found.steps, now)
        explained = bool(record.waiting) or conclude or record.position.agrees(seen)
        record.expected = None if explained else record.expected or now + self._window
        return change

    def end_last_life(self, record: Record, began: int, now: float) -> Change | None:
        """Its deletion is stored, and it is there again: what is told of the end comes first.

        Args:
            record: of that domain.
            began: stamp of the read that found it again.
            now: seconds, monotonic.

        Returns:
            As `settle`.
        """
        words = record.last_words(began)
        record.waiting = record.waiting[len(words) :]
        found = arrange(record.position, words, ABSENT, float("inf"), conclude=True)
        record.position = found.position
        self._counters.events_superseded += len(found.superseded)
        return self._commit(record, None, found.steps, now)

    def tell_without_reading(self, record: Record, now: float) -> Change | None:
        """The host refuses to say: let the events go with the last that is known.

        Args:
            record: of that domain.
            now: seconds, monotonic.

        Returns:
            As `settle`.
        """
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
        self._counters.events_superseded += len(found.superseded)
        return self._commit(record, content, found.steps, now)

    def _arrange(
        self, record: Record, seen: Position, now: float, *, conclude: bool
    ) -> Arrangement:
        """The shortest story, or, if it leaves less out, the one that leads past what was shown."""
        answered = record.answered_by(record.began)
        found = arrange(record.position, answered, seen, now, conclude=conclude)
        shown = self._store.get(record.uuid) if found.superseded else None
        if shown is None or not shown.settled:
            return found
        there = arrange(record.position, (), position_of(shown), now, conclude=True)
        rest = arrange(there.position, answered, seen, now, conclude=conclude)
        if len(rest.superseded) >= len(found.superseded):
            return found
        return attrs.evolve(rest, steps=(*there.steps, *rest.steps))

    def _begin_in_the_middle(self, record: Record, content: Observation | Domain | None) -> None:
        """A domain found by the first list has a past that nobody was told; begin where it is."""
        if content is not None:
            record.position = position_of(content)
            record.waiting = record.not_answered_by(record.began) or ()

    def _is_concluded(self, record: Record, now: float) -> bool:
        """Whether events that would explain the state are lost, and not just late."""
        if record.cause is DeltaSource.RELIST and not record.waiting:
            return True  # those of the gap will not come
        return record.expected is not None and record.expected <= now

    def _content(self, record: Record) -> Observation | Domain | None:
        if record.accepted is None:
            return self._store.get(record.uuid)
        result = record.accepted.result
        if not isinstance(result, Observation):
            return None
        # Stored though an event has come since: another read is on its way.
        return evolved(result, settled=False) if record.is_overtaken else result

    def _commit(
        self,
        record: Record,
        content: Observation | Domain | None,
        steps: Sequence[Step],
        now: float,
    ) -> Change | None:
        source = record.cause
        if self.first:
            source = DeltaSource.INITIAL
        elif any(step.event is not None for step in steps):
            source = DeltaSource.EVENT
        record.accepted = None
        self._rota.note(record, known=content is not None, now=now)
        scene = Scene(record.uuid, content, record.time, steps, source, record.last)
        change = self._chronicle.tell(scene)
        if change is not None:
            self._counters.told(change, source)
        if content is not None:
            record.last = None
        elif change is not None:
            record.last = change.delta.domain if change.delta else change.events[-1].domain
        return change

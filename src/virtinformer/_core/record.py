"""What the reflector remembers of one domain."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from uuid import UUID

import attrs

from .lifecycle import Waiting
from .messages import Observed
from .model import DeltaSource, Domain, Observation
from .position import ABSENT, Position
from .vocabulary import LifecycleType

__all__ = ["Record"]

_PRESENCE = frozenset(
    {
        LifecycleType.DEFINED,
        LifecycleType.STARTED,
        LifecycleType.RESUMED,
        LifecycleType.SUSPENDED,
        LifecycleType.PMSUSPENDED,
    }
)
"""Events that a domain can only send while it exists."""


@attrs.define(eq=False)
class Record:
    """One domain in the eyes of the reflector.

    Attributes:
        known: whether the store has it.
        last: the last that was known of it, once it is gone.
        position: where the events told so far have led.
        waiting: events that came and were not told, in the order of arrival.
        touched: stamp of the newest reason to read it.
        heard: stamp of the newest event.
        began, ended: stamps of the read that was accepted last.
        accepted: what that read saw, while it is not in the store yet.
        time: when that read ended, seconds since 1970.
        reading: whether a read was asked for and not answered.
        cause: why it was asked for.
        raced: reads in a row that an event made worthless.
        overtaken: `heard` when the last of them came back.
        failed: reads in a row that the host refused.
        torn: reads in a row that the source could not settle.
        lookups: look-ups in a row that did not find what an event says exists.
        expected: until when the event that explains the state may still come
            (seconds, monotonic); ``None`` if the events told explain it.
        in_rota, turn: whether it waits to be read in its turn, and when it last was
            (seconds, monotonic).
        retry: when to read it again (seconds, monotonic), if not at once.
    """

    uuid: UUID
    known: bool = False
    last: Domain | None = None
    position: Position = ABSENT
    waiting: Sequence[Waiting] = ()  # of most there is none: those share one
    touched: int = -1
    heard: int = -1
    began: int = -1
    ended: int = -1
    accepted: Observed | None = None
    time: float = 0.0
    reading: bool = False
    cause: DeltaSource = DeltaSource.EVENT
    raced: int = 0
    overtaken: int = -1
    failed: int = 0
    torn: int = 0
    lookups: int = 0
    expected: float | None = None
    in_rota: bool = False
    turn: float = 0.0
    retry: float | None = None

    @property
    def dirty(self) -> bool:
        """Whether something happened that no accepted read has seen."""
        return self.touched > self.began

    @property
    def exists(self) -> bool:
        """Whether it was there when it was last read, in the store or on the way there."""
        if self.accepted is not None:
            return isinstance(self.accepted.result, Observation)
        return self.known

    @property
    def is_about_to_go(self) -> bool:
        """Whether it is in the store still, and was not there when it was last read."""
        return self.known and not self.exists

    @property
    def owes_an_end(self) -> bool:
        """Whether it was in the store, is no more, and that was not told to the end."""
        was_there = self.last is not None and self.last.generation > 0
        return was_there and not self.known and not self.position.absent

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        busy = self.dirty or self.reading or self.waiting or self.accepted is not None
        return not busy and self.expected is None

    @property
    def is_overtaken(self) -> bool:
        """Whether an event came since the read began that was accepted last."""
        return self.heard > self.began

    def wait_with(self, item: Waiting) -> None:
        """Take in an event that came."""
        if isinstance(self.waiting, list):
            self.waiting.append(item)
        else:
            self.waiting = [*self.waiting, item]

    def touch(self, stamp: int, cause: DeltaSource) -> None:
        """Note a reason to read it."""
        if stamp > self.touched:
            self.touched = stamp
        if not self.reading:
            self.cause = cause
            self.retry = None

    def accept(self, observed: Observed) -> None:
        """Take a read for the truth, to be stored next."""
        self.began, self.ended, self.time = observed.began, observed.ended, observed.time
        self.accepted = observed
        self.raced = self.failed = self.lookups = 0

    def is_told_to_exist(self) -> bool:
        """Whether the last life-cycle event that waits could only come from a living domain."""
        for item in reversed(self.waiting):
            if item.event.is_lifecycle:
                return item.event.type in _PRESENCE
        return False

    def answered_by(self, began: int) -> list[Waiting]:
        """The waiting events that a read begun at a stamp has seen the effect of."""
        return [item for item in self.waiting if item.event.stamp < began]

    def last_words(self, began: int) -> list[Waiting]:
        """The first of the waiting events: those of a life that was found to be over.

        Args:
            began: stamp of the read that found the next one.
        """
        return list(takewhile(lambda item: self._is_of_the_last_life(item, began), self.waiting))

    def _is_of_the_last_life(self, item: Waiting, began: int) -> bool:
        event = item.event
        if event.stamp < self.began:
            return True  # it came before the look-up that found nothing
        return event.stamp < began and not (event.is_lifecycle and event.type in _PRESENCE)

    def not_answered_by(self, began: int) -> list[Waiting]:
        """The waiting events that came after a read began."""
        return [item for item in self.waiting if item.event.stamp > began]

    @property
    def due(self) -> float | None:
        """When it wants attention without anybody's asking (seconds, monotonic)."""
        if not self.waiting and self.expected is None:
            return self.retry if self.dirty else None
        times = [self.retry] if self.dirty else []
        # An event that no read has answered yet may be the predecessor that the others wait for.
        if not self.waiting or self.waiting[-1].event.stamp < self.began:
            times += [self.waiting[0].deadline if self.waiting else None, self.expected]
        return min((when for when in times if when is not None), default=None)

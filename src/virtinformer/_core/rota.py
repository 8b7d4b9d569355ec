"""Whose turn it is to be read again.

In every period each domain is read once, a slice of them at a time, so that changes of which
libvirt tells nothing are found, and no moment is busier than another. Who was read the longest
ago comes first; one that is new has just been read, and comes last.
"""

from __future__ import annotations

from collections import deque
from typing import Final
from uuid import UUID

from .record import Record

__all__ = ["Rota"]

SLICE: Final = 128
"""A slice has about so many domains …"""

SLICES: Final = 12
"""… but there are at most so many slices in a period, …"""

LARGEST: Final = 2048
"""… unless they would be larger than this: they, too, are put together in one go."""

SLACK: Final = 1024
"""So many who are known no more are never worth a clean-up."""


class Rota:
    """Who is known, in the order of their turns.

    Attributes:
        known: how many domains are in the store.
    """

    def __init__(self) -> None:
        self.known = 0
        # Whoever is known, and some who are no more: those are left out when it is their turn.
        self._line: deque[Record] = deque()

    def note(self, record: Record, *, known: bool, now: float) -> None:
        """A domain is in the store, or is not.

        Args:
            record: of that domain.
            known: whether it is.
            now: seconds, monotonic.
        """
        self.known += known - record.known
        record.known = known
        if known and not record.in_rota:
            record.in_rota, record.turn = True, now
            self._line.append(record)

    def pause(self, period: float) -> float:
        """Seconds between two slices, if everybody is to be read in a period (seconds)."""
        return period / max(1, min(SLICES, -(-self.known // SLICE)), -(-self.known // LARGEST))

    def next_slice(self, period: float, now: float) -> frozenset[UUID]:
        """Who is to be read now: a slice, and whoever else would be overdue by the next one."""
        pause = self.pause(period)
        count = int(-(-self.known * pause // period))
        turn: list[Record] = []
        while self._line and (len(turn) < count or self._line[0].turn < now + pause - period):
            record = self._line.popleft()
            record.in_rota = record.known
            if record.known:
                turn.append(record)
        for record in turn:
            record.turn = now
        self._line.extend(turn)
        return frozenset(record.uuid for record in turn)

    def tidy(self) -> None:
        """Leave out those who are known no more, once there are too many of them."""
        if len(self._line) > 2 * self.known + SLACK:
            self._line = deque(record for record in self._line if _stays(record))


def _stays(record: Record) -> bool:
    record.in_rota = record.known
    return record.known

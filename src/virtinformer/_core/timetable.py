"""When something is due, without a clock: the time is always an argument."""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterator
from typing import Final, Generic, TypeVar

__all__ = ["Timetable"]

K = TypeVar("K", bound=Hashable)

STALE: Final = 64
"""So many entries that mean nothing any more are never worth a clean-up."""


class Timetable(Generic[K]):
    """At most one appointment a key.

    An appointment that was moved or cancelled leaves its entry in the heap and
    is passed over when it comes up. Where such entries become the greater part
    they are thrown away: appointments far ahead that are moved again and again
    do not pile up.
    """

    def __init__(self) -> None:
        self._when: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._count = 0

    def set(self, key: K, when: float) -> None:
        """Make or move the appointment of `key`."""
        if self._when.get(key) == when:
            return
        self._when[key] = when
        self._count += 1
        # The count keeps keys that cannot be ordered from being compared.
        heapq.heappush(self._heap, (when, self._count, key))
        if len(self._heap) > 2 * len(self._when) + STALE:
            self._clean()

    def cancel(self, key: K) -> None:
        """Forget the appointment of `key`, if it has one."""
        self._when.pop(key, None)

    def when(self, key: K) -> float | None:
        """The time of the appointment of `key`, if it has one."""
        return self._when.get(key)

    def __contains__(self, key: K) -> bool:
        return key in self._when

    def __len__(self) -> int:
        """How many appointments there are."""
        return len(self._when)

    @property
    def next(self) -> float | None:
        """The time of the earliest appointment."""
        while self._heap and self._when.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def overdue(self, now: float) -> int:
        """How many keys there are whose time has come and that were not taken out yet."""
        return sum(when <= now for when in list(self._when.values()))

    def due(self, now: float) -> Iterator[K]:
        """Take out the keys whose time has come, the earliest first."""
        while (when := self.next) is not None and when <= now:
            key = heapq.heappop(self._heap)[2]
            del self._when[key]
            yield key

    def _clean(self) -> None:
        entries: dict[K, tuple[float, int, K]] = {}
        for entry in sorted(self._heap):
            if self._when.get(entry[2]) == entry[0]:
                entries.setdefault(entry[2], entry)
        self._heap = list(entries.values())  # sorted, and therefore a heap

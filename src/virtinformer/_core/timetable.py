"""When something is due, without a clock: the time is always an argument."""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

__all__ = ["Timetable"]

K = TypeVar("K", bound=Hashable)


class Timetable(Generic[K]):
    """At most one appointment a key.

    An appointment that was moved or cancelled leaves its entry in the heap and
    is passed over when it comes up.
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

    def cancel(self, key: K) -> None:
        """Forget the appointment of `key`, if it has one."""
        self._when.pop(key, None)

    def __contains__(self, key: K) -> bool:
        return key in self._when

    @property
    def next(self) -> float | None:
        """The time of the earliest appointment."""
        while self._heap and self._when.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def due(self, now: float) -> Iterator[K]:
        """Take out the keys whose time has come, the earliest first."""
        while (when := self.next) is not None and when <= now:
            key = heapq.heappop(self._heap)[2]
            del self._when[key]
            yield key

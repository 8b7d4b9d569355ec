"""A queue from whose middle can be taken, for subscribers very far behind.

Each entry has a place in the line. What is taken out leaves it there, empty; so nothing ever
has to be moved. Empty places are passed over at the front, and cleared from the rest a few at
a time whenever there are more of them than entries. An `OrderedDict` does the same with less,
but is rebuilt at once when it grows: at 50,000 entries that takes longer than an event loop may
be kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

import attrs

from .shelves import Shelves, itself

__all__ = ["Lineup"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

CLEARED: Final = 2
"""So many places are looked at for each entry that is put in: more than it can leave empty."""

SLACK: Final = 64
"""So many empty places are never worth a look."""

PASSED: Final = 256
"""So many are passed over at the front before something else gets its turn."""


@attrs.define(eq=False)
class _Place(Generic[K, V]):
    """Where an entry stands; `entry` is ``None`` once it stands there no longer."""

    entry: tuple[K, V] | None


class Lineup(Generic[K, V]):
    """At most one entry a key, in the order in which they were put in.

    Promise: whatever is asked takes the same time however many entries there are, and
    there are never much more places than three times the most entries there have been.
    """

    __slots__ = ("_line", "_looked_at", "_places")

    def __init__(self) -> None:
        self._places: Shelves[K, _Place[K, V]] = Shelves(itself)
        # The line is both: places that were looked at, and behind them those that were not yet.
        self._looked_at: deque[_Place[K, V]] = deque()
        self._line: deque[_Place[K, V]] = deque()

    def __len__(self) -> int:
        return len(self._places)

    def put(self, key: K, value: V) -> None:
        """Let this be the last entry. One of its key that is there has to be taken out first."""
        place = self._places[key] = _Place((key, value))
        self._line.append(place)
        self._clear_some()

    def take(self, key: K) -> V | None:
        """Take out the entry of a key, if it has one."""
        place = self._places.pop(key)
        if place is None or place.entry is None:
            return None
        _, value = place.entry
        place.entry = None
        return value

    def pass_over(self) -> bool:
        """Give up empty places at the front, but not too many; whether there may be more."""
        for _ in range(PASSED):
            line = self._looked_at or self._line
            if not line or line[0].entry is not None:
                return False
            line.popleft()
        return True

    @property
    def first(self) -> tuple[K, V] | None:
        """The first entry and its key, when all empty places before it were passed over."""
        line = self._looked_at or self._line
        return line[0].entry if line else None

    def _clear_some(self) -> None:
        places = len(self._looked_at) + len(self._line)
        if places <= 2 * len(self._places) + SLACK:
            return
        for _ in range(CLEARED):
            if not self._line:
                self._line, self._looked_at = self._looked_at, self._line
            place = self._line.popleft()
            if place.entry is not None:
                self._looked_at.append(place)

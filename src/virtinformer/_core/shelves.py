"""A dictionary in parts, for hosts with very many domains.

A dictionary that grows is rebuilt, and one that a snapshot holds is copied at the next
write: of 100,000 entries either takes milliseconds, in which the event loop stands still.
`Shelves` spreads its entries over some dozens of dictionaries. Each is rebuilt at another
moment, and only the one that is written to is copied.

Measured, and not taken: persistent maps from packages. At 100,000 entries a write to
`immutables.Map` costs 11 µs and iterating takes ten times as long as here; with
`rpds.HashTrieMap` 5 µs and two hundred times as long.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from itertools import chain
from operator import attrgetter
from typing import Final, Generic, TypeVar
from uuid import UUID

__all__ = ["Shelves", "by_uuid", "itself"]

K = TypeVar("K")
V = TypeVar("V")

SHELVES: Final = 64
_MASK: Final = SHELVES - 1

by_uuid: Final[Callable[[UUID], int]] = attrgetter("int")
"""What a UUID is kept under: a number, for of a UUID Python takes long to make a hash."""


def itself(key: Hashable) -> Hashable:
    """The label of keys that need no other."""
    return key


class Shelves(Generic[K, V]):
    """A mapping that can be shared in constant time.

    Promise: what was shared never changes, and sharing, reading and writing cost the
    same however much there is, but for a copy of one shelf at its first write after.

    Args:
        label: what a key is kept under: another for each, and always the same.
    """

    __slots__ = ("_count", "_label", "_owned", "_shelves")

    def __init__(self, label: Callable[[K], Hashable]) -> None:
        self._label = label
        # As if an empty one had been shared: a shelf is made when something is put there.
        self._shelves: list[dict[Hashable, V]] = [{}] * SHELVES
        self._owned = [False] * SHELVES
        self._count = 0

    def share(self) -> Shelves[K, V]:
        """What is here now, not to be written to."""
        shared: Shelves[K, V] = object.__new__(Shelves)
        shared._label = self._label
        shared._shelves = self._shelves.copy()
        shared._owned, self._owned = self._owned, [False] * SHELVES
        shared._count = self._count
        return shared

    def get(self, key: K) -> V | None:
        """What is there under a key."""
        label = self._label(key)
        return self._shelves[hash(label) & _MASK].get(label)

    def __getitem__(self, key: K) -> V:
        label = self._label(key)
        return self._shelves[hash(label) & _MASK][label]

    def __contains__(self, key: K) -> bool:
        label = self._label(key)
        return label in self._shelves[hash(label) & _MASK]

    def __setitem__(self, key: K, value: V) -> None:
        label = self._label(key)
        shelf = self._to_write(label)
        before = len(shelf)
        shelf[label] = value
        self._count += len(shelf) - before

    def __delitem__(self, key: K) -> None:
        label = self._label(key)
        del self._to_write(label)[label]
        self._count -= 1

    def pop(self, key: K) -> V | None:
        """Take out what is there under a key."""
        if not self._count or (value := self.get(key)) is None:
            return None
        del self[key]
        return value

    def __len__(self) -> int:
        return self._count

    def values(self) -> Iterator[V]:
        """All that is there, in no order."""
        return chain.from_iterable(shelf.values() for shelf in self._shelves)

    def by_shelf(self) -> Iterator[list[V]]:
        """All that is there, a part at a time: each as it is when it is come to."""
        return (list(shelf.values()) for shelf in self._shelves)

    def _to_write(self, label: Hashable) -> dict[Hashable, V]:
        place = hash(label) & _MASK
        if not self._owned[place]:
            self._shelves[place] = self._shelves[place].copy()
            self._owned[place] = True
        return self._shelves[place]

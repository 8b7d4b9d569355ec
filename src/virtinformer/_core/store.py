"""The state of the host as last observed, and how it came about.

One writer, many readers. The `Store` is written by the reflector alone, a
`Change` at a time; a `Lister` reads it and can do nothing else (kube-rs calls the
pair writer and reader, client-go calls the second one lister).

A `Snapshot` shares what the store holds and costs the same at 10 and at 100,000
domains; a write after it copies a small part (see `shelves`).

The `History` is a ring of the last changes. It can tell everything that came
after a version as long as nothing of that was pushed out of the ring.
"""

from __future__ import annotations

from collections import deque
from collections.abc import (
    Callable,
    Hashable,
    ItemsView,
    Iterable,
    Iterator,
    Mapping,
    ValuesView,
)
from itertools import takewhile
from typing import Final
from uuid import UUID

from .model import Change, Deleted, Domain
from .shelves import Shelves, by_uuid, itself

__all__ = ["History", "Indexer", "Lister", "Snapshot", "Store"]

Indexer = Callable[[Domain], Iterable[Hashable]]
"""Names the values under which an index finds a domain (none, one or several)."""


class Snapshot(Mapping[UUID, Domain]):
    """All domains at one version: an immutable mapping from UUID to `Domain`.

    Promise: it is the state of the host as of `resource_version`, and never
    changes. An event or delta with a greater version came after it, one with a
    smaller or equal version is contained in it.
    """

    __slots__ = ("_domains", "_resource_version")

    def __init__(
        self, domains: Shelves[UUID, Domain] | Mapping[UUID, Domain], resource_version: int
    ) -> None:
        self._domains = domains
        self._resource_version = resource_version

    @property
    def resource_version(self) -> int:
        """The version that this is the state of."""
        return self._resource_version

    def __getitem__(self, uuid: UUID) -> Domain:
        if not isinstance(uuid, UUID):
            raise KeyError(uuid)
        return self._domains[uuid]

    def __iter__(self) -> Iterator[UUID]:
        return (domain.uuid for domain in self._domains.values())

    def __len__(self) -> int:
        return len(self._domains)

    def values(self) -> ValuesView[Domain]:
        """The domains, in no order."""
        return _Values(self)

    def items(self) -> ItemsView[UUID, Domain]:
        """Pairs of both, in no order."""
        return _Items(self)

    def __repr__(self) -> str:
        return f"<Snapshot of {len(self)} domains at version {self.resource_version}>"


class _Values(ValuesView[Domain]):
    """Does not look every key up, as that of `Mapping` does."""

    _mapping: Snapshot

    def __iter__(self) -> Iterator[Domain]:
        return iter(self._mapping._domains.values())


class _Items(ItemsView[UUID, Domain]):
    _mapping: Snapshot

    def __iter__(self) -> Iterator[tuple[UUID, Domain]]:
        return ((domain.uuid, domain) for domain in self._mapping._domains.values())


_Group = dict[UUID, Domain] | Shelves[UUID, Domain]
"""Several domains of one value."""

LARGE: Final = 1024
"""Shelves are worth their space for a group of so many domains."""


class _Index:
    """Domains by the values that one indexer names for them."""

    def __init__(self, indexer: Indexer) -> None:
        self._indexer = indexer
        # Under most values there is one domain, which needs no dictionary of its own.
        self._found: Shelves[Hashable, Domain | _Group] = Shelves(itself)
        self._values: Shelves[UUID, tuple[Hashable, ...]] = Shelves(by_uuid)

    def put(self, domain: Domain) -> None:
        # Each once: two network cards may be in the same network.
        values = tuple(dict.fromkeys(self._indexer(domain)))
        if self._values.get(domain.uuid) != values:
            self.remove(domain.uuid)
            self._values[domain.uuid] = values
        for value in values:
            found = self._found.get(value)
            if found is None or (isinstance(found, Domain) and found.uuid == domain.uuid):
                self._found[value] = domain
            else:
                self._found[value] = group = _group(found)
                group[domain.uuid] = domain

    def remove(self, uuid: UUID) -> None:
        # The values are remembered, not asked for again: an indexer may have changed its mind.
        for value in self._values.get(uuid) or ():
            found = self._found[value]
            if not isinstance(found, Domain):
                del found[uuid]
            if isinstance(found, Domain) or not found:
                del self._found[value]
        if uuid in self._values:
            del self._values[uuid]

    def find(self, value: Hashable) -> list[Domain]:
        found = self._found.get(value) or {}
        return [found] if isinstance(found, Domain) else list(found.values())


def _group(found: Domain | _Group) -> _Group:
    """A group for one more than there are: on shelves once it is large."""
    if isinstance(found, Domain):
        return {found.uuid: found}
    if isinstance(found, Shelves) or len(found) < LARGE:
        return found
    shelves: Shelves[UUID, Domain] = Shelves(by_uuid)
    for domain in found.values():
        shelves[domain.uuid] = domain
    return shelves


class History:
    """The last changes, oldest first, at most `size` of them."""

    def __init__(self, size: int) -> None:
        self._changes: deque[Change] = deque(maxlen=size)
        self._forgotten = 0

    def append(self, change: Change) -> None:
        """Add the newest change and forget the oldest, if there are too many."""
        changes = self._changes
        if len(changes) == changes.maxlen:
            self._forgotten = changes[0].resource_version if changes else change.resource_version
        changes.append(change)

    def reaches_back_to(self, version: int) -> bool:
        """Whether everything after `version` is still here."""
        return version >= self._forgotten

    def after(self, version: int) -> list[Change]:
        """The changes later than `version`, oldest first."""
        later = takewhile(lambda change: change.resource_version > version, reversed(self._changes))
        return list(later)[::-1]


class Store:
    """The writer. Promise: versions only grow, and every change is whole when it can be seen."""

    def __init__(self, indexers: Mapping[str, Indexer], history: int) -> None:
        self._domains: Shelves[UUID, Domain] = Shelves(by_uuid)
        self._names = _Index(lambda domain: (domain.name,))
        self._indexes = {name: _Index(indexer) for name, indexer in indexers.items()}
        self.history: Final = History(history)
        self.resource_version: int = 0

    def apply(self, change: Change) -> None:
        """Take one step of history."""
        assert change.resource_version > self.resource_version
        self.resource_version = change.resource_version
        self.history.append(change)
        if change.delta is None:
            return
        if isinstance(change.delta, Deleted):
            self._remove(change.delta.domain.uuid)
        else:
            self._put(change.delta.domain)

    def _put(self, domain: Domain) -> None:
        self._domains[domain.uuid] = domain
        for index in (self._names, *self._indexes.values()):
            index.put(domain)

    def _remove(self, uuid: UUID) -> None:
        del self._domains[uuid]
        for index in (self._names, *self._indexes.values()):
            index.remove(uuid)

    def get(self, uuid: UUID) -> Domain | None:
        """The domain with that UUID."""
        return self._domains.get(uuid)

    def __len__(self) -> int:
        return len(self._domains)

    def named(self, name: str) -> list[Domain]:
        """The domains of that name: one, or, while it changes hands, two."""
        return self._names.find(name)

    def find(self, index: str, value: Hashable) -> list[Domain]:
        """The domains that an index has under a value, in no order.

        Raises:
            KeyError: if there is no such index.
        """
        return self._indexes[index].find(value)

    def snapshot(self) -> Snapshot:
        """All domains now; the cost does not depend on their number."""
        return Snapshot(self._domains.share(), self.resource_version)


class Lister:
    """The reader: looks things up in a store it cannot change."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def resource_version(self) -> int:
        """The version of the state that can be read now."""
        return self._store.resource_version

    def get(self, uuid: UUID) -> Domain | None:
        """The domain with that UUID, or ``None``."""
        return self._store.get(uuid)

    def get_by_name(self, name: str) -> Domain | None:
        """The domain of that name, or ``None``.

        While a name changes hands two domains may be known by it; then it is
        the one that changed last.
        """
        found = self._store.named(name)
        return max(found, key=lambda domain: domain.resource_version, default=None)

    def list(self, where: Callable[[Domain], bool] | None = None) -> list[Domain]:
        """All domains for which `where` holds, in no order."""
        return [domain for domain in self.snapshot().values() if where is None or where(domain)]

    def by_index(self, index: str, value: Hashable) -> list[Domain]:  # type: ignore[valid-type]
        """The domains that an index has under a value, in no order.

        Raises:
            KeyError: if there is no such index.
        """
        return self._store.find(index, value)

    def snapshot(self) -> Snapshot:
        """All domains and the version they are the state of, in one read."""
        return self._store.snapshot()

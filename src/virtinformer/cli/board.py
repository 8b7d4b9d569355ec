"""What a live table shows: the domains, what just changed, and for how long it is lit up.

Pure: told of deltas, and of the time. Where not all domains have room, those that
changed last are among those that are shown.
"""

from __future__ import annotations

import heapq
from typing import Final
from uuid import UUID

import attrs

import virtinformer as vi

from .columns import Row
from .lines import event_word

__all__ = ["LIT", "Board", "Entry"]

LIT: Final = 3.0
"""Seconds for which a change is lit up, and for which a domain that is gone stays."""


@attrs.frozen
class Entry:
    """A line of the table.

    Attributes:
        row: what it tells of.
        sign: ``+``, ``~`` or ``-``: what happened last; empty if it was there at first.
        told: what told of it last.
        changed: the names of the fields that differ from before.
        at: when, on the clock of whoever told.
    """

    row: Row
    sign: str = ""
    told: str = ""
    changed: frozenset[str] = frozenset()
    at: float = float("-inf")

    def is_lit(self, now: float) -> bool:
        """Whether it has just changed."""
        return now - self.at < LIT

    @property
    def order(self) -> tuple[str, UUID]:
        """Where it stands."""
        return self.row.domain.name, self.row.domain.uuid


class Board:
    """All entries. Promise: it holds what the deltas so far have told, and what is lit up."""

    def __init__(self) -> None:
        self._entries: dict[UUID, Entry] = {}
        self._is_synced = False

    def take(self, delta: vi.Added | vi.Updated | vi.Deleted | vi.Synced, now: float) -> None:
        """Take in a delta."""
        if isinstance(delta, vi.Synced):
            self._is_synced = True
            return
        self._entries[delta.domain.uuid] = self._entry(delta, now)

    def _entry(self, delta: vi.Added | vi.Updated | vi.Deleted, now: float) -> Entry:
        if not self._is_synced:
            return Entry(Row(delta.domain))
        told = " ".join(map(event_word, delta.events)) or f"({delta.source.value})"
        match delta:
            case vi.Added():
                return Entry(Row(delta.domain), "+", told, frozenset(), now)
            case vi.Deleted():
                return Entry(Row(delta.domain, delta.reason), "-", told, frozenset(), now)
            case vi.Updated():
                # The content of the XML has no column of its own; its revision has.
                is_revised = delta.old.generation != delta.domain.generation
                more = {"generation"} if is_revised else set()
                return Entry(Row(delta.domain), "~", told, delta.changed | more, now)

    def entries(self, now: float) -> list[Entry]:
        """All, by name; those that are gone only for a while."""
        faded = [
            uuid
            for uuid, entry in self._entries.items()
            if entry.row.gone is not None and not entry.is_lit(now)
        ]
        for uuid in faded:
            del self._entries[uuid]
        return sorted(self._entries.values(), key=lambda entry: entry.order)

    def fading(self, now: float) -> float | None:
        """In how many seconds the next light goes out; ``None`` if all are out."""
        left = [LIT - (now - entry.at) for entry in self._entries.values() if entry.is_lit(now)]
        return min(left, default=None)


def chosen(entries: list[Entry], room: int) -> list[Entry]:
    """Those of the entries that are shown where there is room for so many, in their order."""
    if len(entries) <= room:
        return entries
    latest = heapq.nsmallest(room, enumerate(entries), key=lambda pair: (-pair[1].at, pair[0]))
    return [entries[place] for place in sorted(place for place, _entry in latest)]

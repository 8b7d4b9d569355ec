"""What several validators look for in a history: domains, lives, the truth at a moment."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import attrs

import virtinformer as vi
from tests.guarantees.history import (
    Called,
    Given,
    Had,
    History,
    Item,
    Line,
    Looked,
    Subscribed,
    WasTrue,
    content_of,
)
from virtinformer._core.messages import EventReceived, Gone, Observed
from virtinformer._core.model import Observation
from virtinformer._core.vocabulary import event_words

__all__ = [
    "EventKey",
    "Readings",
    "Truth",
    "beginning",
    "domains",
    "given_to",
    "index_at",
    "is_phantom",
    "items",
    "key_of",
    "truths",
    "utc",
    "views",
]


def utc(seconds: float) -> datetime:
    """The library's form of a time of the source."""
    return datetime.fromtimestamp(seconds, UTC)


def views(history: History) -> Iterator[tuple[Line, vi.Snapshot]]:
    """Every read of the store by anybody, in order."""
    return iter(history.remember("views", _views))


def _views(history: History) -> list[tuple[Line, vi.Snapshot]]:
    return [
        (line, line.fact.view)
        for line in history.lines
        if isinstance(line.fact, Looked | Subscribed)
        or (isinstance(line.fact, Had) and line.fact.error is None)
    ]


def items(history: History) -> Iterator[tuple[Line, Item]]:
    """Everything that any subscriber or handler was given, in order."""
    for line in history.lines:
        if isinstance(line.fact, Given | Called):
            yield line, line.fact.item


def given_to(history: History, who: str) -> Iterator[tuple[Line, Item]]:
    """What one subscriber or handler was given, in order."""
    for line in history.by(who):
        if isinstance(line.fact, Given | Called):
            yield line, line.fact.item


def is_phantom(domain: vi.Domain) -> bool:
    """Whether it stands for a domain that could never be read: it is in no store."""
    return domain.generation == 0


def domains(history: History) -> Iterator[tuple[Line, vi.Domain]]:
    """Every domain that anybody saw, in order; the same object only once."""
    return iter(history.remember("domains", _domains))


def _domains(history: History) -> list[tuple[Line, vi.Domain]]:
    seen: set[int] = set()
    found: list[tuple[Line, vi.Domain]] = []
    for line in history.lines:
        view = getattr(line.fact, "view", None)
        if view is not None:
            if id(view) in seen:
                continue
            seen.add(id(view))
        for domain in _domains_of(line.fact):
            if id(domain) not in seen:
                seen.add(id(domain))
                found.append((line, domain))
    return found


def _domains_of(fact: object) -> Iterator[vi.Domain]:
    if isinstance(fact, Looked | Subscribed):
        yield from fact.view.values()
    elif isinstance(fact, Given | Called) and not isinstance(fact.item, vi.Synced):
        yield fact.item.domain
        if isinstance(fact.item, vi.Updated):
            yield fact.item.old
        if not isinstance(fact.item, vi.DomainEvent):
            yield from (event.domain for event in fact.item.events)


# ---------------------------------------------------------------------- reads


class Readings:
    """What the source read, by what it saw, and whether an event had overtaken it."""

    def __init__(self, history: History) -> None:
        self._seen: dict[tuple[UUID, datetime], list[tuple[Line, Observed]]] = {}
        self._all: dict[UUID, list[tuple[Line, Observed]]] = {}
        self._events: dict[UUID, list[tuple[Line, EventReceived]]] = {}
        self.gone: dict[UUID, list[tuple[Line, Observed]]] = {}
        for line, observed in history.told(Observed):
            if isinstance(observed.result, Observation):
                key = (observed.uuid, utc(observed.time))
                self._seen.setdefault(key, []).append((line, observed))
                self._all.setdefault(observed.uuid, []).append((line, observed))
            elif isinstance(observed.result, Gone):
                self.gone.setdefault(observed.uuid, []).append((line, observed))
        for line, event in history.told(EventReceived):
            self._events.setdefault(event.uuid, []).append((line, event))

    def of(self, domain: vi.Domain, by: Line) -> list[tuple[Line, Observed]]:
        """The reads, up to a line, that saw exactly what a domain shows."""
        wanted = content_of(domain)
        return [
            (line, observed)
            for line, observed in self._seen.get((domain.uuid, domain.observed_at), ())
            if line.number <= by.number and content_of(observed.result) == wanted
        ]

    def alike(self, domain: vi.Domain, by: Line) -> list[tuple[Line, Observed]]:
        """The reads, up to a line, that saw the same: what did not change keeps its object."""
        wanted = content_of(domain)
        return [
            (line, observed)
            for line, observed in self._all.get(domain.uuid, ())
            if line.number <= by.number and content_of(observed.result) == wanted
        ]

    def overtaken(self, read: tuple[Line, Observed]) -> tuple[Line, EventReceived] | None:
        """An event that the informer knew of before a read came back that began earlier."""
        line, observed = read
        for told, event in self._events.get(observed.uuid, ()):
            if told.number > line.number:
                return None
            if event.epoch == observed.epoch and event.stamp > observed.began:
                return told, event
        return None


# ---------------------------------------------------------------------- events

EventKey = tuple[UUID, datetime, str, str]
"""What tells a raw event from others: whose, when, and what, in words."""


def key_of(event: EventReceived) -> EventKey:
    """What a raw event can be known by when it is given to somebody."""
    return (event.uuid, utc(event.time), *event_words(event.kind, event.type, event.detail))


def beginning(history: History, fact: Subscribed) -> tuple[Line, vi.Snapshot] | None:
    """What the subscriber knew: the store at the version after which it wants everything."""
    version = fact.view.resource_version if fact.since is None else fact.since
    for line, view in views(history):
        if view.resource_version == version:
            return line, view
    return None


# ---------------------------------------------------------------------- the truth


@attrs.frozen
class Truth:
    """What was true of one domain, from one line to the next change."""

    line: Line
    content: tuple[object, ...] | None


def truths(history: History) -> dict[UUID, list[Truth]]:
    """All that was true, domain by domain, in order; before the first there was no domain."""
    found: dict[UUID, list[Truth]] = {}
    for line, fact in history.of(WasTrue):
        content = None if fact.content is None else content_of(fact.content)
        found.setdefault(fact.uuid, []).append(Truth(line, content))
    return found


def index_at(told: list[Truth], number: int) -> int:
    """Which of the truths held at a line; -1 before the first."""
    return bisect_right([truth.line.number for truth in told], number) - 1

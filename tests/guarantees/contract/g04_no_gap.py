"""G4 List, then watch, with no gap: nothing is missed, and nothing is taken for gone that is not.

Read from the requests and replies of the source, the reads of the store, and what was true
when the host came to rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import virtinformer as vi
from tests.guarantees.contract.evidence import Readings, views
from tests.guarantees.history import (
    FIELDS,
    Asked,
    AtRest,
    History,
    Line,
    Told,
    Violation,
    content_of,
)
from virtinformer._core.messages import List, Subscribed

__all__ = ["no_gap"]


def no_gap(history: History) -> None:
    """Check G4."""
    _subscribed_before_listed(history)
    if any(True for _ in history.of(Told)):
        _deleted_only_if_looked_up(history)
    for line, rest in history.of(AtRest):
        _is_the_truth(line, rest.truth, rest.view)


def _subscribed_before_listed(history: History) -> None:
    subscribed: dict[int, int] = {}
    for line, told in history.told(Subscribed):
        subscribed.setdefault(told.epoch, line.number)
    for line, asked in history.of(Asked):
        request = asked.request
        if isinstance(request, List) and subscribed.get(request.epoch, line.number) >= line.number:
            raise Violation("G4", "a list was asked for before all callbacks were in place", line)


def _deleted_only_if_looked_up(history: History) -> None:
    reads = history.remember("readings", Readings)
    since: dict[tuple[UUID, int], Line] = {}
    before: tuple[Line, vi.Snapshot] | None = None
    for line, view in views(history):
        if before is None or view is not before[1]:
            for uuid, domain in view.items():
                since.setdefault((uuid, domain.incarnation), line)
            for domain in _vanished(before[1] if before else None, view):
                _was_found_gone(reads, since[domain.uuid, domain.incarnation], line, domain)
        before = line, view


def _vanished(old: vi.Snapshot | None, new: vi.Snapshot) -> list[vi.Domain]:
    """The lives that are over, also where another one has begun."""
    return [
        domain
        for uuid, domain in (old or {}).items()
        if uuid not in new or new[uuid].incarnation != domain.incarnation
    ]


def _was_found_gone(reads: Readings, known: Line, line: Line, domain: vi.Domain) -> None:
    found = [
        (told, gone)
        for told, gone in reads.gone.get(domain.uuid, ())
        if known.number <= told.number <= line.number
    ]
    if not found:
        text = f"{domain.name} was deleted, and no look-up had found it gone"
        raise Violation("G4", text, known, line)
    overtaken = [reads.overtaken(read) for read in found]
    if all(overtaken):
        events = [event[0] for event in overtaken if event is not None]
        text = f"{domain.name} was deleted by a look-up that an event had overtaken"
        raise Violation("G4", text, events[-1], found[-1][0], line)


def _is_the_truth(line: Line, truth: Mapping[UUID, Any], view: vi.Snapshot) -> None:
    """At rest the store is the host: domain by domain and field by field."""
    if missing := truth.keys() - view.keys():
        raise Violation("G4", f"never found: {sorted(map(str, missing))}", line)
    if surplus := view.keys() - truth.keys():
        raise Violation("G4", f"long gone: {[view[uuid].name for uuid in surplus]}", line)
    for uuid, content in truth.items():
        fields = zip(FIELDS, content_of(view[uuid]), content_of(content), strict=True)
        wrong = [
            f"{name} is {true!r}, not {known!r}" for name, known, true in fields if known != true
        ]
        if wrong:
            raise Violation("G4", f"{view[uuid].name}: {'; '.join(wrong)}", line)

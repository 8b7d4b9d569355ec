"""G10 Handlers are contained.

Read from when each handler was called and when its calls ended.
"""

from __future__ import annotations

import virtinformer as vi
from tests.guarantees.history import (
    AtRest,
    Called,
    Ended,
    History,
    Line,
    Logged,
    Returned,
    Subscribed,
    Violation,
)

__all__ = ["handlers"]


def handlers(history: History) -> None:
    """Check G10."""
    for line, fact in history.subscriptions("handler"):
        _one_at_a_time(history.by(line.who))
        if fact.view and not history.replays:
            continue  # what it was not called for is a matter of G6
        known = _in_order(history.by(line.who), fact)
        _is_complete(history, line, fact, known)
    _errors_are_logged(history)


def _one_at_a_time(lines: list[Line]) -> None:
    under_way: Line | None = None
    ended: Line | None = None
    for line in lines:
        match line.fact:
            case Called() if ended is not None:
                raise Violation("G10", "called after its registration was closed", ended, line)
            case Called() if under_way is not None:
                raise Violation("G10", "called while a call was under way", under_way, line)
            case Called():
                under_way = line
            case Returned():
                under_way = None
            case Ended() if under_way is not None:
                raise Violation("G10", "closed, and it still runs", under_way, line)
            case Ended():
                ended = line


def _in_order(lines: list[Line], fact: Subscribed) -> dict[object, tuple[Line, vi.Domain]]:
    """What the handler knows that did as it was told."""
    known: dict[object, tuple[Line, vi.Domain]] = {}
    for line in lines:
        if isinstance(line.fact, Called) and not isinstance(line.fact.item, vi.DomainEvent):
            assert not isinstance(line.fact.item, vi.Synced)
            _follow(known, line, line.fact.item, exactly=fact.where is None)
    return known


def _follow(
    known: dict[object, tuple[Line, vi.Domain]],
    line: Line,
    item: vi.Added | vi.Updated | vi.Deleted,
    *,
    exactly: bool,
) -> None:
    uuid = item.domain.uuid
    before = known.get(uuid)
    if isinstance(item, vi.Added):
        if before is not None:
            raise Violation("G10", "added twice", before[0], line)
    elif before is None:
        raise Violation("G10", "never added", line)
    elif isinstance(item, vi.Updated) and exactly and item.old != before[1]:
        raise Violation(
            "G10", "`old` is not what the handler was called with last", before[0], line
        )
    if isinstance(item, vi.Deleted):
        del known[uuid]
    else:
        known[uuid] = line, item.domain


def _is_complete(
    history: History,
    subscribed: Line,
    fact: Subscribed,
    known: dict[object, tuple[Line, vi.Domain]],
) -> None:
    """At rest it was called for everything, however others and itself behaved."""
    for line, rest in history.of(AtRest):
        before = [at for at in history.by(subscribed.who) if at.number < line.number]
        ended = any(isinstance(at.fact, Ended) for at in before)
        if ended or _is_called(history.by(subscribed.who), line):
            continue
        expected = {u for u, d in rest.view.items() if fact.where is None or fact.where(d)}
        if expected != known.keys():
            raise Violation("G10", f"{subscribed.who} was not called for all", subscribed, line)
        for uuid, (called, domain) in known.items():
            now = rest.view[uuid]  # type: ignore[index]
            if fact.where is None and domain.resource_version != now.resource_version:
                raise Violation("G10", f"{subscribed.who} was not called again", called, line)


def _is_called(lines: list[Line], at: Line) -> bool:
    """Whether a call is under way at a line."""
    calls = [line.fact for line in lines if line.number < at.number]
    return isinstance(
        next((fact for fact in reversed(calls) if isinstance(fact, Called | Returned)), None),
        Called,
    )


def _errors_are_logged(history: History) -> None:
    """What a handler raises is told to the log, and to nobody else."""
    logged = [line.number for line, fact in history.of(Logged) if history.complaint in fact.text]
    for line, fact in history.of(Returned):
        if fact.error in (None, "CancelledError"):
            continue
        if not logged or logged[-1] < line.number:
            raise Violation("G10", "what a handler raised was not logged", line)

"""G7 Read your own writes: after `refresh` or `sync` what was done before it was called shows.

Read from what was true when somebody called, and what could be read when the call returned.
Where a history does not know all that was true, only what a guest cannot change by itself
counts: name, configuration, autostart.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from tests.guarantees.history import (
    Began,
    Had,
    History,
    Line,
    Note,
    Violation,
    Wanted,
    WasTrue,
    content_of,
)

__all__ = ["read_your_writes"]

STABLE = ("name", "persistent", "autostart", "config_xml")


def read_your_writes(history: History) -> None:
    """Check G7."""
    told = _told(history)
    for line, had in history.of(Had):
        wanted = history.at(had.wanted)
        fact = wanted.fact
        assert isinstance(fact, Wanted)
        if had.error is not None or fact.what not in ("refresh", "sync"):
            continue
        if fact.what == "sync" and _was_lied_to(history, wanted, line):
            continue
        for uuid in told if fact.uuid is None else [fact.uuid]:
            _shows(history, told.get(uuid, []), uuid, wanted, line)


def _was_lied_to(history: History, wanted: Line, line: Line) -> bool:
    """Whether a list left out domains and believed itself complete: nobody could know."""
    return any(
        wanted.number < at.number < line.number and "list truncated" in note.text
        for at, note in history.of(Note)
    )


_Told = list[tuple[Line, WasTrue | Began]]


def _told(history: History) -> dict[UUID, _Told]:
    told: dict[UUID, _Told] = {}
    for line in history.lines:
        if isinstance(line.fact, WasTrue | Began):
            told.setdefault(line.fact.uuid, []).append((line, line.fact))
    return told


def _shows(history: History, told: _Told, uuid: UUID, wanted: Line, line: Line) -> None:
    before = [(at, fact) for at, fact in told if at.number < wanted.number]
    meanwhile = [(at, fact) for at, fact in told if wanted.number < at.number < line.number]
    if not before or _is_going_on(before) or any(isinstance(f, Began) for _, f in meanwhile):
        return  # of what is not complete nothing is promised
    last, fact = before[-1]
    assert isinstance(fact, WasTrue)
    if fact.visible_from > wanted.time:
        return  # it is not complete
    seen = line.fact.view.get(uuid)
    allowed = [fact.content, *_contents(meanwhile)]
    if not any(_same(history, content, seen) for content in allowed) and not _torn(allowed, seen):
        who = seen.name if seen is not None else str(uuid)
        text = f"{who} is not known as it was when {wanted.fact} was called"
        raise Violation("G7", text, last, wanted, line)


def _is_going_on(told: _Told) -> bool:
    """Whether something was begun and not done."""
    done = {fact.began for _, fact in told if isinstance(fact, WasTrue)}
    return any(isinstance(fact, Began) and at.number not in done for at, fact in told)


def _contents(told: _Told) -> Iterable[Any]:
    return (fact.content for _, fact in told if isinstance(fact, WasTrue))


def _torn(allowed: list[Any], seen: Any) -> bool:
    """Whether it was read in two pieces, each of which shows what was true then or later."""
    if seen is None or seen.settled:
        return False
    true = [content_of(content) for content in allowed if content is not None]
    return all(value in values for value, *values in zip(content_of(seen), *true, strict=True))


def _same(history: History, true: Any, seen: Any) -> bool:
    if history.knows_truth:
        if true is None or seen is None:
            return true is seen
        return content_of(true) == content_of(seen)
    if true is None or not true.persistent:
        return True  # what has no configuration may come to its end by itself
    return seen is not None and all(getattr(true, n) == getattr(seen, n) for n in STABLE)

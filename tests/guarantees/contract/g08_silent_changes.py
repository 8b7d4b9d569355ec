"""G8 Silent changes are found: what nobody tells of is known one resync period later.

Read from the reads of the store, where the history knows the truth; left out are times at
which the host was away or refused to answer. How a delta says it became known is checked
everywhere.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

import virtinformer as vi
from tests.guarantees.contract.evidence import Truth, index_at, truths
from tests.guarantees.history import (
    Asked,
    History,
    Line,
    Looked,
    Note,
    Told,
    Violation,
    Wanted,
    content_of,
)
from virtinformer._core.messages import Connect, EventReceived, List

__all__ = ["silent_changes"]

SLACK: Final = 2.0
"""Seconds that reading takes, after the time has come."""

FAULTS: Final = ("fault: read", "fault: list", "fault: conn", "fault: daemon", "fault: the conn")
"""How notes begin that tell of a host that does not answer as it should."""


def silent_changes(history: History) -> None:
    """Check G8."""
    _says_how_it_is_known(history)
    period = history.options["resync_period"]
    if history.knows_truth and history.virtual and period is not None:
        _is_known_in_time(history, period + SLACK)


def _says_how_it_is_known(history: History) -> None:
    told: set[UUID] = set()
    epoch, wanted = 1, False
    swept = False
    for line in history.lines:
        fact = line.fact
        if isinstance(fact, Told) and isinstance(fact.input, EventReceived):
            told.add(fact.input.uuid)
        elif isinstance(fact, Asked) and isinstance(fact.request, Connect):
            epoch = fact.request.epoch
        elif isinstance(fact, Asked) and isinstance(fact.request, List):
            swept = swept or fact.request.only is not None
        wanted = wanted or isinstance(fact, Wanted)
        item = getattr(fact, "item", None)
        if not isinstance(item, vi.Added | vi.Updated | vi.Deleted) or not _names_source(line):
            continue
        possible = {
            vi.DeltaSource.INITIAL: True,
            vi.DeltaSource.EVENT: item.domain.uuid in told,
            vi.DeltaSource.RELIST: epoch > 1,
            vi.DeltaSource.RESYNC: swept,
            vi.DeltaSource.REFRESH: wanted,
        }
        if any(True for _ in history.of(Told)) and not possible[item.source]:
            raise Violation("G8", f"it cannot have become known by {item.source.value}", line)


def _names_source(line: Line) -> bool:
    return type(line.fact).__name__ == "Given"


def _is_known_in_time(history: History, bound: float) -> None:
    """Whatever the store shows was true not longer ago than the bound, in calm times."""
    told = truths(history)
    calm = _Calm(history)
    for line, looked in history.of(Looked):
        if not looked.health.synced or calm.since(line) > line.time - bound:
            continue
        for uuid, true in told.items():
            _was_true_lately(line, looked.view, uuid, true, line.time - bound)


def _was_true_lately(
    line: Line, view: vi.Snapshot, uuid: UUID, true: list[Truth], since: float
) -> None:
    now = index_at(true, line.number)
    lately = [t for i, t in enumerate(true[: now + 1]) if _held_after(true, i, since)]
    known = view.get(uuid)
    seen = None if known is None else content_of(known)
    if true[0].line.time >= since and seen is None:
        return  # it did not exist before
    if lately and all(truth.content != seen for truth in lately):
        text = f"what is known of {known.name if known else uuid} is older than a resync period"
        raise Violation("G8", text, lately[0].line, line)


def _held_after(true: list[Truth], index: int, since: float) -> bool:
    """Whether the truth of that index was still true at that time, or became so later."""
    return index + 1 >= len(true) or true[index + 1].line.time >= since


class _Calm:
    """Since when nothing has kept the host from answering."""

    def __init__(self, history: History) -> None:
        self._last: list[tuple[int, float]] = [(0, float("-inf"))]
        trouble = 0.0
        for line in history.lines:
            fact = line.fact
            if (isinstance(fact, Note) and fact.text.startswith(FAULTS)) or (
                isinstance(fact, Looked) and not fact.health.synced
            ):
                trouble = line.time
            self._last.append((line.number, trouble))

    def since(self, line: Line) -> float:
        return self._last[line.number][1]

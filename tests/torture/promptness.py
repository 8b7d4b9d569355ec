"""What a real host lets one demand beyond the contract, for here each domain has one writer.

The validators take no word of a real host for the whole truth: a guest may change by itself.
The guests of the torture do not, and between the deeds of its writer everything about a
domain is known. So two things can be asked exactly: after `refresh` and `sync` *all* that was
done before shows; and what was done, told by an event or silent, is in the store one resync
period later at the latest, as long as the daemon is well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

import attrs

import virtinformer as vi
from tests.guarantees.history import (
    Began,
    Had,
    History,
    Line,
    Looked,
    Note,
    Violation,
    Wanted,
    WasTrue,
    content_of,
)

__all__ = ["Promptness"]

SLACK: Final = 5.0
"""Seconds that a busy machine may need, beside the resync period."""


@attrs.define
class _Known:
    """What is known to be true of one domain.

    Attributes:
        true: the line that says so.
        began: the last line at which something began.
        open: how much was begun and is not done.
        since: from when on it should be in the store; ``None``: it is, or it does not matter.
    """

    true: Line | None = None
    began: int = 0
    open: set[int] = attrs.field(factory=set)
    since: float | None = None

    def held_at(self, line: int) -> bool:
        """Whether it was true at a line, and has been since."""
        calm = self.true is not None and not self.open
        return calm and self.began < line and self.true is not None and self.true.number < line

    def is_seen_in(self, view: Mapping[UUID, vi.Domain]) -> bool:
        assert self.true is not None
        true, seen = self.true.fact.content, view.get(self.true.fact.uuid)
        if true is None or seen is None:
            return true is seen
        return content_of(true) == content_of(seen)


class Promptness:
    """Reads a history, once.

    Args:
        history: of a run on a real host, each domain of which has one writer.

    Attributes:
        asked: how many answers were compared with the truth.
        slowest: seconds from when something was known to be done to when the store had it.
    """

    def __init__(self, history: History) -> None:
        self.asked = 0
        self.slowest = 0.0
        self._history = history
        self._bound = (history.options["resync_period"] or float("inf")) + SLACK
        self._known: dict[UUID, _Known] = {}

    def check(self) -> None:
        """Read it.

        Raises:
            Violation: if something shows too late.
        """
        for line in self._history.lines:
            match line.fact:
                case Began(uuid=uuid):
                    self._begin(line, self._of(uuid))
                case WasTrue(uuid=uuid):
                    self._be_true(line, self._of(uuid), line.fact)
                case Had(error=None):
                    self._answer(line, line.fact)
                case Looked():
                    self._look(line, line.fact)
                case Note(text=text) if "daemon" in text:
                    self._trouble(line.time)

    def _of(self, uuid: UUID) -> _Known:
        return self._known.setdefault(uuid, _Known())

    def _begin(self, line: Line, known: _Known) -> None:
        known.began = line.number
        known.open.add(line.number)
        known.since = None

    def _be_true(self, line: Line, known: _Known, fact: WasTrue) -> None:
        known.open.discard(fact.began or 0)
        known.true = line
        known.since = None if known.open else line.time

    def _answer(self, line: Line, had: Had) -> None:
        wanted = self._history.at(had.wanted)
        assert isinstance(wanted.fact, Wanted)
        if wanted.fact.what not in ("refresh", "sync"):
            return
        for uuid in self._asked_for(wanted.fact):
            known = self._known.get(uuid)
            if known is None or known.true is None or not known.held_at(wanted.number):
                continue
            self.asked += 1
            if not known.is_seen_in(had.view):
                text = f"what was done to {uuid} does not show: {_seen(had.view, uuid)}"
                raise Violation("G7", text, known.true, wanted, line)

    def _asked_for(self, wanted: Wanted) -> Iterable[UUID]:
        return list(self._known) if wanted.uuid is None else [wanted.uuid]

    def _look(self, line: Line, looked: Looked) -> None:
        if not looked.health.synced:
            self._trouble(line.time)
            return
        for known in self._known.values():
            if known.since is None:
                continue
            waited = line.time - known.since
            if known.is_seen_in(looked.view):
                self.slowest = max(self.slowest, waited)
                known.since = None
            elif waited > self._bound:
                assert known.true is not None
                raise Violation("G8", f"not in the store after {waited:.1f} s", known.true, line)

    def _trouble(self, time: float) -> None:
        """The host is not well: what it owes, it owes from when it is."""
        for known in self._known.values():
            if known.since is not None:
                known.since = time


def _seen(view: Mapping[UUID, Any], uuid: UUID) -> str:
    return str(view.get(uuid))

"""What came of one scenario on one informer: promise by promise."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any

import attrs

from tests.guarantees.contract import violations
from tests.guarantees.history import AtRest, Called, History, Note, Violation
from tests.peers.scenarios import PROMISES

__all__ = ["Outcome", "Verdict", "Word"]


class Word(StrEnum):
    """What can be said of a promise after a scenario."""

    HELD = "held"
    """The validator found nothing against it."""
    VIOLATED = "violated"
    """It found a proof against it."""
    NOT_ASKED = "cannot be asked"
    """The informer has no such function, or the scenario nothing to judge."""


@attrs.frozen
class Verdict:
    """One promise, one scenario, one informer.

    Attributes:
        text: the first violation with the lines that prove it, or why it cannot be asked.
    """

    word: Word
    text: str = ""


@attrs.frozen
class Outcome:
    """One scenario, one informer."""

    informer: str
    scenario: str
    seconds: float
    verdicts: dict[str, Verdict]

    @classmethod
    def of(cls, informer: str, scenario: str, history: History) -> Outcome:
        """Let the validators read a history."""
        found = {v.promise: _proof(history, v) for v in violations(history, PROMISES)}
        verdicts = {
            promise: Verdict(Word.VIOLATED, found[promise])
            if promise in found
            else _unproven(promise, history)
            for promise in PROMISES
        }
        begun, ended = history.lines[0].time, history.lines[-1].time
        return cls(informer, scenario, ended - begun, verdicts)

    @classmethod
    def not_offered(cls, informer: str, scenario: str, why: str) -> Outcome:
        """The informer cannot be asked to play this scenario."""
        verdict = Verdict(Word.NOT_ASKED, why)
        return cls(informer, scenario, 0.0, dict.fromkeys(PROMISES, verdict))

    def to_json(self) -> str:
        """One line, for another process."""
        return json.dumps(attrs.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Outcome:
        """Read such a line."""
        record: dict[str, Any] = json.loads(text)
        verdicts = {
            promise: Verdict(Word(verdict["word"]), verdict["text"])
            for promise, verdict in record.pop("verdicts").items()
        }
        return cls(**record, verdicts=verdicts)


def _proof(history: History, violation: Violation) -> str:
    """The violation, its lines, and what the stage has to say just before the last of them."""
    text, *lines = str(violation).split("\n")
    before = history.at(max(1, violation.lines[-1].number - 1)) if violation.lines else None
    if before is not None and isinstance(before.fact, Note):
        lines.insert(-1, str(before))
    return "\n".join([text, *lines])


def _unproven(promise: str, history: History) -> Verdict:
    """Held, unless there was nothing to hold."""
    if promise == "G4" and not any(True for _ in history.of(AtRest)):
        return Verdict(Word.NOT_ASKED, "the informer is closed before anything is at rest")
    if not any(True for _ in history.of(Called)):
        return Verdict(Word.NOT_ASKED, "no handler was ever called")
    return Verdict(Word.HELD)

"""The outcomes as tables in Markdown: guarantee × informer, and scenario by scenario."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from tests.peers.notes import note_on
from tests.peers.outcome import Outcome, Word
from tests.peers.scenarios import PROMISES, SCENARIOS

__all__ = ["by_promise", "by_scenario", "findings", "in_short"]

_TITLES: Final = {
    "G1": "Versioned",
    "G2": "Never backwards",
    "G4": "List, then watch, with no gap",
    "G6": "Every subscriber whole, none in another's way",
    "G10": "Handlers are contained",
}


def by_promise(outcomes: Sequence[Outcome]) -> str:
    """Guarantee × informer: in how many scenarios it held."""
    informers = _informers(outcomes)
    rows = [
        [f"**{promise}** {_TITLES[promise]}", *(_counted(outcomes, i, promise) for i in informers)]
        for promise in PROMISES
    ]
    return _table(["", *(f"`{informer}`" for informer in informers)], rows)


def _counted(outcomes: Sequence[Outcome], informer: str, promise: str) -> str:
    words = [o.verdicts[promise].word for o in outcomes if o.informer == informer]
    asked = len(words) - words.count(Word.NOT_ASKED)
    violated = words.count(Word.VIOLATED)
    if not asked:
        return "cannot be asked"
    return f"held in {asked - violated} of {asked}" + (", **violated**" if violated else "")


def by_scenario(outcomes: Sequence[Outcome]) -> str:
    """Scenario × informer: which promises were violated."""
    informers = _informers(outcomes)
    found = {(o.scenario, o.informer): o for o in outcomes}
    rows = [
        [f"{_told(name)}", *(in_short(found[name, i]) for i in informers if (name, i) in found)]
        for name in SCENARIOS
        if any(name == o.scenario for o in outcomes)
    ]
    return _table(["", *(f"`{informer}`" for informer in informers)], rows)


def _told(scenario: str) -> str:
    text = (SCENARIOS[scenario].__doc__ or "").split("\n")[0]
    return f"`{scenario}`: {text}"


def in_short(outcome: Outcome) -> str:
    """One scenario on one informer, in a few words."""
    verdicts = outcome.verdicts
    if all(verdict.word is Word.NOT_ASKED for verdict in verdicts.values()):
        return f"cannot be asked: {next(iter(verdicts.values())).text}"
    violated = [promise for promise in PROMISES if verdicts[promise].word is Word.VIOLATED]
    left_out = [promise for promise in PROMISES if verdicts[promise].word is Word.NOT_ASKED]
    cell = f"**{', '.join(violated)} violated**" if violated else "all held"
    return cell + (f" ({', '.join(left_out)} cannot be asked)" if left_out else "")


def findings(outcomes: Iterable[Outcome]) -> str:
    """Each violation with the lines that prove it, and what the source says to it."""
    parts: list[str] = []
    for outcome in outcomes:
        for promise in PROMISES:
            verdict = outcome.verdicts[promise]
            if verdict.word is Word.VIOLATED:
                parts.append(_finding(outcome, promise, verdict.text))
    return "\n\n".join(parts) or "None."


def _finding(outcome: Outcome, promise: str, text: str) -> str:
    head = f"**`{outcome.informer}`, `{outcome.scenario}`, {promise}.**"
    note = note_on(outcome.informer, outcome.scenario, promise)
    return f"{head} {note or ''}".rstrip() + f"\n\n```text\n{text}\n```"


def _informers(outcomes: Iterable[Outcome]) -> list[str]:
    return list(dict.fromkeys(outcome.informer for outcome in outcomes))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

"""Writes what runs reached, as tables for a page of the documentation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tests.simulation.coverage import IMPOSSIBLE, INPUTS, PAIRS, Coverage
from virtinformer._core.reflector import Phase

__all__ = ["table"]


def table(coverage: Coverage) -> str:
    """All tables, as Markdown."""
    return "\n".join(_lines(coverage))


def _lines(coverage: Coverage) -> Iterator[str]:
    yield f"{coverage.runs:,} worlds, {coverage.lines:,} lines of history.\n"
    yield "### Phases and inputs\n"
    yield from _grid(("input", *(phase.name for phase in Phase)), _pairs(coverage))
    yield "\n### Changes of phase\n"
    moves = {f"{a.name} → {b.name} by {why}": n for (a, why, b), n in coverage.moves.items()}
    yield from _counts("change", Counter(moves))
    yield "\n### Faults that took effect\n"
    yield from _counts("fault", coverage.faults)
    yield "\n### What was done\n"
    yield ", ".join(f"{deed} {count:,}" for deed, count in coverage.done.most_common()) + "."
    yield "\n### Events, and how many different ways (from a place to a place) they were told\n"
    yield from _grid(("event", "ways", "sent", "inferred"), _events(coverage))
    yield "\n### Deltas\n"
    yield from _counts("delta", Counter({" by ".join(k): n for k, n in coverage.deltas.items()}))
    yield "\n### Impossible pairs\n"
    yield from _reasons()


def _events(coverage: Coverage) -> Iterator[Sequence[str]]:
    ways: dict[str, set[tuple[str, str]]] = {}
    told: Counter[str] = Counter()
    for (before, event, after), count in coverage.steps.items():
        ways.setdefault(event.removesuffix("*"), set()).add((before, after))
        told[event] += count
    for event in sorted(ways):
        yield event, str(len(ways[event])), f"{told[event]:,}", f"{told[event + '*']:,}"


def _pairs(coverage: Coverage) -> Iterator[Sequence[str]]:
    """A row for each input: how often of this connection, and how often of one that was over."""
    for kind in INPUTS:
        for late in (False, True):
            if (Phase.LIVE, kind, late) in PAIRS:
                cells = (_cell(coverage, phase, kind, late) for phase in Phase)
                yield f"{kind}{', late' if late else ''}", *cells


def _cell(coverage: Coverage, phase: Phase, kind: str, late: bool) -> str:
    count = coverage.pairs[phase, kind, late]
    if (phase, kind, late) in IMPOSSIBLE:
        return f"**{count}**" if count else "—"
    return f"{count:,}" if count else "**never**"


def _reasons() -> Iterator[str]:
    reasons: dict[str, list[str]] = {}
    for (phase, kind, _), why in IMPOSSIBLE.items():
        reasons.setdefault(why, []).append(f"{kind} in {phase.name}")
    for why, pairs in reasons.items():
        yield f"- {', '.join(pairs)}: {why}."


def _counts(title: str, counts: Counter[str]) -> Iterator[str]:
    yield from _grid((title, "times"), [(name, f"{n:,}") for name, n in counts.most_common()])


def _grid(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"| {' | '.join(['---', *['---:'] * (len(head) - 1)])} |"
    yield from (f"| {' | '.join(row)} |" for row in rows)

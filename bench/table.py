"""The results as lines of text, for a terminal and for the documentation."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from bench.result import Result

__all__ = ["as_markdown", "as_text", "number"]

HEAD = ("benchmark", "ratio", "target", "met", "quartiles", "n", "ours", "other", "unit", "against")


def as_text(results: Sequence[Result]) -> str:
    """In columns."""
    rows = [HEAD, *map(_cells, results)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def as_markdown(results: Sequence[Result]) -> str:
    """As a table of Markdown."""
    rows = [HEAD, ("---",) * len(HEAD), *map(_cells, results)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def number(value: float) -> str:
    """With three digits that say something."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _cells(result: Result) -> tuple[str, ...]:
    return (
        result.name,
        number(result.ratio),
        f"{'≥' if result.at_least else '≤'} {number(result.target)}",
        "yes" if result.met else "no",
        "–".join(map(number, result.spread)),
        str(len(result.ours)),
        number(statistics.median(result.ours)),
        number(statistics.median(result.other)),
        result.unit,
        result.peer,
    )

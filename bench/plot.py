"""The results as pictures: every round is a dot, so that nobody has to trust a median."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from bench.result import Result
from bench.table import number

__all__ = ["draw_all"]

GOOD, BAD, GREY = "#2a7f62", "#c8553d", "#8a8f98"


def draw_all(results: Sequence[Result], folder: Path) -> None:
    """Write `NAME.svg` for each benchmark, and `overview.svg` for all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    _draw(results, folder / "overview.svg")
    for name, some in groupby(results, key=lambda result: result.benchmark):
        _draw(list(some), folder / f"{name}.svg")


def _draw(results: Sequence[Result], file: Path) -> None:
    matplotlib: Any = importlib.import_module("matplotlib")
    figures: Any = importlib.import_module("matplotlib.figure")
    matplotlib.rcParams.update({"svg.hashsalt": "virtinformer", "font.size": 9})
    figure = figures.Figure(figsize=(8, 1.1 + 0.42 * len(results)), layout="constrained")
    axes = figure.subplots()
    for row, result in enumerate(results):
        _draw_row(axes, row, result)
    axes.set_yticks(range(len(results)), [f"{r.name}\n{r.peer}" for r in results], fontsize=7)
    axes.set_ylim(len(results) - 0.4, -0.6)
    axes.set_xscale("log")
    axes.set_xlabel("ratio, ours ÷ other: a dot a round, the median as a line; │ the target")
    axes.xaxis.set_major_formatter(lambda value, _: number(value))
    axes.grid(axis="x", which="major", alpha=0.3)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    figure.savefig(file, metadata={"Date": None})


def _draw_row(axes: Any, row: int, result: Result) -> None:
    colour = GOOD if result.met else BAD
    axes.plot(result.ratios, [row] * len(result.ratios), "o", color=colour, alpha=0.35, ms=5, mew=0)
    axes.vlines(result.ratio, row - 0.28, row + 0.28, color=colour, lw=2.5)
    axes.vlines(result.target, row - 0.4, row + 0.4, color=GREY, lw=1)
    direction = 1 if result.at_least else -1
    axes.plot(result.target, row - 0.4, marker=">" if direction > 0 else "<", color=GREY, ms=4)

"""The recording, drawn: small multiples over one time, the faults of the daemon marked."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from tests.soak.recording import Recording, Sample
from tests.soak.verdict import has_trend, slope, steady

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw"]

BLUE, ORANGE, GREEN, PURPLE, GREY = "#2563a8", "#d9730d", "#2f8f5b", "#7a4fa3", "#6b7280"
COLOURS: Final = (BLUE, ORANGE, GREEN, PURPLE, GREY)
FAULTS: Final = {"killed": "#c43333", "hung": "#c9a227"}
WARM: Final = "#f1f3f5"
HOSTS: Final = {"test driver": "test", "QEMU": "qemu"}
HEADROOM: Final = 0.11
"""For each row of the legend, as a part of the height."""

COLUMNS: Final = 3

_DIGITS: Final = re.compile(r"(\d\.\d\d)\d+")
"""More than hundredths of a point nobody sees, and they are half of the file."""

Value = Callable[[Sample], float]


@attrs.frozen
class Panel:
    """One of the small pictures."""

    title: str
    lines: dict[str, Value]


PANELS: Final[Sequence[Panel]] = (
    Panel("Resident memory, MB", {"": lambda s: s.rss / 1e6}),
    Panel("Python's memory blocks, thousands", {"": lambda s: s.blocks / 1e3}),
    Panel(
        "Open and running",
        {
            "descriptors": lambda s: s.descriptors,
            "threads": lambda s: s.threads,
            "tasks": lambda s: s.tasks,
            "callbacks": lambda s: s.callbacks,
            "connections": lambda s: s.connections,
        },
    ),
    Panel(
        "Queue lengths (test driver)",
        {
            "never read": lambda s: s.hosts["test"].queues["never read"],
            "stuck": lambda s: s.hosts["test"].queues["stuck"],
            "slow": lambda s: s.hosts["test"].queues["slow"],
            "fast": lambda s: s.hosts["test"].queues["fast"],
            "events": lambda s: s.hosts["test"].queues["events"],
        },
    ),
    Panel(
        "Staleness, s",
        {
            "test driver": lambda s: s.hosts["test"].staleness,
            "QEMU": lambda s: s.hosts["qemu"].staleness,
        },
    ),
    Panel("Longest stall of the loop, ms", {"": lambda s: s.stall * 1e3}),
    Panel("Handles of domains (a list holds them all)", {"": lambda s: s.handles}),
)


def draw(recording: Recording, path: Path) -> None:
    """Draw it into a file, SVG or PNG by its suffix."""
    import matplotlib as mpl

    mpl.use("svg" if path.suffix == ".svg" else "agg")
    import matplotlib.pyplot as plt

    style: dict[Any, Any] = {
        "font.size": 8,
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans"],  # else each text names a dozen fonts
        "svg.fonttype": "none",  # text stays text: small, and sharp
        "svg.hashsalt": "soak",  # the same recording, the same file
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with mpl.rc_context(style):
        figure, grid = plt.subplots(4, 2, figsize=(10, 10), sharex=True, layout="constrained")
        for axes, panel in zip(grid.flat, PANELS, strict=False):
            _draw_panel(axes, panel, recording)
        _draw_trend(grid.flat[0], recording)
        _draw_rates(grid.flat[len(PANELS)], recording)
        for axes in grid[-1]:
            axes.set_xlabel("minutes")
        _explain(figure)
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
        plt.close(figure)
    if path.suffix == ".svg":
        path.write_text(_DIGITS.sub(r"\1", path.read_text()))


def _draw_panel(axes: Axes, panel: Panel, recording: Recording) -> None:
    minutes = [sample.at / 60 for sample in recording.samples]
    for (name, value), colour in zip(panel.lines.items(), COLOURS, strict=False):
        values = [value(sample) for sample in recording.samples]
        axes.plot(minutes, values, color=colour, linewidth=1.0, label=name)
    _frame(axes, panel.title, recording)


def _draw_trend(axes: Axes, recording: Recording) -> None:
    """The line by which memory is judged."""
    after = steady(recording.samples)
    if not has_trend(after):
        return
    rise = slope(after, lambda sample: sample.rss)
    middle = statistics.mean(sample.at for sample in after)
    height = statistics.mean(sample.rss for sample in after)
    ends = [after[0].at, after[-1].at]
    axes.plot(
        [at / 60 for at in ends],
        [(height + rise * (at - middle)) / 1e6 for at in ends],
        color=ORANGE,
        linewidth=1.0,
        linestyle="--",
        label=f"trend: {rise * 3600 / 1e6:+.2f} MB an hour",
    )
    axes.legend(frameon=False, fontsize=7, loc="lower right")


def _draw_rates(axes: Axes, recording: Recording) -> None:
    pairs = list(zip(recording.samples, recording.samples[1:], strict=False))
    minutes = [after.at / 60 for _, after in pairs]
    for (name, host), colour in zip(HOSTS.items(), COLOURS, strict=False):
        rates = [
            (after.hosts[host].deltas - before.hosts[host].deltas) / (after.at - before.at)
            for before, after in pairs
        ]
        axes.plot(minutes, rates, color=colour, linewidth=1.0, label=name)
    _frame(axes, "Deltas a second, to a fast subscriber", recording)


def _explain(figure: Figure) -> None:
    from matplotlib.patches import Patch

    marks = [Patch(color=colour, label=f"daemon {what}") for what, colour in FAULTS.items()]
    warm = Patch(facecolor=WARM, edgecolor=GREY, linewidth=0.3, label="warm-up, not judged")
    figure.legend(handles=[*marks, warm], loc="outside lower center", ncols=3, frameon=False)


def _frame(axes: Axes, title: str, recording: Recording) -> None:
    last = recording.samples[-1].at / 60
    axes.axvspan(0, last / 4, color=WARM, linewidth=0, zorder=0)
    _mark_faults(axes, recording)
    axes.set_title(title, loc="left", fontsize=9, fontweight="bold", pad=8)
    axes.set_xlim(0, last)
    rows = math.ceil(len(axes.get_legend_handles_labels()[1]) / COLUMNS)
    axes.set_ylim(0, (1 + HEADROOM * rows) * axes.get_ylim()[1])
    axes.grid(axis="y", color="#e5e7eb", linewidth=0.5)
    if rows:
        axes.legend(frameon=False, fontsize=7, ncols=COLUMNS, loc="upper right")


def _mark_faults(axes: Axes, recording: Recording) -> None:
    """All of one kind as one line that is drawn in pieces: a file half the size."""
    nowhere = float("nan")
    for what, colour in FAULTS.items():
        times = [fault.at / 60 for fault in recording.faults if fault.what == what]
        axes.plot(
            [x for time in times for x in (time, time, nowhere)],
            [y for _ in times for y in (0.0, 1.0, nowhere)],
            transform=axes.get_xaxis_transform(),
            color=colour,
            linewidth=0.7,
            alpha=0.55,
            zorder=1,
        )

"""Pictures of a terminal, as SVG that needs nothing from a network."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable

import attrs
from rich.console import Console, RenderableType
from rich.terminal_theme import TerminalTheme
from rich.text import Text

import virtinformer as vi
from virtinformer._libvirt.probe import Trouble
from virtinformer.cli.advice import advise
from virtinformer.cli.board import Board
from virtinformer.cli.columns import Columns, Row
from virtinformer.cli.diff import diff_lines
from virtinformer.cli.doctor import Finding, finding_lines
from virtinformer.cli.lines import delta_line
from virtinformer.cli.output import Output
from virtinformer.cli.picture import Picture
from virtinformer.cli.sockets import Address

from . import scene

WIDTH = 104

THEME = TerminalTheme(
    (24, 26, 31),
    (208, 212, 220),
    [(24, 26, 31), (232, 108, 96), (138, 200, 120), (226, 190, 108), (110, 160, 230),
     (190, 140, 220), (100, 190, 200), (208, 212, 220)],
    [(96, 102, 114), (240, 130, 118), (160, 216, 142), (240, 208, 130), (134, 180, 244),
     (206, 164, 234), (126, 208, 216), (240, 242, 246)],
)  # fmt: skip

FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font-family: "Fira Code", "DejaVu Sans Mono", Menlo, Consolas, monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width;
}}
.{unique_id}-title {{ font-size: 18px; font-family: sans-serif; }}
{styles}
</style>
<defs>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""As rich has it, without the fonts that it would fetch."""

OUTPUT = Output(io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), "always")


def _board(*deltas: vi.Added | vi.Updated | vi.Deleted) -> Board:
    board = Board()
    for domain in scene.BEFORE:
        board.take(vi.Added(domain, domain.resource_version, vi.DeltaSource.INITIAL), 0.0)
    for delta in (vi.Synced(58), *deltas):
        board.take(delta, 0.0)
    return board


def _table(board: Board, health: vi.Health, version: int) -> Picture:
    entries = board.entries(0.0)
    size = (WIDTH, len(entries) + 3)
    return Picture(entries, health, version, "qemu:///system", "utf-8", *size, 0.0, scene.NOON)


def _watch() -> RenderableType:
    return _table(_board(scene.START, scene.ADD, scene.REMOVE), scene.WELL, 63)


def _away() -> RenderableType:
    return _table(_board(), scene.AWAY, 58)


def _typed(command: str, lines: Iterable[str]) -> RenderableType:
    return Text.from_ansi("\n".join([f"\x1b[1m$ {command}\x1b[0m", *lines]))


def _get() -> RenderableType:
    domains = sorted(scene.BEFORE, key=lambda domain: domain.name)
    # Versions, generations and ages begin with the command.
    rows = [
        Row(attrs.evolve(domain, resource_version=version, generation=1, observed_at=scene.NOON))
        for version, domain in enumerate(domains, 1)
    ]
    return _typed("virtinformer get", Columns(OUTPUT).lines(rows, scene.NOON))


def _diff() -> RenderableType:
    lines = [delta_line(scene.GROW, OUTPUT), *diff_lines(scene.GROW.diff(), OUTPUT)]
    return _typed("virtinformer diff db-main", lines)


def _doctor() -> RenderableType:
    hints = advise(Trouble.FORBIDDEN, Address.of("qemu:///system"), "Permission denied")
    findings = [
        Finding("program", "ok", "virtinformer 0.1.0, libvirt-python 12.8.0, libvirt 12.8.0, …"),
        Finding("address", "ok", "driver qemu at /run/libvirt/virtqemud-sock"),
        Finding("event loop", "ok", "is alive; started, and turned, in 1.2 ms"),
        Finding(
            "connection",
            "fail",
            "Failed to connect socket to '/run/libvirt/virtqemud-sock': Permission denied",
            tuple(hint.replace(f"uid {os.getuid()}", "uid 1000") for hint in hints),
        ),
        *(Finding(check, "skip", "") for check in ("host", "events", "reads", "informer")),
    ]
    lines = [line for finding in findings for line in finding_lines(finding, OUTPUT, WIDTH)]
    return _typed("virtinformer doctor -c qemu:///system", ["qemu:///system", *lines])


PICTURES: dict[str, Callable[[], RenderableType]] = {
    "watch": _watch,
    "watch-away": _away,
    "get": _get,
    "diff": _diff,
    "doctor": _doctor,
}


def picture(name: str) -> str:
    """One of the pictures, as SVG."""
    console = Console(
        record=True,
        width=WIDTH,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
    )
    console.print(PICTURES[name](), highlight=False, markup=False, emoji=False)
    return console.export_svg(title="", theme=THEME, code_format=FORMAT, unique_id=f"vi-{name}")

"""Plain SVG, by hand: boxes, arrows between them, and text.

The pictures are put *into* the pages (``{raw} html``), so they use the colours of the theme, light
or dark, by its CSS variables. Opened by themselves they follow what the system prefers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Final

import attrs

__all__ = ["HUES", "Box", "Picture", "Point"]

Point = tuple[float, float]

HUES: Final = {
    "blue": "#2f7fe0",
    "green": "#1f9d55",
    "amber": "#d08700",
    "red": "#dd4444",
    "violet": "#9457d6",
    "teal": "#0f9aa3",
    "grey": "#8a8f98",
}

_LETTER: Final = 7.3
"""Pixels; as wide as a letter of the labels is."""

_STYLE: Final = """\
.vi-picture { max-width: 100%; height: auto; font: 13px system-ui, sans-serif;
  --ink: var(--color-foreground-primary, #1b1f24); --paper: var(--color-background-primary, #fff);
  --faint: var(--color-foreground-muted, #6b7280); }
@media (prefers-color-scheme: dark) { svg.vi-picture:root {
  --ink: #e6e8eb; --paper: #15181c; --faint: #9aa2ad; background: #15181c; } }
.vi-picture text { fill: var(--ink); }
.vi-picture .faint { fill: var(--faint); }
.vi-picture .code { font-family: ui-monospace, monospace; font-size: 12px; }
.vi-picture .bold { font-weight: 600; }
.vi-picture .under { fill: var(--paper); }
.vi-picture .box { fill: var(--paper); stroke: var(--ink); stroke-width: 1.4px; }
.vi-picture .group { fill: none; stroke: var(--faint); stroke-dasharray: 5 4; }
.vi-picture .line { fill: none; stroke-width: 1.6px; stroke: var(--hue); }
.vi-picture .dashed { stroke-dasharray: 4 4; }
.vi-picture .head, .vi-picture text.hue { fill: var(--hue); }
.vi-picture .hue { --hue: var(--ink); }
"""


@attrs.frozen
class Box:
    """A rectangle with its middle at (`x`, `y`)."""

    x: float
    y: float
    width: float
    height: float

    def border(self, towards: Point) -> Point:
        """Where the line from the middle to a point outside leaves it."""
        dx, dy = towards[0] - self.x, towards[1] - self.y
        scale = min(
            self.width / 2 / abs(dx) if dx else math.inf,
            self.height / 2 / abs(dy) if dy else math.inf,
        )
        return self.x + dx * scale, self.y + dy * scale


class Picture:
    """A picture in the making.

    Args:
        name: of the file, without its suffix.
        title: what it shows, for who cannot see it.
        width, height: in pixels.
    """

    def __init__(self, name: str, title: str, width: int, height: int) -> None:
        self.name = name
        self.title = title
        self._size = (width, height)
        self._parts: list[str] = []

    def box(self, box: Box, lines: Sequence[str], *, kind: str = "box") -> None:
        """A rectangle; of its lines the first is its name, and the others are small."""
        left, top = box.x - box.width / 2, box.y - box.height / 2
        self._add(
            f'<rect class="{kind}" x="{left:g}" y="{top:g}" '
            f'width="{box.width:g}" height="{box.height:g}" rx="7"/>'
        )
        for number, line in enumerate(lines):
            y = box.y - (len(lines) - 1) * 8 + number * 17 + 4
            self.text((box.x, y), line, kind="faint code" if number else "bold")

    def text(
        self, at: Point, text: str, *, kind: str = "", hue: str = "", anchor: str = "middle"
    ) -> None:
        """A line of text; `anchor` says which end of it `at` is."""
        self._add(
            f'<text class="{kind}{" hue" if hue else ""}"{_hue(hue)} x="{at[0]:g}" y="{at[1]:g}" '
            f'text-anchor="{anchor}">{escape(text, quote=False)}</text>'
        )

    def arrow(
        self,
        start: Box | Point,
        end: Box | Point,
        labels: Sequence[str] = (),
        *,
        hue: str = "",
        bend: float = 0.0,
        along: float = 0.5,
        kind: str = "",
    ) -> None:
        """An arrow, bent to its left by so many pixels, with labels where they are told."""
        (x0, y0), (x2, y2) = _middle(start), _middle(end)
        length = math.hypot(x2 - x0, y2 - y0) or 1.0
        control = (
            (x0 + x2) / 2 + (y2 - y0) / length * bend * 2,
            (y0 + y2) / 2 - (x2 - x0) / length * bend * 2,
        )
        tail = start.border(control) if isinstance(start, Box) else start
        tip = end.border(control) if isinstance(end, Box) else end
        (tx, ty), (cx, cy), (ex, ey) = tail, control, tip
        self._add(
            f'<path class="line hue {kind}"{_hue(hue)} '
            f'd="M{tx:.1f} {ty:.1f} Q{cx:.1f} {cy:.1f} {ex:.1f} {ey:.1f}"/>'
        )
        self._head(control if bend else tail, tip, hue)
        rest = 1 - along
        x = rest * rest * tx + 2 * rest * along * cx + along * along * ex
        y = rest * rest * ty + 2 * rest * along * cy + along * along * ey
        self.labels((x, y), labels, hue)

    def labels(self, at: Point, lines: Sequence[str], hue: str = "") -> None:
        """Lines around a point, legible on whatever they cross."""
        for number, line in enumerate(lines):
            self.label((at[0], at[1] - (len(lines) - 1) * 7.5 + number * 15 + 4), line, hue)

    def label(self, at: Point, line: str, hue: str = "") -> None:
        """A line of code on a ground of its own."""
        width = _LETTER * len(line) + 4
        self._add(
            f'<rect class="under" x="{at[0] - width / 2:.1f}" y="{at[1] - 11:.1f}" '
            f'width="{width:.1f}" height="14"/>'
        )
        self.text(at, line, kind="code", hue=hue)

    def line(self, start: Point, end: Point, *, hue: str = "", kind: str = "") -> None:
        """A straight line."""
        (x0, y0), (x1, y1) = start, end
        self._add(
            f'<path class="line hue {kind}"{_hue(hue)} d="M{x0:.1f} {y0:.1f} L{x1:.1f} {y1:.1f}"/>'
        )

    def dot(self, at: Point, *, hue: str = "") -> None:
        """A small disc."""
        self._add(f'<circle class="head hue"{_hue(hue)} cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="5"/>')

    def __str__(self) -> str:
        width, height = self._size
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="vi-picture" role="img" '
            f'viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        )
        title = f"<title>{escape(self.title)}</title>"
        return "\n".join([head, title, f"<style>\n{_STYLE}</style>", *self._parts, "</svg>", ""])

    def _head(self, origin: Point, tip: Point, hue: str) -> None:
        angle = math.atan2(tip[1] - origin[1], tip[0] - origin[0])
        corners = [tip] + [
            (tip[0] - 9 * math.cos(angle + turn), tip[1] - 9 * math.sin(angle + turn))
            for turn in (0.42, -0.42)
        ]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
        self._add(f'<polygon class="head hue"{_hue(hue)} points="{points}"/>')

    def _add(self, part: str) -> None:
        self._parts.append(part)


def _middle(end: Box | Point) -> Point:
    return (end.x, end.y) if isinstance(end, Box) else end


def _hue(name: str) -> str:
    """A hue of the palette, darker on a light page and lighter on a dark one."""
    if not name:
        return ""
    return f' style="--hue: color-mix(in srgb, {HUES[name]} 80%, var(--ink))"'

"""Domains in columns, as kubectl has them: text that can also be cut and sorted.

A name is never cut short. A column is as wide as what stands in it at first; what
comes later, while watching, is set under it as far as it fits.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final
from xml.etree import ElementTree

import attrs

import virtinformer as vi

from .duration import age
from .lines import STATE_STYLES
from .output import Output, Style

__all__ = ["CELLS", "Columns", "Row", "width_of"]

_GAP: Final = 3
"""Spaces between columns, as kubectl has them."""


@attrs.frozen
class Row:
    """What one line tells of: a domain, and the reason of its deletion if it is gone."""

    domain: vi.Domain
    gone: vi.DeletionReason | None = None

    @property
    def state(self) -> str:
        """The state; with a question mark until state and XML are known to belong together."""
        if self.gone is not None:
            return "deleted" if self.gone is not vi.DeletionReason.FILTERED else "filtered"
        return f"{self.domain.state}{'' if self.domain.settled else '?'}"

    @property
    def reason(self) -> str:
        """Why it is in that state, or gone."""
        return str(self.domain.reason) if self.gone is None else self.gone.value

    @property
    def style(self) -> Style:
        """The colours of the state."""
        return {"fg": "red"} if self.gone else STATE_STYLES.get(self.domain.state, {})


Cell = Callable[[Row, datetime], str]


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _attribute(name: str) -> Cell:
    return lambda row, _now: str(getattr(row.domain, name))


def _element(path: str, otherwise: str = "?") -> Cell:
    def cell(row: Row, _now: datetime) -> str:
        try:
            return (row.domain.element.findtext(path) or otherwise).strip()
        except ElementTree.ParseError:
            return otherwise

    return cell


def _memory(row: Row, _now: datetime) -> str:
    """In MiB; libvirt gives KiB."""
    text = _element("memory")(row, _now)
    return f"{int(text) // 1024}Mi" if text.isdecimal() else text


CELLS: Final[dict[str, Cell]] = {
    "NAME": _attribute("name"),
    "STATE": lambda row, _now: row.state,
    "REASON": lambda row, _now: row.reason,
    "VERSION": _attribute("resource_version"),
    "GEN": _attribute("generation"),
    "PERSISTENT": lambda row, _now: _yes(row.domain.persistent),
    "AUTOSTART": lambda row, _now: _yes(row.domain.autostart),
    "AGE": lambda row, now: age((now - row.domain.observed_at).total_seconds()),
}
_MORE: Final[dict[str, Cell]] = {
    "ID": lambda row, _now: str(row.domain.id) if row.domain.active else "-",
    "VCPUS": _element("vcpu"),
    "MEMORY": _memory,
    "UUID": _attribute("uuid"),
}


class Columns:
    """A table that can grow.

    Args:
        output: what it is for; says what can be shown there.
        wide: whether to add what only some want.
    """

    def __init__(self, output: Output, *, wide: bool = False) -> None:
        self._output = output
        self._columns = CELLS | (_MORE if wide else {})
        self._widths: list[int] = [0] * len(self._columns)

    def lines(
        self, rows: Iterable[Row], now: datetime, *, headed: bool = True, fitted: bool = True
    ) -> list[str]:
        """The lines of rows.

        Args:
            rows: what they tell of.
            now: the time, for ages.
            headed: whether the names of the columns come first.
            fitted: whether the columns become as wide as these rows want them.
        """
        chosen = list(rows)
        cells = [self._cells(row, now) for row in chosen]
        head = [list(self._columns)] if headed else []
        if fitted:
            self._widths = [
                max((width_of(row[place]) for row in head + cells), default=0)
                for place in range(len(self._columns))
            ]
        body = [self._line(row, style=of.style) for row, of in zip(cells, chosen, strict=True)]
        return [self._output.paint(self._line(row), bold=True) for row in head] + body

    def _cells(self, row: Row, now: datetime) -> list[str]:
        return [self._output.shown(cell(row, now)) for cell in self._columns.values()]

    def _line(self, cells: Sequence[str], style: Style | None = None) -> str:
        parts = [
            cell + " " * (max(0, width - width_of(cell)) + _GAP)
            for cell, width in zip(cells, self._widths, strict=True)
        ]
        # The last cell has nothing to be kept away from.
        parts[-1] = cells[-1]
        if style:
            parts[1] = parts[1].replace(cells[1], self._output.paint(cells[1], **style), 1)
        return "".join(parts)


def width_of(text: str) -> int:
    """How many columns of a terminal a printable text takes."""
    if text.isascii():
        return len(text)
    return sum(_width(character) for character in text)


def _width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1

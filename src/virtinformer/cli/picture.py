"""How a `Board` looks on a terminal.

What does not fit is left out, the least telling first: whole columns where it is
narrow, domains that did not change where it is low, the end of a long name. The last
line is about the informer itself, so that a table that stands still because nothing
happens can be told from one whose host is away.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

import attrs
from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group
from rich.style import Style
from rich.text import Text

import virtinformer as vi

from .board import Entry, chosen
from .columns import CELLS
from .duration import age
from .opening import reason_of
from .output import Output
from .output import Style as Look
from .text import encodable, printable

__all__ = ["Picture", "console_of"]

_GAP: Final = 2
_NAME_ROOM: Final = 20
"""Columns that a name gets before others are left out."""

_DROPPED: Final = ("TOLD BY", "AUTOSTART", "PERSISTENT", "GEN", "VERSION", "REASON", "AGE")
"""The columns in the order in which they go where there is no room."""

_FIELDS: Final = {
    "NAME": "name",
    "STATE": "state",
    "REASON": "reason",
    "GEN": "generation",
    "PERSISTENT": "persistent",
    "AUTOSTART": "autostart",
}
_MAIN: Final = ("NAME", "STATE", "REASON")
_RIGHT: Final = frozenset({"VERSION", "GEN", "AGE"})
_SIGNS: Final = {"+": "green", "~": "yellow", "-": "red"}
_FAINT: Final = frozenset({"VERSION", "GEN", "TOLD BY", "AGE"})
_BOLD: Final = Style(bold=True)
_DIM: Final = Style(dim=True)
_LIT: Final = Style(bold=True, dim=False)
_NEWS: Final = Style(bold=True, dim=False, reverse=True)
_COLUMNS: Final = (*CELLS, "TOLD BY")


@attrs.frozen
class Picture:
    """One picture of a board, as something that rich can draw.

    Attributes:
        entries: all there are.
        health: how the informer is doing.
        version: the version of the state.
        host: what to call the host.
        encoding: what the terminal can show.
        width: columns there are.
        height: lines there are.
        now: on the clock of the entries.
        time: the time of day, for ages.
    """

    entries: Sequence[Entry]
    health: vi.Health
    version: int
    host: str
    encoding: str
    width: int
    height: int
    now: float
    time: datetime

    def __rich__(self) -> Group:
        """The table, what is missing from it, and the last line."""
        room = max(0, self.height - 2)
        entries = list(self.entries)
        missing = []
        if len(entries) > room:
            entries = chosen(entries, max(0, room - 1))
            count = len(self.entries) - len(entries)
            missing = [Text(f"and {count} more", "dim", no_wrap=True, overflow="crop")][:room]
        # Filled up, so that the last line is the last.
        empty = [Text("")] * (room - len(entries) - len(missing))
        return Group(*self._table(entries), *empty, *missing, self._footer())

    def _text(self, text: str, style: str | Style = "") -> Text:
        return Text(encodable(printable(text), self.encoding), style, no_wrap=True, end="")

    # ------------------------------------------------------------------ the table

    def _table(self, entries: list[Entry]) -> list[Text]:
        """The lines of the table; not rich's own, which takes several times as long."""
        cells = [{name: self._cell(entry, name) for name in _COLUMNS} for entry in entries]
        widths = {
            name: max(map(cell_len, (name, *(row[name] for row in cells)))) for name in _COLUMNS
        }
        self._fit(widths)
        head = self._line("", "", {name: (name, _BOLD) for name in widths}, widths)
        lines = [self._body(entry, row, widths) for entry, row in zip(entries, cells, strict=True)]
        return [head, *lines]

    def _body(self, entry: Entry, row: dict[str, str], widths: dict[str, int]) -> Text:
        lit = entry.is_lit(self.now)
        sign = (entry.sign, f"bold {_SIGNS.get(entry.sign, '')}") if lit else ("", "")
        cells = {name: (row[name], self._look(entry, name, lit=lit)) for name in widths}
        return self._line(*sign, cells, widths)

    def _line(
        self, sign: str, style: str, cells: dict[str, tuple[str, Style]], widths: dict[str, int]
    ) -> Text:
        line = Text(no_wrap=True, overflow="crop")
        line.append(f"{sign:1}", style)
        for name, (cell, look) in cells.items():
            text = self._cut(cell, widths[name])
            gap = " " * (widths[name] - cell_len(text))
            right = name in _RIGHT
            line.append(" " * _GAP + (gap if right else ""))
            line.append(text, look)
            line.append("" if right else gap)
        return line

    def _fit(self, widths: dict[str, int]) -> None:
        """Take columns away until the others have room; the name gets what is left of it."""
        wanted = widths["NAME"]
        widths["NAME"] = min(wanted, _NAME_ROOM)
        for name in _DROPPED:
            if self._taken(widths) > self.width:
                del widths[name]
        free = self.width - self._taken(widths)
        widths["NAME"] = max(4, min(wanted, widths["NAME"] + free))
        over = self._taken(widths) - self.width
        widths["STATE"] = max(4, widths["STATE"] - max(0, over))

    def _taken(self, widths: dict[str, int]) -> int:
        return 1 + _GAP + sum(widths.values()) + _GAP * (len(widths) - 1)

    def _cell(self, entry: Entry, name: str) -> str:
        text = entry.told if name == "TOLD BY" else CELLS[name](entry.row, self.time)
        return self._text(text).plain

    def _cut(self, text: str, width: int) -> str:
        if cell_len(text) <= width:
            return text
        mark = encodable("…", self.encoding)
        return set_cell_size(text, width - 1) + (mark if len(mark) == 1 else "~")

    def _look(self, entry: Entry, name: str, *, lit: bool) -> Style:
        look = _style(entry.row.style) if name in ("STATE", "REASON") else Style()
        if not lit:
            return _DIM if name in _FAINT else look
        # Of what is new or gone, what it is; of the rest, what changed.
        is_news = name in _MAIN if entry.sign in "+-" else _FIELDS.get(name) in entry.changed
        return look + _NEWS if is_news else look + _LIT

    # ------------------------------------------------------------------ the last line

    def _footer(self) -> Text:
        line = Text(no_wrap=True, end="")
        for part in self._parts():
            gap = "  " if line else ""
            if not line:
                part.truncate(self.width)
            if line.cell_len + len(gap) + part.cell_len > self.width:
                return line
            line.append(gap).append_text(part)
        if not self.health.connected:
            line.append_text(self._reason(self.width - line.cell_len))
        return line

    def _parts(self) -> Iterator[Text]:
        """The more important first: what has no room is left out."""
        health = self.health
        if health.connected:
            yield self._text("connected", "bold green")
        else:
            yield self._text("AWAY", "bold white on red")
        words = "synced" if health.synced else "not synced"
        yield self._text(words, "green" if health.synced else "yellow")
        stale = "yellow" if health.staleness >= 1 else "dim"
        yield self._text(f"stale {age(health.staleness)}", stale)
        yield self._text(f"version {self.version}")
        yield self._text(
            f"reconnects {health.reconnects}", "yellow" if health.reconnects else "dim"
        )
        if health.connected:
            yield self._text(f"{len(self.entries)} domains")
            yield self._text(self.host, "dim")
            yield self._text("Ctrl-C ends", "dim")

    def _reason(self, room: int) -> Text:
        """Why the host is away, as far as there is room."""
        text = encodable(reason_of(self.health.last_error), self.encoding)
        if room < 10 or not text:
            return Text("")
        return Text(f"  {self._cut(text, room - 2)}", "red")


def console_of(output: Output) -> Console:
    """The console of rich for our output: what is plain stays plain."""
    return Console(
        file=output.stream,
        force_terminal=True,
        no_color=not output.colour,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )


def _style(words: Look) -> Style:
    """The style that `click.style` would make of the same words."""
    return Style(
        color=words.get("fg"), bold=words.get("bold") or None, dim=words.get("dim") or None
    )

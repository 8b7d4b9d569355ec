"""Standard output: where it goes, what it can show, and a line at a time.

A line is there as soon as it is said, also in a pipe. A reader that stands still
(a pager, a terminal after Ctrl-S) makes a write wait, and Python begins such a
write again after a signal; so whoever handles Ctrl-C must know whether one is
under way (`Output.is_writing`), and what it has not taken is then given up.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TextIO, TypedDict, Unpack

import click

from .text import encodable, printable, xml_text

__all__ = ["Output", "Style", "is_terminal"]


class Style(TypedDict, total=False):
    """How a text is to look, in the words of `click.style`."""

    fg: str
    bold: bool
    dim: bool


class Output:
    """What a command says, on a stream.

    Promise: what came through `shown` or `xml` can neither disturb a terminal nor
    be more than its encoding has.

    Args:
        stream: standard output.
        colour: ``"always"``, ``"never"`` or ``"auto"``: on a terminal, unless the
            environment asks for none (https://no-color.org) or it is a dumb one.
    """

    def __init__(self, stream: TextIO, colour: str = "auto") -> None:
        self.stream: Final[TextIO] = stream
        self.encoding: Final[str] = getattr(stream, "encoding", None) or "utf-8"
        self.is_terminal: Final[bool] = stream.isatty()
        self.width: Final[int | None] = _width(stream) if self.is_terminal else None
        """Columns; ``None`` where a line may be as long as it is."""
        self.colour: Final[bool] = colour == "always" or (colour == "auto" and self._wants_colour())
        self.is_writing: bool = False
        self._is_interrupted = False

    @property
    def can_redraw(self) -> bool:
        """Whether it is a terminal on which what was written can be written over."""
        return is_terminal(self.stream)

    def _wants_colour(self) -> bool:
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        return self.is_terminal and not plain

    def shown(self, text: str) -> str:
        """A name, as it is shown here."""
        return encodable(printable(text), self.encoding)

    def xml(self, text: str) -> str:
        """XML, as it is shown here."""
        return encodable(xml_text(text), self.encoding, xml=True)

    def paint(self, text: str, **style: Unpack[Style]) -> str:
        """The text in colours (those of `click.style`), where there are any."""
        return click.style(text, **style) if self.colour and style else text

    def line(self, text: str) -> None:
        """Say a line. It must be fit to be shown already."""
        with self.writing():
            self.stream.write(f"{encodable(text, self.encoding)}\n")
            self.stream.flush()

    def record(self, record: object, *, indent: int | None = None) -> None:
        """Say a value as JSON, in ASCII: on one line, unless indented."""
        self.line(json.dumps(record, indent=indent))

    @contextmanager
    def writing(self) -> Iterator[None]:
        """While it lasts, a signal cannot wait for its turn. Stays so if the write fails."""
        self.is_writing = True
        if self._is_interrupted:
            raise KeyboardInterrupt  # the signal came just before; this write might never end
        yield
        self.is_writing = False

    def interrupt(self) -> None:
        """Write nothing any longer (called by the handler of a signal).

        Raises:
            KeyboardInterrupt: if a write is under way, so that it is torn out of it.
        """
        self._is_interrupted = True
        if self.is_writing:
            raise KeyboardInterrupt

    def abandon(self) -> None:
        """Give up what was not taken, so that the end of the process does not wait for it."""
        try:
            number = self.stream.fileno()
        except (OSError, ValueError):  # a stream of a test, or closed
            return
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, number)
        os.close(null)

    def pipe(self) -> int | None:
        """The descriptor of the pipe that this goes to; ``None`` if it is none."""
        try:
            number = self.stream.fileno()
            return number if stat.S_ISFIFO(os.fstat(number).st_mode) else None
        except (OSError, ValueError):
            return None


def _width(stream: TextIO) -> int | None:
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None


def is_terminal(stream: TextIO | None = None) -> bool:
    """Whether a stream (standard error) is one, and may be written to in place."""
    stream = stream or sys.stderr
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"

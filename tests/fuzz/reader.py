"""Bytes, read as whatever is wanted.

Everything is taken from the front, a byte at a time where that will do, so that a
small change of the bytes is a small change of the story. Bytes that are used up
read as zeros; `more` says when to stop.

Numbers are small ones and a few extremes, and not all of 32 bits: what the code
knows is below 30, and all that it does not know is alike to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

__all__ = ["EXTREMES", "NASTY", "Reader"]

T = TypeVar("T")

EXTREMES: Final = (-(2**63), -(2**31), -2, -1, 42, 127, 255, 2**31 - 1, 2**31, 2**32, 2**63, 2**64)
"""Numbers at which some integer type ends, and two that nobody uses yet."""

NASTY: Final = (
    "",
    "web",
    "a\nb",
    "\r",
    "\x00",
    "\x1b[2J\x1b]0;title\x07",
    "\x7f\x80\x9f",
    "'\"`$(reboot)\\",
    "&<>;",
    "&amp;",
    "\u202egnp.exe",
    "\u2028\u2029\u0085",
    "\ud800",
    "\udcff\udc80",
    "\U0001f600",
    "%s%n{0}",
    "../../etc/passwd",
    "--xml",
    "x" * 5000,
    "-->]]>",
    "e\u0301\u0327",
    "\ufeff\ufffe\uffff",
)
"""Texts that have broken other programs."""


class Reader:
    """Takes values from the front of some bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def more(self) -> bool:
        """Whether there are bytes left."""
        return self._at < len(self._data)

    def byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def take(self, count: int) -> bytes:
        """Some bytes; fewer if there are no more."""
        taken = self._data[self._at : self._at + count]
        self._at += count
        return taken

    def flag(self) -> bool:
        return bool(self.byte() & 1)

    def below(self, end: int) -> int:
        """A number from 0 up to `end`, which is at most 256."""
        return self.byte() % end

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.below(len(choices))]

    def number(self) -> int:
        """A number as libvirt may send it: mostly one that means something."""
        byte = self.byte()
        return EXTREMES[byte % len(EXTREMES)] if byte >= 0xE0 else byte % 32

    def text(self) -> str:
        """A text of any characters: what is not UTF-8 becomes a lone surrogate."""
        length = self.byte()
        if length >= 0xC0:
            return NASTY[length % len(NASTY)]
        return self.take(length).decode("utf-8", "surrogateescape")

"""Lengths of time, as people write and read them.

They are written as for kubectl and ``timeout``: ``90``, ``90s``, ``5m``, ``1h30m``,
and read with the precision that is of use: seconds for what is young, days for
what is old (kubectl's AGE).
"""

from __future__ import annotations

import re
from typing import Final

import click

__all__ = ["age", "duration", "length", "seconds_of"]

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART: Final = r"(\d+(?:\.\d*)?|\.\d+)(ms|[smhd])"
_NUMBER: Final = re.compile(r"\d+(\.\d*)?|\.\d+", re.ASCII)
_WHOLE: Final = re.compile(rf"(?:{_PART})+", re.ASCII)


def seconds_of(text: str) -> float:
    """The seconds that a text means: a bare number, or numbers with units.

    Raises:
        ValueError: if it means none.
    """
    text = text.strip()
    sign, size = (-1.0, text[1:]) if text.startswith("-") else (1.0, text)
    if _NUMBER.fullmatch(size):
        return sign * float(size)
    if not _WHOLE.fullmatch(size):
        raise ValueError(f"{text!r} is no duration; write 30, 30s, 5m or 1h30m")
    return sign * sum(float(number) * _UNITS[unit] for number, unit in re.findall(_PART, size))


def age(seconds: float) -> str:
    """So long ago: two digits or so, and a unit; never negative, whatever the clocks say."""
    whole = max(0, int(seconds))
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "m"), (172800, 3600, "h")):
        if whole < limit:
            return f"{whole // size}{unit}"
    return f"{whole // 86400}d"


def length(seconds: float) -> str:
    """A length of time as it would be written: short ones in milliseconds."""
    return f"{seconds * 1000:.0f}ms" if seconds < 1 else f"{seconds:g}s"


def duration(text: str) -> float:
    """The type of an option: see `seconds_of`."""
    try:
        return seconds_of(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None

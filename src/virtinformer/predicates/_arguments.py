"""What predicates are made of: their arguments, checked and printed."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from ..exceptions import PredicateError

__all__ = ["call", "glob", "one_of", "some"]

T = TypeVar("T")


def some(what: str, values: Iterable[T]) -> tuple[T, ...]:
    """The values.

    Raises:
        PredicateError: if there is none: nothing would match, which nobody means.
    """
    given = tuple(values)
    if not given:
        raise PredicateError(f"{what} needs at least one value")
    return given


def one_of(what: str, known: Mapping[str, T], given: str) -> T:
    """What is known by a word.

    Raises:
        PredicateError: if nothing is.
    """
    try:
        return known[given]
    except KeyError:
        close = difflib.get_close_matches(given, known, 1)
        meant = f" (did you mean {close[0]}?)" if close else ""
        raise PredicateError(
            f"{given!r} is no {what}{meant}: use one of {', '.join(known)}"
        ) from None


def glob(what: str, patterns: Iterable[str]) -> Callable[[str], bool]:
    """Whether a text matches one of the patterns, which are as a shell has them.

    Raises:
        PredicateError: if there is none.
    """
    expressions = map(fnmatch.translate, some(what, patterns))
    match = re.compile("|".join(expressions)).match
    return lambda text: match(text) is not None


def call(function: str, arguments: Iterable[object]) -> str:
    """How a predicate is printed: as the call that makes it."""
    return f"{function}({', '.join(map(repr, arguments))})"

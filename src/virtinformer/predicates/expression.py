"""Predicates as text, for command lines and files of settings.

The grammar::

    expression = term { blanks term }             all of them hold
    term       = key ( "=" | "!=" ) values
    values     = value { "," value }              one of them holds
    value      = what has no blank, comma or quote
               | '"' what has no '"' '"' | "'" what has no "'" "'"

It is the smallest that can say what people ask of a list of domains. What needs more
is written in Python, with ``&``, ``|`` and ``~``.
"""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Callable, Iterator
from typing import Final

from .._core.predicate import Predicate
from ..exceptions import PredicateError
from ._arguments import one_of
from .changes import changed, event
from .domains import active, autostart, metadata, name, persistent, state, uuid

__all__ = ["parse"]


def parse(text: str) -> Predicate:
    """The predicate that an expression describes: ``parse("name=web-* state!=shutoff")``.

    An expression is a row of terms, all of which are to hold. A term is a key, ``=`` or
    ``!=``, and values with commas in between, one of which (or none) is to hold. A value
    with a blank or a comma in it is put in quotes. The keys:

    * ``name``: patterns (``name=web-*,db-?``);
    * ``uuid``: UUIDs;
    * ``state``: ``running``, ``paused``, ``shutoff``, …;
    * ``persistent``, ``autostart``, ``active``: ``yes`` or ``no``;
    * ``metadata``: namespaces of metadata elements;
    * ``changed``: fields, as in `changed`;
    * ``event``: patterns for types of events, as in `event`.

    Raises:
        PredicateError: if it cannot be understood; the message says which part, and what
            is possible.
    """
    return functools.reduce(operator.and_, [_term(*parts) for parts in _terms(text)])


_VALUE: Final = r"""(?:"[^"]*"|'[^']*'|[^\s,"']+)"""
_TERM: Final = re.compile(rf"(\w+)(!?=)({_VALUE}(?:,{_VALUE})*)(?=\s|$)")
_BLANKS: Final = re.compile(r"\s*")


def _terms(text: str) -> Iterator[tuple[str, str, list[str]]]:
    """Key, operator and values of each term."""
    if not text.strip():
        raise PredicateError("the expression is empty: say, for example, state=running")
    position = _after_blanks(text, 0)
    while position < len(text):
        found = _TERM.match(text, position)
        if found is None:
            raise PredicateError(_complaint(text[position:]))
        key, sign, values = found.groups()
        yield key, sign, [_unquoted(value) for value in re.findall(_VALUE, values)]
        position = _after_blanks(text, found.end())


def _after_blanks(text: str, position: int) -> int:
    found = _BLANKS.match(text, position)
    return found.end() if found else position


def _unquoted(value: str) -> str:
    return value[1:-1] if value[0] in "\"'" else value


def _complaint(rest: str) -> str:
    """What is wrong with the term that comes next."""
    term = rest.split(maxsplit=1)[0]
    if rest.count('"') % 2 or rest.count("'") % 2:
        return f"a quote is not closed in {rest!r}"
    if "=" not in term:
        return f"{term!r} is no term: say key=value or key!=value, with no blanks around the sign"
    return f"{term!r} is no term: say key=value,value; put a value with blanks or commas in quotes"


def _term(key: str, sign: str, values: list[str]) -> Predicate:
    predicate = one_of("key", _KEYS, key)(values)
    return predicate if sign == "=" else ~predicate


def _any_of(make: Callable[..., Predicate]) -> Callable[[list[str]], Predicate]:
    return lambda values: make(*values)


def _either(values: list[str]) -> Predicate:
    return functools.reduce(operator.or_, [metadata(value) for value in values])


def _flag(key: str, predicate: Predicate) -> Callable[[list[str]], Predicate]:
    def of(values: list[str]) -> Predicate:
        if len(values) > 1:
            raise PredicateError(f"{key} takes one value, yes or no, not {','.join(values)!r}")
        holds = one_of(f"value of {key}", _WORDS, values[0].lower())
        return predicate if holds else ~predicate

    return of


_WORDS: Final = {"yes": True, "no": False, "true": True, "false": False}

_KEYS: Final[dict[str, Callable[[list[str]], Predicate]]] = {
    "name": _any_of(name),
    "uuid": _any_of(uuid),
    "state": _any_of(state),
    "persistent": _flag("persistent", persistent),
    "autostart": _flag("autostart", autostart),
    "active": _flag("active", active),
    "metadata": _either,
    "changed": _any_of(changed),
    "event": _any_of(event),
}

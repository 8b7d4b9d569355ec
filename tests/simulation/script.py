"""A world as a value: what happens, when.

A script is a list of steps in the order of their times, and the options of host and
informer. It holds everything: the same script gives the same history, on every machine. A
step that is not possible when its time comes is left out, so any part of a script is a
script as well, and one that fails can be shortened step by step.

Domains are numbers from 1, subscribers are names. No name of a domain is used in two lives,
so that a name tells the life.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import attrs

__all__ = ["Script", "Step", "uuid_of"]


def uuid_of(number: int) -> UUID:
    """The UUID of the domain of that number."""
    return UUID(int=number)


@attrs.frozen(init=False, repr=False)
class Step:
    """One thing to do.

    Attributes:
        at: when, in seconds of virtual time.
        deed: what; see `stage` and `crowd`.
        arguments, options: of the deed.
    """

    at: float
    deed: str
    arguments: tuple[Any, ...]
    options: Mapping[str, Any] = attrs.field(hash=False)

    def __init__(self, at: float, deed: str, *arguments: Any, **options: Any) -> None:
        self.__attrs_init__(at, deed, arguments, options)

    def __repr__(self) -> str:
        words = [repr(self.at), _text(self.deed), *map(_text, self.arguments)]
        words += [f"{name}={_text(value)}" for name, value in self.options.items()]
        return f"Step({', '.join(words)})"

    def without(self, option: str) -> Step:
        """The same with the default for one option."""
        rest = {name: value for name, value in self.options.items() if name != option}
        return Step(self.at, self.deed, *self.arguments, **rest)


def _tuple_of(steps: Iterable[Step]) -> Sequence[Step]:
    return tuple(steps)


@attrs.frozen
class Script:
    """A world.

    Attributes:
        steps: what happens, in the order of time.
        seed: throws the host's dice, and the informer's.
        keepalive, eager_reads: of the host; see `FakeHost`.
        latency: how slow the host is at first; fields of `Latency`.
        resync_period, reorder_window, history, connect_timeout: of the informer.
    """

    steps: Sequence[Step] = attrs.field(default=(), converter=_tuple_of)
    seed: int = attrs.field(default=0, kw_only=True)
    keepalive: float = attrs.field(default=3.0, kw_only=True)
    eager_reads: bool = attrs.field(default=False, kw_only=True)
    latency: Mapping[str, float] = attrs.field(factory=dict, kw_only=True)
    resync_period: float | None = attrs.field(default=5.0, kw_only=True)
    reorder_window: float = attrs.field(default=0.1, kw_only=True)
    history: int = attrs.field(default=1024, kw_only=True)
    connect_timeout: float = attrs.field(default=30.0, kw_only=True)

    @property
    def of_informer(self) -> dict[str, Any]:
        """The options that the informer has."""
        names = ("resync_period", "reorder_window", "history", "connect_timeout")
        return {name: getattr(self, name) for name in names}

    def changed(self) -> dict[str, Any]:
        """The options that are not the default."""
        default = Script()
        names = [field.name for field in attrs.fields(Script) if field.name != "steps"]
        return {n: getattr(self, n) for n in names if getattr(self, n) != getattr(default, n)}

    def with_steps(self, steps: Sequence[Step]) -> Script:
        """The same with other steps."""
        return attrs.evolve(self, steps=steps)

    def __str__(self) -> str:
        """An expression that makes it, to be pasted into a test."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield "Script("
        yield "    ["
        yield from (f"        {step!r}," for step in self.steps)
        yield "    ],"
        yield from (f"    {name}={_text(value)}," for name, value in self.changed().items())
        yield ")"


def _text(value: Any) -> str:
    """As Python writes it, with the quotation marks of this project."""
    if isinstance(value, str):
        text = repr(value)
        plain = text[0] == "'" and '"' not in text and "\\" not in text
        return f'"{text[1:-1]}"' if plain else text
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_text(k)}: {_text(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        inside = ", ".join(map(_text, value))
        ends = "[]" if isinstance(value, list) else "()"
        return f"{ends[0]}{inside}{',' if ends == '()' and len(value) == 1 else ''}{ends[1]}"
    return repr(value)

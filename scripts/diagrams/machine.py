"""The phases of the reflector, as `_TRANSITIONS` has them and as it does them.

The table says which input is taken in which phase. Where that leads is found by doing it: for each
pair of the table a reflector is brought into the phase and given the input.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

import attrs

from virtinformer._core import reflector as table
from virtinformer._core.messages import (
    Cancel,
    Connected,
    ConnectFailed,
    Disconnected,
    Effect,
    EventReceived,
    Gone,
    Input,
    Listed,
    ListFailed,
    Observed,
    Require,
    Start,
    Subscribed,
    Tick,
)
from virtinformer._core.reflector import ANSWER, Phase, Reflector
from virtinformer._core.store import Store

from .svg import Box, Picture

__all__ = ["Move", "moves", "picture", "stays"]

_UUID: Final = UUID(int=1)
_ERROR: Final = ConnectionError("made up")

_SAMPLES: Final[dict[type, Callable[[int], Input]]] = {
    Start: lambda epoch: Start(),
    Tick: lambda epoch: Tick(),
    Connected: Connected,
    ConnectFailed: lambda epoch: ConnectFailed(epoch, _ERROR),
    Subscribed: Subscribed,
    Disconnected: lambda epoch: Disconnected(epoch, _ERROR),
    EventReceived: lambda epoch: EventReceived(epoch, 1, _UUID, "web", 1, 0, 2, 0, 0.0),
    Observed: lambda epoch: Observed(epoch, _UUID, 2, 3, 0.0, Gone()),
    Listed: lambda epoch: Listed(epoch, 1, frozenset()),
    ListFailed: lambda epoch: ListFailed(epoch, _ERROR),
    Require: lambda epoch: Require(1, 1, None),
    Cancel: lambda epoch: Cancel(1),
}

_WAYS: Final[dict[Phase, tuple[type, ...]]] = {
    Phase.DISCONNECTED: (Start,),
    Phase.SUBSCRIBING: (Start, Connected),
    Phase.LISTING: (Start, Connected, Subscribed),
    Phase.LIVE: (Start, Connected, Subscribed, Listed),
    Phase.BACKOFF: (Start, ConnectFailed),
}

_BOXES: Final = {
    Phase.DISCONNECTED: Box(75, 120, 130, 58),
    Phase.SUBSCRIBING: Box(335, 120, 130, 72),
    Phase.LISTING: Box(595, 120, 130, 86),
    Phase.LIVE: Box(845, 120, 130, 98),
    Phase.BACKOFF: Box(335, 350, 130, 58),
}


@attrs.frozen
class Move:
    """A step from one phase to another.

    Attributes:
        cause: the name of the input, or what the alarm is for.
        asks: the names of the effects that go with it.
    """

    start: Phase
    end: Phase
    cause: str
    asks: tuple[str, ...]


def moves() -> list[Move]:
    """All steps that there are, by input and by alarm."""
    found = [move for phase, input_ in table._TRANSITIONS if (move := _try(phase, input_))]
    return found + [move for phase in Phase if (move := _wait(phase))]


def stays(phase: Phase) -> set[str]:
    """The names of the inputs that are taken in a phase and do not leave it."""
    taken = {input_.__name__ for at, input_ in table._TRANSITIONS if at is phase}
    return taken - {move.cause for move in moves() if move.start is phase}


def picture() -> Picture:
    """What `moves` and `stays` found."""
    drawing = Picture("reflector", "The phases of the reflector and what leads on", 920, 420)
    everywhere = set.intersection(*map(stays, Phase))
    for phase, box in _BOXES.items():
        drawing.box(box, [phase.name, *sorted(stays(phase) - everywhere)])
    grouped: defaultdict[tuple[Phase, Phase], list[str]] = defaultdict(list)
    for move in moves():
        if move.start is not move.end:
            grouped[move.start, move.end] += _labels(move)
    for (start, end), labels in grouped.items():
        _draw(drawing, start, end, labels)
    first = next(move for move in moves() if move.cause == "Start")
    drawing.arrow((75, 20), _BOXES[Phase.DISCONNECTED], _labels(first), hue="green", along=0.45)
    drawing.text(
        (915, 392), f"in every phase, without leaving it: {', '.join(sorted(everywhere))}",
        kind="faint", anchor="end",
    )  # fmt: skip
    drawing.text((915, 410), "cause / what it asks for", kind="faint", anchor="end")
    return drawing


def _draw(drawing: Picture, start: Phase, end: Phase, labels: Sequence[str]) -> None:
    to_backoff = end is Phase.BACKOFF
    hue = "red" if to_backoff else "amber" if start is Phase.BACKOFF else "green"
    bend, along = 0.0, 0.5
    if start is Phase.BACKOFF:
        bend, along = 85.0, 0.42
    elif to_backoff:
        bend, along = {
            Phase.DISCONNECTED: (0.0, 0.36),
            Phase.LISTING: (0.0, 0.5),
            Phase.LIVE: (50.0, 0.4),
        }.get(start, (0.0, 0.62))
    drawing.arrow(_BOXES[start], _BOXES[end], labels, hue=hue, bend=bend, along=along)


def _labels(move: Move) -> list[str]:
    """The cause, and below it what is asked for (that a connection is closed is understood)."""
    asks = [name for name in move.asks if name != "Disconnect"]
    return [move.cause, f"/ {', '.join(asks)}"] if asks else [move.cause]


def _reflector(phase: Phase) -> Reflector:
    made = Reflector(Store({}, 0), resync_period=60.0, reorder_window=0.1, random=lambda: 0.5)
    for input_ in _WAYS[phase]:
        made.receive([_SAMPLES[input_](made.epoch)], 0.0)
    assert made.phase is phase, f"{phase} is reached by another way now"
    return made


def _try(phase: Phase, input_: type) -> Move | None:
    fresh = input_ is Start  # it comes once, and first
    at = (
        Reflector(Store({}, 0), resync_period=None, reorder_window=0.1, random=lambda: 0.5)
        if fresh
        else _reflector(phase)
    )
    effects = at.receive([_SAMPLES[input_](at.epoch)], 0.0)
    if at.phase is phase and not fresh:
        return None
    return Move(phase, at.phase, input_.__name__, _names(effects))


def _wait(phase: Phase) -> Move | None:
    at = _reflector(phase)
    if at.deadline is None:
        return None
    effects = at.receive([], at.deadline)
    if at.phase is phase:
        return None
    gave_up = at.phase is Phase.BACKOFF
    cause = f"{ANSWER:g} s without answer" if gave_up else "the pause is over"
    return Move(phase, at.phase, cause, _names(effects))


def _names(effects: Sequence[Effect]) -> tuple[str, ...]:
    return tuple(type(effect).__name__ for effect in effects)

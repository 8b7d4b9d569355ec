"""Positions in the life cycle, and events that move between them."""

from __future__ import annotations

from virtinformer._core.messages import EventReceived
from virtinformer._core.position import Position, Run
from virtinformer._core.vocabulary import EventKind

from .driving import A

__all__ = ["SHUT_OFF", "ev", "on"]

SHUT_OFF = Position(Run.OFF, persistent=True)


def on(run: Run, id: int = 1, *, persistent: bool = True) -> Position:
    return Position(run, persistent, id)


def ev(type_: int, detail: int = 0, id: int = -1, kind: int = EventKind.LIFECYCLE) -> EventReceived:
    return EventReceived(1, 0, A, "n", id, kind, type_, detail, 0.0)

"""When events came, by the reply to the call that caused them, as recorded in ``tests/traces``."""

from __future__ import annotations

import math
from typing import Final

import attrs

from tests.traces import Trace, load
from virtinformer._core.vocabulary import LifecycleType

from .svg import Picture

__all__ = ["Told", "picture", "told"]

_SHOWN: Final = (
    ("define_then_start", "defineXML"),
    ("define_then_start", "create"),
    ("create_transient", "createXML"),
    ("start_then_define", "createXML"),
    ("create_start_paused", "createXML START_PAUSED"),
    ("define_then_start", "destroy"),
    ("create_transient", "destroy"),
    ("define_then_start", "undefine"),
    ("rename", "rename"),
    ("rename", "undefine"),
)
_EARLIEST, _LATEST = -6.5, 1.0
_LEFT, _RIGHT, _TOP, _ROW = 230.0, 860.0, 80.0, 48.0


@attrs.frozen
class Told:
    """A call and its events: how many milliseconds after the reply (negative: before it)."""

    call: str
    events: tuple[tuple[float, str], ...]


def told(trace: Trace, name: str) -> Told:
    """What one recorded call brought about: the events from its beginning to the next call."""
    call = next(call for call in trace.calls if call.name == name)
    later = [other.began for other in trace.calls if other.began > call.began]
    until = min(later, default=math.inf)
    events = tuple(
        (1000 * (event.time - call.returned), LifecycleType(event.type).name)
        for event in trace.lifecycle
        if call.began <= event.time < until
    )
    return Told(name, events)


def picture() -> Picture:
    """A row for each call, with its reply at 0."""
    height = int(_TOP + _ROW * len(_SHOWN) + 30)
    drawing = Picture("replies", "Events before and after the reply to the call", 920, height)
    drawing.text((_x(0), 24), "the reply", kind="bold")
    drawing.line((_x(0), 34), (_x(0), height - 34), kind="dashed")
    for number, (trace, call) in enumerate(_SHOWN):
        _row(drawing, _TOP + _ROW * number, told(load(trace), call))
    for tick in range(-6, 2):
        drawing.text((_x(tick), height - 12), f"{tick:+d} ms" if tick else "0", kind="faint")
    return drawing


def _row(drawing: Picture, y: float, row: Told) -> None:
    drawing.text((_LEFT - 40, y + 4), f"{row.call}()", kind="code", anchor="end")
    drawing.line((_LEFT - 25, y), (_RIGHT, y), hue="grey")
    place = _LEFT - 25.0
    for when, name in row.events:
        before = when < 0
        hue = "amber" if before else "blue"
        x = _x(when)
        drawing.dot((x, y), hue=hue)
        # Events stand close together: a label that would cover the one before goes below.
        half = 3.9 * len(name)
        below = x - half < place
        centre = max(x, _LEFT - 25 + half)
        drawing.label((centre, y + (18 if below else -9)), name, hue)
        place = centre + half


def _x(when: float) -> float:
    share = (max(when, _EARLIEST) - _EARLIEST) / (_LATEST - _EARLIEST)
    return _LEFT + share * (_RIGHT - _LEFT)

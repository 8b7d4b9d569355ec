"""The life cycle of a domain, as `virtinformer._core.position` has it in its table."""

from __future__ import annotations

from typing import Final

from virtinformer._core import position as table
from virtinformer._core.position import Position, Run, move
from virtinformer._core.vocabulary import LifecycleType

from .svg import Box, Picture

__all__ = ["corners", "existence", "runs", "steps"]

_ACTIVE: Final = frozenset(Run) - {Run.OFF}

_BOXES: Final = {
    Run.OFF: Box(70, 240, 100, 50),
    Run.STARTED: Box(300, 240, 110, 50),
    Run.PAUSED: Box(520, 90, 110, 50),
    Run.RUNNING: Box(520, 240, 110, 50),
    Run.PMSUSPENDED: Box(520, 390, 130, 50),
    Run.STOPPING: Box(800, 90, 110, 50),
    Run.CRASHED: Box(800, 390, 110, 50),
}
_GROUP: Final = Box(560, 245, 660, 450)

_HUES: Final = {
    LifecycleType.STARTED: "green",
    LifecycleType.RESUMED: "blue",
    LifecycleType.SUSPENDED: "amber",
    LifecycleType.PMSUSPENDED: "teal",
    LifecycleType.SHUTDOWN: "violet",
    LifecycleType.CRASHED: "red",
    LifecycleType.STOPPED: "grey",
    LifecycleType.DEFINED: "green",
    LifecycleType.UNDEFINED: "grey",
}

# How far an arrow is bent to its left, and where on it its label stands.
_BENDS: Final = {
    (Run.PAUSED, Run.RUNNING): (16.0, 0.36),
    (Run.RUNNING, Run.PAUSED): (16.0, 0.36),
    (Run.PMSUSPENDED, Run.RUNNING): (22.0, 0.36),
    (Run.RUNNING, Run.PMSUSPENDED): (22.0, 0.36),
    (Run.STARTED, Run.CRASHED): (-130.0, 0.5),
    (Run.STOPPING, Run.RUNNING): (0.0, 0.4),
    (Run.PAUSED, Run.CRASHED): (0.0, 0.42),
    (Run.STARTED, Run.PAUSED): (0.0, 0.5),
}


def steps() -> list[tuple[Run, Run, LifecycleType]]:
    """Every arrow of the table: from where, to where, by which event."""
    return [
        (start, end, type_)
        for type_, (starts, end) in table._RUN.items()
        for start in sorted(starts, key=lambda run: run.value)
    ]


def runs() -> Picture:
    """What the guest does, and the events that tell of it.

    An event that is possible wherever the guest is active is drawn once, from the whole group.
    """
    drawing = Picture("lifecycle", "The life cycle of a run and the events in it", 920, 490)
    drawing.box(_GROUP, [], kind="group")
    drawing.text((242, 42), "active", kind="faint", anchor="start")
    for run, box in _BOXES.items():
        drawing.box(box, [run.name])
    for type_, (starts, end) in table._RUN.items():
        if starts >= _ACTIVE - {end} and len(starts) > 2:
            _from_group(drawing, end, type_)
            continue
        for start in sorted(starts, key=lambda run: run.value):
            bend, along = _BENDS.get((start, end), (0.0, 0.5))
            drawing.arrow(
                _BOXES[start], _BOXES[end], [type_.name], hue=_HUES[type_], bend=bend, along=along
            )
    return drawing


def _from_group(drawing: Picture, end: Run, type_: LifecycleType) -> None:
    box, hue = _BOXES[end], _HUES[type_]
    if end is Run.OFF:
        edge = _GROUP.x - _GROUP.width / 2
        drawing.arrow((edge, 330), box, hue=hue)
        drawing.labels((150, 340), [f"{type_.name}", "from any"], hue)
    else:
        drawing.arrow((box.x, 28), box, hue=hue)
        drawing.labels((box.x - 95, 38), [f"{type_.name} from any other"], hue)


_CORNERS: Final = {
    "absent": (Position(Run.OFF, persistent=False), Box(110, 60, 160, 50)),
    "shut off": (Position(Run.OFF, persistent=True), Box(110, 230, 160, 50)),
    "transient": (Position(Run.RUNNING, persistent=False), Box(490, 60, 160, 50)),
    "running, paused, …": (Position(Run.RUNNING, persistent=True), Box(490, 230, 160, 50)),
}
_TYPES: Final = (
    LifecycleType.DEFINED,
    LifecycleType.UNDEFINED,
    LifecycleType.STARTED,
    LifecycleType.STOPPED,
)


def corners() -> list[tuple[str, str, LifecycleType]]:
    """How a domain comes into being and goes: from where, to where, by which event."""
    return [
        (name, _corner(move(type_, position, -1)), type_)
        for name, (position, _) in _CORNERS.items()
        for type_ in _TYPES
        if table._inferable(type_, position)
    ]


def _corner(position: Position) -> str:
    """The name of the corner that a position belongs to."""
    return next(
        name
        for name, (corner, _) in _CORNERS.items()
        if corner.persistent == position.persistent
        and (corner.run is Run.OFF) == (position.run is Run.OFF)
    )


def existence() -> Picture:
    """The two coordinates of a position, and the events that move along them."""
    drawing = Picture("existence", "How a domain comes into being and goes", 600, 290)
    for name, (position, box) in _CORNERS.items():
        drawing.box(box, [name, f"persistent={position.persistent}"])
    for start, end, type_ in corners():
        drawing.arrow(
            _CORNERS[start][1],
            _CORNERS[end][1],
            [type_.name],
            hue=_HUES[type_],
            bend=20,
            along=0.38,
        )
    return drawing

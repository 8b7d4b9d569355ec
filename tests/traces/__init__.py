"""What libvirt 9.0.0 with QEMU 7.2 really sent: facts, recorded from private daemons.

Each file is one scripted life of one domain, as `Call` and `Event` in the order
in which they were written down. Times are in seconds since the recording began.
A call's line was written when it *began*, so an event after it may have come
before or after it returned: compare the times.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import attrs

from virtinformer._core.vocabulary import EventKind, LifecycleType

__all__ = ["NAMES", "Call", "Event", "Trace", "load"]

FOLDER = Path(__file__).parent

NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.jsonl")))
"""All traces."""


@attrs.frozen
class Call:
    """A libvirt call of the recording client."""

    name: str
    began: float
    returned: float
    error: str | None


@attrs.frozen
class Event:
    """A callback, when it ran."""

    time: float
    uuid: UUID
    name: str
    id: int
    kind: EventKind
    type: int = 0
    detail: int = 0
    args: tuple[Any, ...] = ()


@attrs.frozen
class Trace:
    """One recording."""

    name: str
    entries: tuple[Call | Event, ...]

    @property
    def calls(self) -> tuple[Call, ...]:
        return tuple(entry for entry in self.entries if isinstance(entry, Call))

    @property
    def events(self) -> tuple[Event, ...]:
        return tuple(entry for entry in self.entries if isinstance(entry, Event))

    @property
    def lifecycle(self) -> tuple[Event, ...]:
        return tuple(event for event in self.events if event.kind is EventKind.LIFECYCLE)


def load(name: str) -> Trace:
    """The trace of that name (see `NAMES`)."""
    lines = (FOLDER / f"{name}.jsonl").read_text().splitlines()
    return Trace(name, tuple(_entry(json.loads(line)) for line in lines))


def _entry(line: dict[str, Any]) -> Call | Event:
    if "call" in line:
        return Call(line["call"], line["began"], line["returned"], line["error"])
    kind = EventKind[line["event"]]
    type_ = LifecycleType[line["type"]] if kind is EventKind.LIFECYCLE else 0
    return Event(
        time=line["t"],
        uuid=UUID(line["uuid"]),
        name=line["name"],
        id=line["id"],
        kind=kind,
        type=type_,
        detail=line.get("detail", 0),
        args=tuple(line.get("args", ())),
    )

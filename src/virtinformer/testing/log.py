r"""What happened on a made-up host, for people to read.

The log is the host's own account: what was done to it, which events it made of
that (whether or not anybody ever received them), what it was asked, and where
it lied. When a test fails, ``print(*host.log, sep="\n")`` tells the story.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID

import attrs

from .._core.vocabulary import EventKind, event_words

__all__ = ["Action", "HostEvent", "LogEntry"]

Action = Literal["operation", "event", "request", "fault"]
"""What an entry of the log tells: the host was changed, told, was asked, or lied."""


@attrs.frozen
class HostEvent:
    """An event as the host made it.

    Attributes:
        uuid, name, id: of the domain at the time at which it was made.
        kind: libvirt's event id (`EventKind` has names for them).
        type, detail: of a life-cycle event; 0 for others.
        details: what else the callback carries.
    """

    uuid: UUID
    name: str
    id: int
    kind: int = EventKind.LIFECYCLE
    type: int = 0
    detail: int = 0
    details: Mapping[str, Any] = attrs.field(factory=dict)

    def __str__(self) -> str:
        word, reason = event_words(self.kind, self.type, self.detail)
        return f"{word}({reason}) id={self.id}" + (f" {dict(self.details)}" if self.details else "")


@attrs.frozen
class LogEntry:
    """One line of the log.

    Attributes:
        sequence: 1, 2, 3, … over the whole log.
        time: of the event loop, in seconds.
        action: which kind of entry it is.
        text: what happened, in words.
        uuid, name: of the domain, where there is one.
        event: the event that was made, where `action` is ``"event"``.
    """

    sequence: int
    time: float
    action: Action
    text: str
    uuid: UUID | None = None
    name: str | None = None
    event: HostEvent | None = None

    def __str__(self) -> str:
        who = "" if self.name is None else f" {self.name!r}"
        return f"{self.time:12.6f} #{self.sequence:<5} {self.action:<9}{who} {self.text}"

"""The truth of a made-up host, and how it may change.

Every operation changes the truth at once and then makes its events, in the
order and with the details that libvirt 9.0.0 with QEMU was measured to send
(the traces in ``tests/traces``). What libvirt would refuse is refused with a
`ValueError` that says why. What becomes of an event once it is made is not the
truth's affair.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Mapping
from random import Random
from typing import Any
from uuid import UUID

from .._core.model import Observation
from .._core.vocabulary import DomainState, LifecycleType
from .guest import Guest
from .log import Action, HostEvent, LogEntry

__all__ = ["Truth", "life", "news"]


class Truth(ABC):
    """The domains of one host and the log of what happened to them.

    Args:
        seed: decides the UUIDs of domains that are given none.

    Attributes:
        log: everything that happened, in order.
    """

    def __init__(self, seed: int) -> None:
        self.log: list[LogEntry] = []
        self._guests: dict[UUID, Guest] = {}
        self._names: dict[str, UUID] = {}
        self._ids = itertools.count(1)
        self._uuids = Random(f"uuids of {seed}")

    @property
    def domains(self) -> dict[UUID, Observation]:
        """The truth: what an honest read of every domain would see now."""
        return {uuid: guest.content for uuid, guest in self._guests.items()}

    def truth(self, uuid: UUID) -> Observation | None:
        """The truth about one domain; ``None`` if it does not exist."""
        guest = self._guests.get(uuid)
        return guest.content if guest else None

    def visible_from(self, uuid: UUID) -> float:
        """When a domain that exists can first be looked up, by the time of the event loop."""
        return self._guests[uuid].visible_from

    @abstractmethod
    def _tell(self, event: HostEvent) -> None:
        """Send an event on its way."""

    @abstractmethod
    def _now(self) -> float:
        """The time of the event loop, in seconds."""

    @abstractmethod
    def _visible_from(self) -> float:
        """When a domain that is made now can first be looked up."""

    # ------------------------------------------------------------ change

    def _commit(self, operation: str, guest: Guest, *events: HostEvent) -> None:
        self._record("operation", operation, guest.uuid, guest.content.name)
        self._forget_name(guest.uuid)
        self._guests[guest.uuid] = guest
        self._names[guest.content.name] = guest.uuid
        for event in events:
            self._make(event)

    def _remove(self, operation: str, guest: Guest, *events: HostEvent) -> None:
        self._record("operation", operation, guest.uuid, guest.content.name)
        self._forget_name(guest.uuid)
        self._guests.pop(guest.uuid)
        for event in events:
            self._make(event)

    def _forget_name(self, uuid: UUID) -> None:
        known = self._guests.get(uuid)
        if known and self._names.get(known.content.name) == uuid:
            del self._names[known.content.name]

    def _make(self, event: HostEvent) -> None:
        self._record("event", str(event), event.uuid, event.name, event)
        self._tell(event)

    def _record(
        self,
        action: Action,
        text: str,
        uuid: UUID | None = None,
        name: str | None = None,
        event: HostEvent | None = None,
    ) -> None:
        entry = LogEntry(len(self.log) + 1, self._now(), action, text, uuid, name, event)
        self.log.append(entry)

    # ------------------------------------------------------------ refuse

    def _guest(self, uuid: UUID, verb: str) -> Guest:
        try:
            return self._guests[uuid]
        except KeyError:
            raise ValueError(f"cannot {verb} {uuid}: there is no such domain") from None

    def _persistent(self, uuid: UUID, verb: str) -> Guest:
        guest = self._guest(uuid, verb)
        if not guest.content.persistent:
            raise ValueError(f"cannot {verb} {guest.content.name!r}: it is transient")
        return guest

    def _off(self, uuid: UUID, verb: str) -> Guest:
        guest = self._persistent(uuid, verb)
        if guest.active:
            raise ValueError(f"cannot {verb} {guest.content.name!r}: it is {guest.content.state}")
        return guest

    def _on(self, uuid: UUID, verb: str, *states: DomainState) -> Guest:
        guest = self._guest(uuid, verb)
        if not guest.active or (states and guest.content.state not in states):
            raise ValueError(f"cannot {verb} {guest.content.name!r}: it is {guest.content.state}")
        return guest

    def _check_name(self, name: str) -> None:
        if not name or "/" in name:
            raise ValueError(f"{name!r} is no name for a domain: empty, or with a slash")
        if name in self._names:
            raise ValueError(f"the name {name!r} is taken by the domain {self._names[name]}")

    def _new_uuid(self, uuid: UUID | None) -> UUID:
        return UUID(int=self._uuids.getrandbits(128), version=4) if uuid is None else uuid


def news(guest: Guest, kind: int, details: Mapping[str, Any] | None = None) -> HostEvent:
    """An event about a domain that is no step of its life cycle."""
    return HostEvent(guest.uuid, guest.content.name, guest.content.id, kind, details=details or {})


def life(guest: Guest, type_: LifecycleType, detail: int = 0) -> HostEvent:
    """A step in the life cycle of a domain."""
    content = guest.content
    return HostEvent(guest.uuid, content.name, content.id, type=type_, detail=detail)

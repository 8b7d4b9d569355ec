"""What a made-up host answers when it is asked about its domains, if it is honest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final
from uuid import UUID

from .._core.model import Observation
from .._core.partition import FLAG_GROUPS, list_in_parts
from .._core.vocabulary import DomainState
from ..exceptions import ReadError
from .guest import Guest

__all__ = ["Inventory"]

_STATE_FLAGS: Final[Mapping[DomainState, int]] = {
    DomainState.RUNNING: 16,
    DomainState.PAUSED: 32,
    DomainState.SHUTOFF: 64,
}
_OTHER_STATE: Final = 128


class Inventory:
    """The domains of a host, for look-ups and lists.

    Args:
        guests: all domains; those that came into being too recently are not seen yet.
        now: the time, in seconds.
        list_limit: how many domains one list can name.
    """

    def __init__(
        self, guests: Mapping[UUID, Guest], now: Callable[[], float], list_limit: int
    ) -> None:
        self._guests = guests
        self._now = now
        self._list_limit = list_limit

    def look(self, uuid: UUID) -> Observation | None:
        """What a read of this domain sees at this moment; ``None`` for NO_DOMAIN."""
        guest = self._guests.get(uuid)
        return guest.content if guest and guest.visible_from <= self._now() else None

    def uuids(self) -> list[UUID]:
        """All domains, named in as many lists as it takes.

        Raises:
            ReadError: if there is no flag left by which a list could be split.
        """
        return list_in_parts(
            self._list_some, too_many=lambda error: isinstance(error, _TooMany), key=hash
        )

    def _list_some(self, flags: int) -> list[UUID]:
        now = self._now()
        found = [
            uuid
            for uuid, guest in self._guests.items()
            if guest.visible_from <= now and _fulfils(_flags(guest), flags)
        ]
        if len(found) > self._list_limit:
            raise _TooMany(f"too many domains for one list: {len(found)} > {self._list_limit}")
        return found


class _TooMany(ReadError):
    """A list names more domains than one message can hold."""


def _fulfils(has: int, wanted: int) -> bool:
    groups = (sum(group) & wanted for group in FLAG_GROUPS)
    return all(has & group for group in groups if group)


def _flags(guest: Guest) -> int:
    """The flags of ``virConnectListAllDomains`` that a domain fulfils: one of each group."""
    content = guest.content
    return (
        (1 if guest.active else 2)
        | (4 if content.persistent else 8)
        | _STATE_FLAGS.get(content.state, _OTHER_STATE)
        | (256 if guest.saved is not None else 512)
        | (1024 if content.autostart else 2048)
        | 8192
    )

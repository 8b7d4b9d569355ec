"""Listing more domains than one message can hold.

libvirt refuses a list of more than 16,384 domains as a whole
(``REMOTE_DOMAIN_LIST_MAX`` in its ``remote_protocol.x``). But it filters: the
flags of ``virConnectListAllDomains`` come in groups, each domain fulfils exactly
one flag of each group, and flags of different groups are combined by *and*. So
a list that is refused is the union of the lists by each flag of one group; a
part that is still refused is parted again by the next group.

The parts are taken one after another, so the whole is not one moment's truth: a
domain that moves meanwhile may be in two parts, or in none. The first is mended
here, the second is harmless: the reflector takes no domain's absence from a list
for a proof.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final, TypeVar

__all__ = ["FLAG_GROUPS", "list_in_parts"]

T = TypeVar("T")

FLAG_GROUPS: Final[tuple[tuple[int, ...], ...]] = (
    (1 << 0, 1 << 1),  # ACTIVE, INACTIVE
    (1 << 2, 1 << 3),  # PERSISTENT, TRANSIENT
    (1 << 10, 1 << 11),  # AUTOSTART, NO_AUTOSTART
    (1 << 4, 1 << 5, 1 << 6, 1 << 7),  # RUNNING, PAUSED, SHUTOFF, OTHER
    (1 << 8, 1 << 9),  # MANAGEDSAVE, NO_MANAGEDSAVE
    (1 << 12, 1 << 13),  # HAS_SNAPSHOT, NO_SNAPSHOT
)
"""``virConnectListAllDomainsFlags`` of libvirt's public header ``libvirt-domain.h``."""


def list_in_parts(
    list_some: Callable[[int], list[T]],
    flags: int = 0,
    *,
    too_many: Callable[[Exception], bool],
    key: Callable[[T], Hashable],
) -> list[T]:
    """List everything that `flags` select, in as many parts as it takes.

    Args:
        list_some: lists what fulfils the flags that it is given.
        flags: the flags to begin with; their groups are not parted again.
        too_many: whether an exception of `list_some` means that the list is too long.
        key: what makes two entries the same (the UUID).

    Raises:
        Exception: what `list_some` raised, if it is not for the length of the
            list, or if there is no group left to part by.
    """
    groups = tuple(group for group in FLAG_GROUPS if not any(flags & flag for flag in group))
    found = _parts(list_some, flags, groups, too_many)
    return list({key(entry): entry for entry in found}.values())


def _parts(
    list_some: Callable[[int], list[T]],
    flags: int,
    groups: tuple[tuple[int, ...], ...],
    too_many: Callable[[Exception], bool],
) -> list[T]:
    try:
        return list_some(flags)
    except Exception as error:
        if not groups or not too_many(error):
            raise
    first, rest = groups[0], groups[1:]
    return [entry for flag in first for entry in _parts(list_some, flags | flag, rest, too_many)]

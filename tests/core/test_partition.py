"""Lists that are too long for one message. The stub honours flags as libvirt does."""

from __future__ import annotations

import random
from collections.abc import Callable

import attrs
import libvirt
import pytest

from virtinformer._core.partition import FLAG_GROUPS, list_in_parts


class TooMany(Exception):
    pass


@attrs.frozen
class Guest:
    uuid: int
    flags: int


def guests(count: int) -> list[Guest]:
    dice = random.Random(7)
    return [Guest(uuid, sum(dice.choice(group) for group in FLAG_GROUPS)) for uuid in range(count)]


def host(of: list[Guest], limit: int, asked: list[int]) -> Callable[[int], list[Guest]]:
    def list_some(flags: int) -> list[Guest]:
        asked.append(flags)
        found = [guest for guest in of if guest.flags & flags == flags]
        if len(found) > limit:
            raise TooMany
        return found

    return list_some


def list_all(list_some: Callable[[int], list[Guest]], flags: int = 0) -> list[Guest]:
    return list_in_parts(
        list_some,
        flags,
        too_many=lambda error: isinstance(error, TooMany),
        key=lambda guest: guest.uuid,
    )


def test_a_short_list_takes_one_call() -> None:
    asked: list[int] = []
    of = guests(10)
    list_some = host(of, 10, asked)
    assert list_in_parts(list_some, too_many=lambda _: True, key=lambda guest: guest.uuid) == of
    assert asked == [0]


@pytest.mark.parametrize("limit", [999, 500, 300, 100, 40])
def test_a_long_list_is_whole_and_names_nobody_twice(limit: int) -> None:
    of = guests(1000)
    found = list_all(host(of, limit, []))
    assert sorted(guest.uuid for guest in found) == list(range(1000))


def test_a_group_that_is_asked_for_is_not_parted_again() -> None:
    asked: list[int] = []
    persistent = libvirt.VIR_CONNECT_LIST_DOMAINS_PERSISTENT
    of = guests(100)
    found = list_all(host(of, 20, asked), persistent)
    assert {guest.uuid for guest in found} == {g.uuid for g in of if g.flags & persistent}
    assert all(flags & persistent for flags in asked)
    assert not any(flags & libvirt.VIR_CONNECT_LIST_DOMAINS_TRANSIENT for flags in asked)


def test_a_domain_in_two_parts_is_named_once() -> None:
    moving = Guest(1, 0)

    def list_some(flags: int) -> list[Guest]:
        if flags == 0:
            raise TooMany
        return [moving]

    assert list_all(list_some) == [moving]


def test_what_cannot_be_parted_raises() -> None:
    alike = [Guest(uuid, sum(group[0] for group in FLAG_GROUPS)) for uuid in range(3)]
    with pytest.raises(TooMany):
        list_all(host(alike, 2, []))


def test_another_error_is_not_taken_for_it() -> None:
    asked: list[int] = []

    def list_some(flags: int) -> list[Guest]:
        asked.append(flags)
        raise ValueError("no host")

    with pytest.raises(ValueError, match="no host"):
        list_all(list_some)
    assert asked == [0]


def test_the_flags_are_libvirts() -> None:
    words = (
        ("ACTIVE", "INACTIVE"),
        ("PERSISTENT", "TRANSIENT"),
        ("AUTOSTART", "NO_AUTOSTART"),
        ("RUNNING", "PAUSED", "SHUTOFF", "OTHER"),
        ("MANAGEDSAVE", "NO_MANAGEDSAVE"),
        ("HAS_SNAPSHOT", "NO_SNAPSHOT"),
    )
    names = [[f"VIR_CONNECT_LIST_DOMAINS_{word}" for word in group] for group in words]
    assert [[getattr(libvirt, name) for name in group] for group in names] == [
        list(group) for group in FLAG_GROUPS
    ]

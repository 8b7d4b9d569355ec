"""libvirt's numbers and the words for them."""

from __future__ import annotations

import itertools
import pickle

import pytest

from virtinformer._core.vocabulary import (
    DomainState,
    PausedReason,
    RunningReason,
    ShutoffReason,
    StateReason,
    event_words,
    reason_of,
)

NEVER_SEEN = itertools.count(1_000_000)
"""A member once made is remembered: to see one being made takes a number that was not used."""


def test_known_numbers_have_names() -> None:
    assert DomainState(1) is DomainState.RUNNING
    assert str(DomainState.RUNNING) == "running"
    assert f"{DomainState.RUNNING}" == "running"
    assert DomainState.RUNNING == 1


def test_unknown_numbers_become_members() -> None:
    unknown = DomainState(99)
    assert unknown.name == "UNKNOWN_99"
    assert str(unknown) == "unknown_99"
    assert unknown == 99
    assert DomainState(99) is unknown
    assert unknown not in list(DomainState)
    assert isinstance(unknown, DomainState)
    assert RunningReason(99).name == "UNKNOWN_99"


def test_each_unknown_number_becomes_one_member() -> None:
    number = next(NEVER_SEEN)
    unknown = PausedReason(number)
    assert unknown.name == f"UNKNOWN_{number}"
    assert unknown.value == number
    assert isinstance(unknown, PausedReason)
    assert PausedReason(number) is unknown
    assert {unknown: True}[PausedReason(number)]


def test_equal_numbers_of_different_enumerations_differ() -> None:
    assert RunningReason(3) == RunningReason.RESTORED
    assert RunningReason(3) == 3
    assert RunningReason(3) != PausedReason(3)
    assert not RunningReason(3) == PausedReason(3)  # noqa: SIM201 - the other operator
    assert not RunningReason(3) != 3  # noqa: SIM202


def test_what_is_no_number_is_no_member() -> None:
    with pytest.raises(ValueError, match="running"):
        DomainState("running")  # type: ignore[arg-type]


def test_members_survive_a_pickle() -> None:
    for member in (DomainState.PAUSED, DomainState(98)):
        assert pickle.loads(pickle.dumps(member)) is member


def test_reasons_belong_to_their_state() -> None:
    assert reason_of(DomainState.RUNNING, 1) is RunningReason.BOOTED
    assert reason_of(DomainState.PAUSED, 5) is PausedReason.IOERROR
    assert reason_of(DomainState.SHUTOFF, 2) is ShutoffReason.DESTROYED
    assert reason_of(DomainState.BLOCKED, 0) is StateReason.UNKNOWN
    assert reason_of(DomainState(77), 3).name == "UNKNOWN_3"
    assert reason_of(DomainState.RUNNING, 77).name == "UNKNOWN_77"


@pytest.mark.parametrize(
    ("kind", "type_", "detail", "words"),
    [
        (0, 0, 0, ("Defined", "Added")),
        (0, 0, 2, ("Defined", "Renamed")),
        (0, 1, 1, ("Undefined", "Renamed")),
        (0, 2, 0, ("Started", "Booted")),
        (0, 2, 4, ("Started", "Wakeup")),
        (0, 3, 6, ("Suspended", "APIError")),
        (0, 5, 6, ("Stopped", "FromSnapshot")),
        (0, 7, 1, ("PMSuspended", "Disk")),
        (0, 8, 0, ("Crashed", "Panicked")),
        (0, 2, 55, ("Started", "Unknown(55)")),
        (0, 2, -1, ("Started", "Unknown(-1)")),
        (0, 44, 1, ("Unknown(44)", "Unknown(1)")),
        (1, 0, 0, ("Reboot", "")),
        (2, 9, 9, ("RTCChange", "")),
        (4, 0, 0, ("IOError", "")),
        (6, 0, 0, ("IOError", "")),
        (16, 0, 0, ("BlockJob", "")),
        (19, 0, 0, ("DeviceAdded", "")),
        (23, 0, 0, ("MetadataChange", "")),
        (66, 0, 0, ("Unknown(66)", "")),
    ],
)
def test_words(kind: int, type_: int, detail: int, words: tuple[str, str]) -> None:
    assert event_words(kind, type_, detail) == words

"""libvirt's numbers and the words for them."""

from __future__ import annotations

import itertools
import pickle

import libvirt
import pytest

from virtinformer._core.vocabulary import (
    CrashedReason,
    DomainState,
    EventKind,
    LifecycleType,
    OpenEnum,
    PausedReason,
    RunningReason,
    ShutdownReason,
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
    assert reason_of(DomainState.SHUTDOWN, 1) is ShutdownReason.USER
    assert reason_of(DomainState.SHUTOFF, 2) is ShutoffReason.DESTROYED
    assert reason_of(DomainState.CRASHED, 1) is CrashedReason.PANICKED
    assert reason_of(DomainState.BLOCKED, 0) is StateReason.UNKNOWN
    assert reason_of(DomainState(77), 3).name == "UNKNOWN_3"
    assert reason_of(DomainState.RUNNING, 77).name == "UNKNOWN_77"


@pytest.mark.parametrize(
    ("kind", "type_", "detail", "words"),
    [
        (0, 0, 0, ("Defined", "Added")),
        (0, 0, 3, ("Defined", "FromSnapshot")),
        (0, 1, 1, ("Undefined", "Renamed")),
        (0, 2, 0, ("Started", "Booted")),
        (0, 2, 4, ("Started", "Wakeup")),
        (0, 3, 6, ("Suspended", "APIError")),
        (0, 3, 8, ("Suspended", "PostcopyFailed")),
        (0, 4, 4, ("Resumed", "PostcopyFailed")),
        (0, 5, 6, ("Stopped", "FromSnapshot")),
        (0, 6, 2, ("Shutdown", "Host")),
        (0, 7, 1, ("PMSuspended", "Disk")),
        (0, 8, 1, ("Crashed", "Crashloaded")),
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


# ---------------------------------------------------------------------- the names are libvirt's

PREFIXES: dict[type[OpenEnum], str] = {
    DomainState: "VIR_DOMAIN_",
    RunningReason: "VIR_DOMAIN_RUNNING_",
    PausedReason: "VIR_DOMAIN_PAUSED_",
    ShutdownReason: "VIR_DOMAIN_SHUTDOWN_",
    ShutoffReason: "VIR_DOMAIN_SHUTOFF_",
    CrashedReason: "VIR_DOMAIN_CRASHED_",
    EventKind: "VIR_DOMAIN_EVENT_ID_",
    LifecycleType: "VIR_DOMAIN_EVENT_",
}


def constants(prefix: str) -> dict[str, int]:
    """What the libvirt that is installed knows by such a name."""
    found = {name: value for name, value in vars(libvirt).items() if name.startswith(prefix)}
    return {name.removeprefix(prefix): value for name, value in found.items()}


@pytest.mark.parametrize("enumeration", PREFIXES)
def test_numbers_and_names_are_libvirts(enumeration: type[OpenEnum]) -> None:
    theirs = constants(PREFIXES[enumeration])
    ours = {member.name: member.value for member in enumeration}
    assert ours.keys() & theirs.keys(), "nothing to compare"
    assert {name: theirs[name] for name in ours.keys() & theirs.keys()}.items() <= ours.items()
    newer = {value for name, value in ours.items() if name not in theirs}
    known = set(ours.values()) - newer
    assert max(known) < min(newer, default=max(known) + 1), "only what is newer may be unknown"


@pytest.mark.parametrize("type_", LifecycleType)
def test_details_are_told_in_libvirts_words(type_: LifecycleType) -> None:
    details = constants(f"VIR_DOMAIN_EVENT_{type_.name}_")
    assert details
    for name, number in details.items():
        reason = event_words(0, type_, number)[1]
        assert reason.upper() == name.replace("_", "") or reason == f"Unknown({number})"


@pytest.mark.parametrize("kind", EventKind)
def test_kinds_are_told_in_libvirts_words(kind: EventKind) -> None:
    """Those that two callbacks tell of go by one name."""
    known_as = {EventKind.IO_ERROR_REASON: "IO_ERROR", EventKind.BLOCK_JOB_2: "BLOCK_JOB"}
    name = known_as.get(kind, kind.name)
    if kind is not EventKind.LIFECYCLE:
        assert event_words(kind, 0, 0)[0].upper() == name.replace("_", "")

"""What can be done to a made-up host, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID
from xml.etree import ElementTree

import pytest

from virtinformer._core.model import Observation
from virtinformer._core.vocabulary import (
    CrashedReason,
    DomainState,
    EventKind,
    LifecycleType,
    OpenEnum,
    PausedReason,
    RunningReason,
    ShutoffReason,
    StateReason,
)
from virtinformer.testing import FakeHost

OTHER = UUID(int=1)


def now(host: FakeHost, uuid: UUID) -> Observation:
    truth = host.truth(uuid)
    assert truth is not None
    return truth


def state(host: FakeHost, uuid: UUID) -> tuple[DomainState, OpenEnum]:
    return now(host, uuid).state, now(host, uuid).reason


def told(host: FakeHost) -> list[tuple[int, int, int, int]]:
    """Kind, type, detail and id of all events that were made."""
    events = [entry.event for entry in host.log if entry.event]
    return [(event.kind, event.type, event.detail, event.id) for event in events]


def steps(host: FakeHost) -> list[tuple[str, int, int]]:
    return [
        (LifecycleType(type_).name, detail, id_)
        for kind, type_, detail, id_ in told(host)
        if kind == EventKind.LIFECYCLE
    ]


@pytest.fixture
def host() -> FakeHost:
    return FakeHost()


def test_a_defined_domain_is_off_and_persistent(host: FakeHost) -> None:
    web = host.define("web", autostart=True)
    truth = now(host, web)
    assert (truth.name, truth.id, truth.persistent, truth.autostart) == ("web", -1, True, True)
    assert state(host, web) == (DomainState.SHUTOFF, ShutoffReason.UNKNOWN)
    assert truth.xml == truth.config_xml
    assert truth.settled
    assert host.domains == {web: truth}


def test_the_live_xml_has_the_id_and_the_configuration_has_not(host: FakeHost) -> None:
    host.start(host.define("first"))
    web = host.define("web")
    host.start(web)
    truth = now(host, web)
    assert ElementTree.fromstring(truth.xml).get("id") == "2" == str(truth.id)
    assert truth.config_xml is not None
    assert ElementTree.fromstring(truth.config_xml).get("id") is None


@pytest.mark.parametrize(
    "name",
    ['it\'s <b> & "q"', "Größe-日本-🐧", "two\nlines\ttab\rreturn", "]]>", "<!--", "\\1 \\g<0>"],
)
def test_any_name_makes_well_formed_xml(host: FakeHost, name: str) -> None:
    web = host.define("plain")
    host.rename(web, name)
    host.start(web)
    host.set_metadata(web, name)
    root = ElementTree.fromstring(now(host, web).xml)
    assert root.findtext("name") == name == root.findtext("description")
    assert root.findtext("uuid") == str(web)


def test_a_description_can_be_changed_and_taken_away(host: FakeHost) -> None:
    web = host.define("web")
    plain = now(host, web).xml
    host.set_metadata(web, "one")
    host.set_metadata(web, "two")
    assert ElementTree.fromstring(now(host, web).xml).findtext("description") == "two"
    host.set_metadata(web, "")
    assert now(host, web).xml == plain


def test_what_xml_cannot_hold_is_left_out_of_it(host: FakeHost) -> None:
    web = host.define("bell\x07 \x1b[31mred\x00")
    assert now(host, web).name == "bell\x07 \x1b[31mred\x00"
    assert ElementTree.fromstring(now(host, web).xml).findtext("name") == "bell [31mred"


def test_given_xml_is_taken_as_it_is(host: FakeHost) -> None:
    web = host.define("web", xml="<domain type='x'><not well-formed")
    assert now(host, web).xml == "<domain type='x'><not well-formed"
    host.start(web)
    assert now(host, web).xml == "<domain id='1' type='x'><not well-formed"
    with pytest.raises(ValueError, match="nothing like"):
        host.set_memory(web, 1)


def test_redefining_a_running_domain_changes_the_next_boot_only(host: FakeHost) -> None:
    web = host.define("web", autostart=True)
    host.start(web)
    before = now(host, web)
    host.define("web", uuid=web, memory=1234)
    after = now(host, web)
    assert after.xml == before.xml
    assert "1234" in (after.config_xml or "")
    assert after.autostart
    host.destroy(web)
    assert now(host, web).xml == after.config_xml


def test_undefining_a_running_domain_makes_it_transient(host: FakeHost) -> None:
    web = host.define("web", autostart=True)
    host.start(web)
    host.undefine(web)
    truth = now(host, web)
    assert (truth.persistent, truth.autostart, truth.config_xml) == (False, False, None)
    assert truth.state is DomainState.RUNNING
    host.shutdown(web)
    assert host.domains == {}
    assert steps(host)[-3:] == [("UNDEFINED", 0, 1), ("SHUTDOWN", 1, 1), ("STOPPED", 0, -1)]


def test_defining_a_transient_domain_makes_it_persistent(host: FakeHost) -> None:
    web = host.create_transient("web")
    live = now(host, web).xml
    host.define("web", uuid=web)
    assert now(host, web).persistent
    assert now(host, web).xml == live
    assert "id=" not in (now(host, web).config_xml or "id=")
    host.destroy(web)
    assert web in host.domains


def test_a_name_is_free_again_after_its_domain(host: FakeHost) -> None:
    host.undefine(host.define("undefined"))
    host.rename(host.define("renamed"), "other")
    host.destroy(host.create_transient("ended"))
    host.mutate(host.define("mutated"), name="odd")
    for name in ("undefined", "renamed", "ended", "mutated"):
        host.define(name)
    with pytest.raises(ValueError, match="taken"):
        host.define("odd")


def test_ids_count_up_and_are_never_used_again(host: FakeHost) -> None:
    web = host.define("web")
    ids = []
    for _ in range(3):
        host.start(web)
        ids.append(now(host, web).id)
        host.destroy(web)
    assert ids == [1, 2, 3]


Step = Callable[[FakeHost, UUID], object]
State = tuple[DomainState, OpenEnum]

SAVE = [("SUSPENDED", 0, 1), ("STOPPED", 4, -1)]
LIVES: dict[str, tuple[list[Step], State, list[tuple[str, int, int]]]] = {
    "suspend": (
        [FakeHost.suspend],
        (DomainState.PAUSED, PausedReason.USER),
        [("SUSPENDED", 0, 1)],
    ),
    "resume": (
        [FakeHost.suspend, FakeHost.resume],
        (DomainState.RUNNING, RunningReason.UNPAUSED),
        [("SUSPENDED", 0, 1), ("RESUMED", 0, 1)],
    ),
    "shutdown": (
        [FakeHost.shutdown],
        (DomainState.SHUTOFF, ShutoffReason.SHUTDOWN),
        [("SHUTDOWN", 1, 1), ("STOPPED", 0, -1)],
    ),
    "destroy": (
        [FakeHost.destroy],
        (DomainState.SHUTOFF, ShutoffReason.DESTROYED),
        [("SHUTDOWN", 2, 1), ("STOPPED", 1, -1)],
    ),
    "crash": (
        [FakeHost.crash],
        (DomainState.CRASHED, CrashedReason.PANICKED),
        [("CRASHED", 0, 1)],
    ),
    "crash, not preserved": (
        [lambda host, uuid: host.crash(uuid, preserve=False)],
        (DomainState.SHUTOFF, ShutoffReason.CRASHED),
        [("CRASHED", 0, 1), ("STOPPED", 2, -1)],
    ),
    "managed save": (
        [FakeHost.managed_save],
        (DomainState.SHUTOFF, ShutoffReason.SAVED),
        SAVE,
    ),
    "restore": (
        [FakeHost.managed_save, FakeHost.restore],
        (DomainState.RUNNING, RunningReason.RESTORED),
        [*SAVE, ("STARTED", 2, 2), ("RESUMED", 2, 2)],
    ),
    "restore by starting, paused": (
        [FakeHost.managed_save, lambda host, uuid: host.start(uuid, paused=True)],
        (DomainState.PAUSED, PausedReason.USER),
        [*SAVE, ("STARTED", 2, 2), ("SUSPENDED", 0, 2)],
    ),
    "restore what was paused": (
        [FakeHost.suspend, FakeHost.managed_save, FakeHost.restore],
        (DomainState.PAUSED, PausedReason.USER),
        [*SAVE, ("STARTED", 2, 2), ("SUSPENDED", 4, 2)],
    ),
    "pmsuspend": (
        [FakeHost.pmsuspend],
        (DomainState.PMSUSPENDED, StateReason.UNKNOWN),
        [("PMSUSPENDED", 0, 1)],
    ),
    "wakeup": (
        [FakeHost.pmsuspend, FakeHost.wakeup],
        (DomainState.RUNNING, RunningReason.WAKEUP),
        [("PMSUSPENDED", 0, 1), ("STARTED", 4, 1)],
    ),
    "reset": (
        [FakeHost.reset],
        (DomainState.RUNNING, RunningReason.BOOTED),
        [],
    ),
}


@pytest.mark.parametrize(("operations", "after", "expected"), LIVES.values(), ids=LIVES.keys())
def test_a_running_domain_can(
    host: FakeHost, operations: list[Step], after: State, expected: list[tuple[str, int, int]]
) -> None:
    web = host.define("web")
    host.start(web)
    host.log.clear()
    for operate in operations:
        operate(host, web)
    assert state(host, web) == after
    assert steps(host) == expected


def test_a_save_image_is_used_once(host: FakeHost) -> None:
    web = host.define("web")
    host.start(web)
    host.managed_save(web)
    host.start(web)
    host.destroy(web)
    host.start(web)
    assert steps(host)[-2:] == [("RESUMED", 0, 3), ("STARTED", 0, 3)]


def test_other_news_is_told_by_its_own_event(host: FakeHost) -> None:
    web = host.define("web")
    host.attach_device(web, "rng0")
    host.start(web)
    host.reboot(web)
    host.pmsuspend(web)
    host.wakeup(web)
    host.attach_device(web, "rng1")
    host.detach_device(web, "rng1")
    assert [EventKind(kind).name for kind, *_ in told(host) if kind] == [
        "REBOOT",
        "PMSUSPEND",
        "PMWAKEUP",
        "DEVICE_ADDED",
        "DEVICE_REMOVED",
    ]


def test_a_device_is_in_the_xml_while_it_is_attached(host: FakeHost) -> None:
    web = host.define("web")
    plain = now(host, web).xml
    host.attach_device(web, "rng0")
    assert "rng0" in now(host, web).xml
    host.detach_device(web, "rng0")
    assert now(host, web).xml == plain
    host.start(web)
    host.attach_device(web, "rng1")
    assert "rng1" in now(host, web).xml
    assert now(host, web).config_xml == plain
    with pytest.raises(ValueError, match="rng9"):
        host.detach_device(web, "rng9")


@pytest.mark.parametrize(
    "change",
    [
        lambda host, uuid: host.set_memory(uuid, 77),
        lambda host, uuid: host.set_autostart(uuid, True),
        lambda host, uuid: host.mutate(uuid, xml="<domain"),
    ],
)
def test_a_silent_change_makes_no_event(
    host: FakeHost, change: Callable[[FakeHost, UUID], object]
) -> None:
    web = host.define("web")
    before, events = now(host, web), told(host)
    change(host, web)
    assert now(host, web) != before
    assert told(host) == events


def test_anything_can_be_mutated(host: FakeHost) -> None:
    web = host.define("web")
    host.mutate(web, state=99, reason=7, name="../\x1b[2J", xml="<", id=-7)
    truth = now(host, web)
    assert (truth.state.name, truth.reason) == ("UNKNOWN_99", 7)
    assert isinstance(truth.reason, StateReason)
    assert (truth.name, truth.xml, truth.id) == ("../\x1b[2J", "<", -7)
    with pytest.raises(ValueError, match="settled"):
        host.mutate(web, settled=False)


def test_anything_can_be_told(host: FakeHost) -> None:
    web = host.define("web")
    host.emit(web, 4711, odd=[1, 2])
    host.emit(OTHER, type=42, detail=43, name="ghost", id=5)
    first, second = (entry.event for entry in host.log[-2:])
    assert first is not None
    assert second is not None
    assert (first.uuid, first.name, first.id, first.kind) == (web, "web", -1, 4711)
    assert first.details == {"odd": [1, 2]}
    assert (second.uuid, second.name, second.id) == (OTHER, "ghost", 5)
    assert (second.kind, second.type, second.detail) == (EventKind.LIFECYCLE, 42, 43)
    assert OTHER not in host.domains


REFUSED: list[tuple[Callable[[FakeHost, UUID, UUID], object], str]] = [
    (lambda host, on, off: host.start(on), "cannot start 'on': it is running"),
    (lambda host, on, off: host.start(OTHER), "no such domain"),
    (lambda host, on, off: host.suspend(off), "cannot suspend 'off': it is shutoff"),
    (lambda host, on, off: host.resume(on), "cannot resume 'on': it is running"),
    (lambda host, on, off: host.shutdown(off), "it is shutoff"),
    (lambda host, on, off: host.destroy(off), "it is shutoff"),
    (lambda host, on, off: host.shutdown(host.create_transient("p", paused=True)), "it is paused"),
    (lambda host, on, off: host.crash(off), "it is shutoff"),
    (lambda host, on, off: host.reset(off), "it is shutoff"),
    (lambda host, on, off: host.wakeup(on), "it is running"),
    (lambda host, on, off: host.restore(off), "it was not saved"),
    (lambda host, on, off: host.rename(on, "new"), "it is running"),
    (lambda host, on, off: host.rename(off, "on"), "is taken"),
    (lambda host, on, off: host.rename(off, "a/b"), "no name"),
    (lambda host, on, off: host.define("on"), "is taken"),
    (lambda host, on, off: host.define("new", uuid=on), "use rename"),
    (lambda host, on, off: host.define(""), "no name"),
    (lambda host, on, off: host.create_transient("off"), "is taken"),
    (lambda host, on, off: host.create_transient("new", uuid=off), "exists"),
    (lambda host, on, off: host.undefine(host.create_transient("t")), "it is transient"),
    (lambda host, on, off: host.managed_save(host.create_transient("t")), "it is transient"),
    (lambda host, on, off: host.set_autostart(host.create_transient("t"), True), "transient"),
]


@pytest.mark.parametrize(("impossible", "why"), REFUSED)
def test_the_impossible_is_refused(
    host: FakeHost, impossible: Callable[[FakeHost, UUID, UUID], object], why: str
) -> None:
    on, off = host.define("on"), host.define("off")
    host.start(on)
    before = host.domains
    with pytest.raises(ValueError, match=why):
        impossible(host, on, off)
    assert {uuid: host.truth(uuid) for uuid in before} == before


def test_the_log_tells_the_story_line_by_line(host: FakeHost) -> None:
    host.start(host.define("a\nb"))
    assert [entry.sequence for entry in host.log] == [1, 2, 3, 4, 5]
    assert [str(entry).split(maxsplit=2)[2] for entry in host.log] == [
        "operation 'a\\nb' define",
        "event     'a\\nb' Defined(Added) id=-1",
        "operation 'a\\nb' start",
        "event     'a\\nb' Resumed(Unpaused) id=1",
        "event     'a\\nb' Started(Booted) id=1",
    ]

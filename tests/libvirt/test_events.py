"""What libvirt tells, as plain values."""

from __future__ import annotations

import json
import logging
from typing import Any
from uuid import UUID

import libvirt
import pytest

from tests.libvirt.recording import opened
from virtinformer._core.vocabulary import EventKind
from virtinformer._libvirt import eventloop
from virtinformer._libvirt.events import News, callback_for, details_of, known_ids, register

ADDRESS = {"family": 0, "node": "127.0.0.1", "service": "5900"}

SAMPLES: list[tuple[int, tuple[Any, ...], dict[str, Any]]] = [
    (EventKind.REBOOT, (), {}),
    (EventKind.RTC_CHANGE, (3600,), {"utc_offset": 3600}),
    (EventKind.WATCHDOG, (2,), {"action": 2}),
    (
        EventKind.IO_ERROR,
        ("/d.img", "virtio0", 1),
        {"src_path": "/d.img", "dev_alias": "virtio0", "action": 1},
    ),
    (
        EventKind.GRAPHICS,
        (1, ADDRESS, ADDRESS, "vnc", [("sasl", "joe")]),
        {
            "phase": 1,
            "local": ADDRESS,
            "remote": ADDRESS,
            "auth_scheme": "vnc",
            "subject": [["sasl", "joe"]],
        },
    ),
    (
        EventKind.IO_ERROR_REASON,
        ("/d.img", "virtio0", 1, "enospc"),
        {"src_path": "/d.img", "dev_alias": "virtio0", "action": 1, "reason": "enospc"},
    ),
    (EventKind.CONTROL_ERROR, (), {}),
    (EventKind.BLOCK_JOB, ("/d.img", 1, 0), {"disk": "/d.img", "type": 1, "status": 0}),
    (
        EventKind.DISK_CHANGE,
        ("/a.iso", None, "ide0", 0),
        {"old_src_path": "/a.iso", "new_src_path": None, "dev_alias": "ide0", "reason": 0},
    ),
    (EventKind.TRAY_CHANGE, ("ide0", 1), {"dev_alias": "ide0", "reason": 1}),
    (EventKind.PMWAKEUP, (0,), {"reason": 0}),
    (EventKind.PMSUSPEND, (0,), {"reason": 0}),
    (EventKind.BALLOON_CHANGE, (1048576,), {"actual": 1048576}),
    (EventKind.PMSUSPEND_DISK, (0,), {"reason": 0}),
    (EventKind.DEVICE_REMOVED, ("net0",), {"dev_alias": "net0"}),
    (EventKind.BLOCK_JOB_2, ("vda", 1, 0), {"disk": "vda", "type": 1, "status": 0}),
    (
        EventKind.TUNABLE,
        ({"cputune.vcpupin0": "0-1", "blkdeviotune.total": 7},),
        {"params": {"cputune.vcpupin0": "0-1", "blkdeviotune.total": 7}},
    ),
    (EventKind.AGENT_LIFECYCLE, (1, 2), {"state": 1, "reason": 2}),
    (EventKind.DEVICE_ADDED, ("net0",), {"dev_alias": "net0"}),
    (EventKind.MIGRATION_ITERATION, (3,), {"iteration": 3}),
    (
        EventKind.JOB_COMPLETED,
        ({"operation": 5, "success": True, "time_elapsed": 12, "rate": 0.5},),
        {"params": {"operation": 5, "success": True, "time_elapsed": 12, "rate": 0.5}},
    ),
    (EventKind.DEVICE_REMOVAL_FAILED, ("net0",), {"dev_alias": "net0"}),
    (EventKind.METADATA_CHANGE, (2, "urn:x"), {"type": 2, "ns_uri": "urn:x"}),
    (
        EventKind.BLOCK_THRESHOLD,
        ("vda", None, 100, 5),
        {"dev": "vda", "path": None, "threshold": 100, "excess": 5},
    ),
    (EventKind.MEMORY_FAILURE, (1, 2, 3), {"recipient": 1, "action": 2, "flags": 3}),
    (EventKind.MEMORY_DEVICE_SIZE_CHANGE, ("dimm0", 8), {"alias": "dimm0", "size": 8}),
    (
        EventKind.NIC_MAC_CHANGE,
        ("net0", "52:54:00:00:00:01", "52:54:00:00:00:02"),
        {"alias": "net0", "old_mac": "52:54:00:00:00:01", "new_mac": "52:54:00:00:00:02"},
    ),
    (EventKind.VCPU_REMOVED, (4,), {"vcpu": 4}),
    (EventKind.CHANNEL_LIFECYCLE, (1, 2), {"state": 1, "reason": 2}),
]


class Handle:
    """Stands for the domain handle that a callback is given."""

    def __init__(self, uuid: str = "6695eb01-f6a4-8304-79aa-97f2502e193f") -> None:
        self._uuid = uuid

    def UUIDString(self) -> str:  # noqa: N802 - libvirt's name
        return self._uuid

    def name(self) -> str:
        return "web"

    def ID(self) -> int:  # noqa: N802 - libvirt's name
        return 7


def told(kind: int, *args: Any) -> News:
    heard: list[News] = []
    callback_for(kind, heard.append)(None, Handle(), *args, None)
    (news,) = heard
    return news


@pytest.mark.parametrize(("kind", "args", "details"), SAMPLES)
def test_details_are_named_and_fit_for_json(
    kind: int, args: tuple[Any, ...], details: dict[str, Any]
) -> None:
    news = told(kind, *args)
    assert news.details == details
    assert json.loads(json.dumps(news.details)) == details
    assert (news.kind, news.type, news.detail) == (kind, 0, 0)


def test_every_kind_but_life_cycle_has_a_sample() -> None:
    kinds = {kind for kind, _, _ in SAMPLES}
    assert kinds == {kind for kind in EventKind if kind <= 29} - {EventKind.LIFECYCLE}
    assert known_ids() - kinds <= {EventKind.LIFECYCLE, *range(30, 1000)}


def test_a_life_cycle_event_has_type_and_detail() -> None:
    news = told(EventKind.LIFECYCLE, 2, 1)
    assert (news.kind, news.type, news.detail) == (0, 2, 1)
    assert news.details == {}
    assert (news.uuid, news.name, news.id) == (
        UUID("6695eb01-f6a4-8304-79aa-97f2502e193f"),
        "web",
        7,
    )


def test_an_unknown_kind_or_signature_is_passed_on() -> None:
    assert details_of(99, ("x", {"y": (1, 2)})) == {"args": ["x", {"y": [1, 2]}]}
    assert details_of(EventKind.WATCHDOG, (1, 2)) == {"args": [1, 2]}
    assert details_of(99, (object,)) == {"args": ["<class 'object'>"]}


def test_an_unknown_life_cycle_number_is_passed_on() -> None:
    assert (told(EventKind.LIFECYCLE, 77, 88).type) == 77


def test_nothing_is_raised_into_libvirt(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "virtinformer.libvirt"):
        callback_for(1, lambda news: None)(None, Handle("no uuid"), None)
    assert "an event of id 1 is lost" in caplog.text


class Host:
    """A host on which only some event ids can be registered."""

    def __init__(self, *unknown: int, alive: bool = True) -> None:
        self.unknown = unknown
        self.alive = alive
        self.registered: list[int] = []

    def domainEventRegisterAny(  # noqa: N802 - libvirt's name
        self, domain: None, kind: int, callback: object, opaque: None
    ) -> int:
        if kind in self.unknown:
            raise libvirt.libvirtError("no such event")
        self.registered.append(kind)
        return len(self.registered)

    def isAlive(self) -> bool:  # noqa: N802 - libvirt's name
        return self.alive


def registered(host: Any, wanted: set[int] | None = None) -> list[int]:
    callbacks: list[int] = []
    register(host, wanted, lambda news: None, callbacks)
    assert callbacks == list(range(1, len(host.registered) + 1))
    return sorted(host.registered)


def test_of_twins_the_richer_is_taken() -> None:
    assert set(known_ids()) - set(registered(Host())) == {4, 8}


def test_of_twins_the_poorer_is_better_than_none() -> None:
    assert set(known_ids()) - set(registered(Host(6, 16))) == {6, 16}


def test_only_what_is_wanted_and_life_cycle() -> None:
    assert registered(Host(), {1}) == [0, 1]
    assert registered(Host(), {4}) == [0, 4]
    assert registered(Host(), set()) == [0]
    assert registered(Host(99), {99}) == [0]


def test_without_life_cycle_events_it_is_an_error() -> None:
    with pytest.raises(libvirt.libvirtError):
        registered(Host(0))


def test_a_connection_that_broke_is_not_taken_for_an_unknown_event() -> None:
    with pytest.raises(libvirt.libvirtError):
        registered(Host(1, alive=False))


def test_the_test_driver_has_them_all() -> None:
    eventloop.ensure_running()
    callbacks: list[int] = []
    with opened() as host:
        register(host, None, lambda news: None, callbacks)
        assert len(callbacks) == len(known_ids()) - 2
        for number in callbacks:
            host.domainEventDeregisterAny(number)
        eventloop.fence()

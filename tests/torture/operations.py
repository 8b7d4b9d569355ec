"""What a writer can do to a domain, each with when it is possible.

Most of the time a writer does what is possible, so that domains live long and varied lives;
now and then anything, because a call that libvirt refuses must change nothing either.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from uuid import UUID

import libvirt

from tests.torture.domains import MOUSE, Domains
from tests.torture.reading import Seen

__all__ = ["OPERATIONS", "QUICK", "Operation", "Work"]

When = Callable[[Seen | None], bool]

_PAUSED, _CONFIG, _LIVE = (
    libvirt.VIR_DOMAIN_START_PAUSED,
    libvirt.VIR_DOMAIN_AFFECT_CONFIG,
    libvirt.VIR_DOMAIN_AFFECT_LIVE,
)
_UNDEFINE = (
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
)
_PAUSED_STATE = libvirt.VIR_DOMAIN_PAUSED


class Work:
    """One domain in the hands of a writer.

    Args:
        host: a connection.
        domains: makes the XML.
        uuid: which one.
        seen: how it was seen last.
        names: those it may have.
        random: decides the rest.
    """

    def __init__(
        self,
        host: libvirt.virConnect,
        domains: Domains,
        uuid: UUID,
        seen: Seen | None,
        names: list[str],
        random: Random,
    ) -> None:
        self._host = host
        self._domains = domains
        self._uuid = uuid
        self._name = None if seen is None else str(seen["name"])
        self._names = names
        self._random = random

    @property
    def domain(self) -> libvirt.virDomain:
        return self._host.lookupByUUID(self._uuid.bytes)

    @property
    def emulated(self) -> bool:
        return self._domains.emulated

    @property
    def xml(self) -> str:
        name = self._name or self._random.choice(self._names)
        return self._domains.xml(self._uuid, name, self._random.choice((24, 32, 40)))

    def define(self) -> None:
        self._host.defineXML(self.xml)

    def undefine(self) -> None:
        self.domain.undefineFlags(_UNDEFINE)

    def create_transient(self) -> None:
        self._host.createXML(self.xml, self._random.choice((0, _PAUSED)) if self.emulated else 0)

    def rename(self) -> None:
        self.domain.rename(self._random.choice(self._names))

    def describe(self) -> None:
        nothing: str = None  # type: ignore[assignment]  # libvirt takes nothing else
        text = f"{self._random.randrange(1000)} < & >"
        where = self._random.choice((libvirt.VIR_DOMAIN_AFFECT_CURRENT, _CONFIG, _LIVE))
        kind = libvirt.VIR_DOMAIN_METADATA_DESCRIPTION
        self.domain.setMetadata(kind, text, nothing, nothing, where)

    def set_memory(self) -> None:
        where = self._random.choice((_CONFIG, _LIVE))
        self.domain.setMemoryFlags(self._random.randrange(8, 25) * 1024, where)

    def set_autostart(self) -> None:
        self.domain.setAutostart(self._random.randrange(2))

    def attach(self) -> None:
        self.domain.attachDeviceFlags(MOUSE, self._random.choice((_CONFIG, _LIVE)))

    def detach(self) -> None:
        self.domain.detachDeviceFlags(MOUSE, self._random.choice((_CONFIG, _LIVE)))

    def snapshot(self) -> None:
        name = self._random.choice("ab")
        self.domain.snapshotCreateXML(f"<domainsnapshot><name>{name}</name></domainsnapshot>")

    def revert(self) -> None:
        flag = self._random.choice(
            (
                0,
                libvirt.VIR_DOMAIN_SNAPSHOT_REVERT_RUNNING,
                libvirt.VIR_DOMAIN_SNAPSHOT_REVERT_PAUSED,
            )
        )
        self.domain.revertToSnapshot(self._one_snapshot(), flag)

    def forget_snapshot(self) -> None:
        self._one_snapshot().delete()

    def _one_snapshot(self) -> libvirt.virDomainSnapshot:
        names = self.domain.snapshotListNames()
        return self.domain.snapshotLookupByName(self._random.choice(names or ["none"]))

    def crash(self) -> None:
        """Kill the guest's process, and wait until libvirtd has noticed."""
        domain = self.domain
        _kill(self._domains.pid_file(domain.name()), self._uuid)
        for _ in range(1000):
            try:
                if not domain.isActive():
                    return
            except libvirt.libvirtError as error:
                if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                    return
                raise
            time.sleep(0.01)


def _kill(pid_file: Path, uuid: UUID) -> None:
    """End a process, if it is the one of that domain and not another with its number."""
    try:
        pid = int(pid_file.read_text())
        if str(uuid).encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)
    except (OSError, ValueError):
        return  # it is off, or goes just now


# ---------------------------------------------------------------------- the list of them


@dataclass(frozen=True)
class Operation:
    """Something to do.

    Attributes:
        name: for the report.
        act: does it.
        when: whether it is possible.
        weight: how often, beside the others.
        driver: ``"qemu"`` or ``"test"``, where it is of one only.
        quick: whether several can be done in the time of one look.
    """

    name: str
    act: Callable[[Work], object]
    when: When
    weight: int = 4
    driver: str = ""
    quick: bool = False

    def fits(self, emulated: bool) -> bool:
        return self.driver in ("", "qemu" if emulated else "test")


def _absent(seen: Seen | None) -> bool:
    return seen is None


def _there(seen: Seen | None) -> bool:
    return seen is not None


def _persistent(seen: Seen | None) -> bool:
    return seen is not None and bool(seen["persistent"])


def _active(seen: Seen | None) -> bool:
    return seen is not None and seen["id"] != -1


def _off(seen: Seen | None) -> bool:
    return seen is not None and seen["id"] == -1


def _paused(seen: Seen | None) -> bool:
    return seen is not None and seen["state"] == _PAUSED_STATE


def _runs(seen: Seen | None) -> bool:
    return _active(seen) and not _paused(seen)


def _saved(seen: Seen | None) -> bool:
    return _active(seen) and _persistent(seen)


OPERATIONS: tuple[Operation, ...] = (
    Operation("define", Work.define, _absent, 12, quick=True),
    Operation("redefine", Work.define, _there, quick=True),
    Operation("undefine", Work.undefine, _persistent, 3, quick=True),
    Operation("create", lambda w: w.domain.create(), _off, 8),  # restores what was saved
    Operation("create paused", lambda w: w.domain.createWithFlags(_PAUSED), _off, 4, "qemu"),
    Operation("create transient", Work.create_transient, _absent, 4),
    Operation("suspend", lambda w: w.domain.suspend(), _runs, 4, quick=True),
    Operation("resume", lambda w: w.domain.resume(), _paused, 8, quick=True),
    Operation("reset", lambda w: w.domain.reset(), _active, 2, quick=True),
    Operation("reboot", lambda w: w.domain.reboot(), _active, 2, "test", quick=True),
    Operation("shut down", lambda w: w.domain.shutdown(), _active, 2, "test", quick=True),
    Operation("destroy", lambda w: w.domain.destroy(), _active, 2),
    Operation("managed save", lambda w: w.domain.managedSave(), _saved, 2),
    Operation("forget save", lambda w: w.domain.managedSaveRemove(), _off, 1, quick=True),
    Operation("rename", Work.rename, _off, 6, quick=True),
    Operation("metadata", Work.describe, _there, 8, quick=True),
    Operation("memory", Work.set_memory, _there, 6, quick=True),
    Operation("autostart", Work.set_autostart, _persistent, 6, quick=True),
    Operation("attach", Work.attach, _there, 6, "qemu", quick=True),
    Operation("detach", Work.detach, _there, 6, "qemu", quick=True),
    Operation("snapshot", Work.snapshot, _active, 3),
    Operation("revert", Work.revert, _there, 2),
    Operation("forget snapshot", Work.forget_snapshot, _there, 2, quick=True),
    Operation("kill QEMU", Work.crash, _active, 2, "qemu"),
)

QUICK: tuple[str, ...] = tuple(operation.name for operation in OPERATIONS if operation.quick)

"""libvirt's numbers and the words for them.

libvirt tells states, reasons, events and details as small integers, and every
release may add some. Each enumeration here is therefore *open*: a number that
this release does not know becomes a member named ``UNKNOWN_<number>`` instead of
an exception, so that an old client can watch a new host.

Source of the numbers: libvirt's public header ``libvirt-domain.h``
(``virDomainState`` and its reasons, ``virDomainEventType`` and its details,
``virDomainEventID``).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Self

__all__ = [
    "REASONS",
    "CrashedReason",
    "DomainState",
    "EventKind",
    "LifecycleType",
    "OpenEnum",
    "PausedReason",
    "RunningReason",
    "ShutdownReason",
    "ShutoffReason",
    "StateReason",
    "event_words",
    "reason_of",
]


class OpenEnum(enum.IntEnum):
    """An integer enumeration that accepts numbers it has no name for.

    ``str()`` gives the name in lower case, as it is meant for people. Members
    are equal to their numbers, but not to those of another enumeration:
    libvirt's reason 1 of a running domain is not reason 1 of a paused one.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, int):
            return None
        member = int.__new__(cls, value)
        member._name_ = f"UNKNOWN_{value}"
        member._value_ = value
        return cls._value2member_map_.setdefault(value, member)  # type: ignore[return-value]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, OpenEnum) and type(other) is not type(self):
            return False
        return int.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        # Not left to Python: `int` has one of its own, which would be found first.
        return not self == other

    __hash__ = int.__hash__

    def __reduce_ex__(self, protocol: object) -> tuple[type[Self], tuple[int]]:
        # By number: some releases of Python pickle by name, and an unknown number has none.
        return type(self), (self.value,)

    def __str__(self) -> str:
        return self.name.lower()

    __format__ = enum.Enum.__format__


class DomainState(OpenEnum):
    """What a domain is doing: libvirt's ``virDomainState``."""

    NOSTATE = 0
    RUNNING = 1
    BLOCKED = 2
    PAUSED = 3
    SHUTDOWN = 4
    SHUTOFF = 5
    CRASHED = 6
    PMSUSPENDED = 7


class StateReason(OpenEnum):
    """Why a domain is in its state, for states that have but one reason."""

    UNKNOWN = 0


class RunningReason(OpenEnum):
    """Why a domain is running: ``virDomainRunningReason``."""

    UNKNOWN = 0
    BOOTED = 1
    MIGRATED = 2
    RESTORED = 3
    FROM_SNAPSHOT = 4
    UNPAUSED = 5
    MIGRATION_CANCELED = 6
    SAVE_CANCELED = 7
    WAKEUP = 8
    CRASHED = 9
    POSTCOPY = 10
    POSTCOPY_FAILED = 11


class PausedReason(OpenEnum):
    """Why a domain is paused: ``virDomainPausedReason``."""

    UNKNOWN = 0
    USER = 1
    MIGRATION = 2
    SAVE = 3
    DUMP = 4
    IOERROR = 5
    WATCHDOG = 6
    FROM_SNAPSHOT = 7
    SHUTTING_DOWN = 8
    SNAPSHOT = 9
    CRASHED = 10
    STARTING_UP = 11
    POSTCOPY = 12
    POSTCOPY_FAILED = 13


class ShutdownReason(OpenEnum):
    """Why a domain is shutting down: ``virDomainShutdownReason``."""

    UNKNOWN = 0
    USER = 1


class ShutoffReason(OpenEnum):
    """Why a domain is off: ``virDomainShutoffReason``."""

    UNKNOWN = 0
    SHUTDOWN = 1
    DESTROYED = 2
    CRASHED = 3
    MIGRATED = 4
    SAVED = 5
    FAILED = 6
    FROM_SNAPSHOT = 7
    DAEMON = 8


class CrashedReason(OpenEnum):
    """Why a domain is crashed: ``virDomainCrashedReason``."""

    UNKNOWN = 0
    PANICKED = 1


REASONS: Final[Mapping[DomainState, type[OpenEnum]]] = {
    DomainState.RUNNING: RunningReason,
    DomainState.PAUSED: PausedReason,
    DomainState.SHUTDOWN: ShutdownReason,
    DomainState.SHUTOFF: ShutoffReason,
    DomainState.CRASHED: CrashedReason,
}
"""The enumeration of reasons that belongs to a state; `StateReason` for the others."""


def reason_of(state: DomainState, number: int) -> OpenEnum:
    """The reason that libvirt's `number` stands for in `state`."""
    return REASONS.get(state, StateReason)(number)


class EventKind(OpenEnum):
    """Which callback told of it: libvirt's ``virDomainEventID``."""

    LIFECYCLE = 0
    REBOOT = 1
    RTC_CHANGE = 2
    WATCHDOG = 3
    IO_ERROR = 4
    GRAPHICS = 5
    IO_ERROR_REASON = 6
    CONTROL_ERROR = 7
    BLOCK_JOB = 8
    DISK_CHANGE = 9
    TRAY_CHANGE = 10
    PMWAKEUP = 11
    PMSUSPEND = 12
    BALLOON_CHANGE = 13
    PMSUSPEND_DISK = 14
    DEVICE_REMOVED = 15
    BLOCK_JOB_2 = 16
    TUNABLE = 17
    AGENT_LIFECYCLE = 18
    DEVICE_ADDED = 19
    MIGRATION_ITERATION = 20
    JOB_COMPLETED = 21
    DEVICE_REMOVAL_FAILED = 22
    METADATA_CHANGE = 23
    BLOCK_THRESHOLD = 24
    MEMORY_FAILURE = 25
    MEMORY_DEVICE_SIZE_CHANGE = 26
    NIC_MAC_CHANGE = 27
    VCPU_REMOVED = 28
    CHANNEL_LIFECYCLE = 29


class LifecycleType(OpenEnum):
    """What a life-cycle event tells: libvirt's ``virDomainEventType``."""

    DEFINED = 0
    UNDEFINED = 1
    STARTED = 2
    SUSPENDED = 3
    RESUMED = 4
    STOPPED = 5
    SHUTDOWN = 6
    PMSUSPENDED = 7
    CRASHED = 8


_KIND_WORDS: Final[Mapping[EventKind, str]] = {
    EventKind.RTC_CHANGE: "RTCChange",
    EventKind.IO_ERROR: "IOError",
    EventKind.IO_ERROR_REASON: "IOError",
    EventKind.BLOCK_JOB_2: "BlockJob",
    EventKind.PMWAKEUP: "PMWakeup",
    EventKind.PMSUSPEND: "PMSuspend",
    EventKind.PMSUSPEND_DISK: "PMSuspendDisk",
    EventKind.NIC_MAC_CHANGE: "NICMACChange",
    EventKind.VCPU_REMOVED: "VCPURemoved",
}

_DETAIL_WORDS: Final[Mapping[LifecycleType, tuple[str, ...]]] = {
    LifecycleType.DEFINED: ("Added", "Updated", "Renamed", "FromSnapshot"),
    LifecycleType.UNDEFINED: ("Removed", "Renamed"),
    LifecycleType.STARTED: ("Booted", "Migrated", "Restored", "FromSnapshot", "Wakeup"),
    LifecycleType.SUSPENDED: (
        "Paused",
        "Migrated",
        "IOError",
        "Watchdog",
        "Restored",
        "FromSnapshot",
        "APIError",
        "Postcopy",
        "PostcopyFailed",
    ),
    LifecycleType.RESUMED: ("Unpaused", "Migrated", "FromSnapshot", "Postcopy", "PostcopyFailed"),
    LifecycleType.STOPPED: (
        "Shutdown",
        "Destroyed",
        "Crashed",
        "Migrated",
        "Saved",
        "Failed",
        "FromSnapshot",
    ),
    LifecycleType.SHUTDOWN: ("Finished", "Guest", "Host"),
    LifecycleType.PMSUSPENDED: ("Memory", "Disk"),
    LifecycleType.CRASHED: ("Panicked", "Crashloaded"),
}

_LIFECYCLE_WORDS: Final[Mapping[LifecycleType, str]] = {
    LifecycleType.PMSUSPENDED: "PMSuspended",
}


@lru_cache(maxsize=1024)
def event_words(kind: int, type_: int, detail: int) -> tuple[str, str]:
    """The words for an event: ``("Started", "Booted")``, ``("MetadataChange", "")``.

    Args:
        kind: libvirt's event id (`EventKind`).
        type_: the life-cycle type (`LifecycleType`); meaningless for other kinds.
        detail: the life-cycle detail; meaningless for other kinds.

    Returns:
        The type and the reason. A number without a name is given as
        ``"Unknown(<number>)"``.
    """
    if kind != EventKind.LIFECYCLE:
        known = EventKind(kind)
        return _KIND_WORDS.get(known) or _camel(known), ""
    life = LifecycleType(type_)
    details = _DETAIL_WORDS.get(life, ())
    reason = details[detail] if 0 <= detail < len(details) else f"Unknown({detail})"
    return _LIFECYCLE_WORDS.get(life) or _camel(life), reason


def _camel(member: OpenEnum) -> str:
    if member.name.startswith("UNKNOWN_"):
        return f"Unknown({member.value})"
    return member.name.title().replace("_", "")

"""What libvirt tells of its own accord, made into plain values.

Every event id has a callback of its own signature; a table of names makes of
each one's arguments a dict of JSON-able values. An id or a signature that the
table does not know gives ``{"args": [...]}``: news from a newer libvirt is
passed on, not dropped.

A callback runs on libvirt's event thread, where a call to libvirt may never
return, a delay delays every connection of the process, and an exception is
printed and lost. So it copies and leaves: what it asks of the domain handle
(UUID, name, id) is stored in the handle and costs no call.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from uuid import UUID

import attrs
import libvirt

from .._core.vocabulary import EventKind
from .errors import detached, is_alive
from .reads import uuid_from

__all__ = ["Hear", "Meet", "News", "details_of", "known_ids", "register"]

log = logging.getLogger("virtinformer.libvirt")


@attrs.frozen
class News:
    """One call of a callback, copied."""

    uuid: UUID
    name: str
    id: int
    kind: int
    type: int
    detail: int
    time: float
    details: Mapping[str, Any]


Hear = Callable[[News], None]
Meet = Callable[[UUID, libvirt.virDomain], None]
"""Is given the handle of which an event will be told next. It holds the connection: who keeps
it has to let go of it before that is closed."""

TWINS: Final = (
    (EventKind.IO_ERROR_REASON, EventKind.IO_ERROR),
    (EventKind.BLOCK_JOB_2, EventKind.BLOCK_JOB),
)
"""The same news twice, the first time with more to it."""

_ARGUMENTS: Final[Mapping[int, tuple[str, ...]]] = {
    EventKind.REBOOT: (),
    EventKind.RTC_CHANGE: ("utc_offset",),
    EventKind.WATCHDOG: ("action",),
    EventKind.IO_ERROR: ("src_path", "dev_alias", "action"),
    EventKind.GRAPHICS: ("phase", "local", "remote", "auth_scheme", "subject"),
    EventKind.IO_ERROR_REASON: ("src_path", "dev_alias", "action", "reason"),
    EventKind.CONTROL_ERROR: (),
    EventKind.BLOCK_JOB: ("disk", "type", "status"),
    EventKind.DISK_CHANGE: ("old_src_path", "new_src_path", "dev_alias", "reason"),
    EventKind.TRAY_CHANGE: ("dev_alias", "reason"),
    EventKind.PMWAKEUP: ("reason",),
    EventKind.PMSUSPEND: ("reason",),
    EventKind.BALLOON_CHANGE: ("actual",),
    EventKind.PMSUSPEND_DISK: ("reason",),
    EventKind.DEVICE_REMOVED: ("dev_alias",),
    EventKind.BLOCK_JOB_2: ("disk", "type", "status"),
    EventKind.TUNABLE: ("params",),
    EventKind.AGENT_LIFECYCLE: ("state", "reason"),
    EventKind.DEVICE_ADDED: ("dev_alias",),
    EventKind.MIGRATION_ITERATION: ("iteration",),
    EventKind.JOB_COMPLETED: ("params",),
    EventKind.DEVICE_REMOVAL_FAILED: ("dev_alias",),
    EventKind.METADATA_CHANGE: ("type", "ns_uri"),
    EventKind.BLOCK_THRESHOLD: ("dev", "path", "threshold", "excess"),
    EventKind.MEMORY_FAILURE: ("recipient", "action", "flags"),
    EventKind.MEMORY_DEVICE_SIZE_CHANGE: ("alias", "size"),
    EventKind.NIC_MAC_CHANGE: ("alias", "old_mac", "new_mac"),
    EventKind.VCPU_REMOVED: ("vcpu",),
    EventKind.CHANNEL_LIFECYCLE: ("state", "reason"),
}
"""Of each event id but LIFECYCLE, what the binding's callback is given after the domain."""


def details_of(kind: int, args: tuple[object, ...]) -> dict[str, object]:
    """What the callback of `kind` was given, by name, as JSON-able values."""
    names = _ARGUMENTS.get(kind)
    if names is None or len(names) != len(args):
        return {"args": [_plain(arg) for arg in args]}
    return {name: _plain(arg) for name, arg in zip(names, args, strict=True)}


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return str(value)


def known_ids() -> frozenset[int]:
    """The event ids that the binding has a name for."""
    prefix = "VIR_DOMAIN_EVENT_ID_"
    return frozenset(
        number
        for name, number in vars(libvirt).items()
        if name.startswith(prefix) and name != f"{prefix}LAST"
    )


def register(
    host: libvirt.virConnect,
    wanted: Iterable[int] | None,
    hear: Hear,
    callbacks: list[int],
    meet: Meet | None = None,
) -> None:
    """Register for each event id that is wanted and that the binding and the driver know.

    Args:
        host: the connection.
        wanted: event ids, beside LIFECYCLE; ``None``: all.
        hear: is told, on libvirt's event thread.
        callbacks: the numbers of the registered callbacks are appended here, as
            they come, so that they can be given back also if it fails half-way.
        meet: is given the handle first.

    Raises:
        libvirt.libvirtError: if life-cycle events cannot be had, or if the
            connection broke.
    """
    callbacks.append(_register_one(host, EventKind.LIFECYCLE, hear, meet))
    ids = known_ids() if wanted is None else frozenset(wanted)
    skip: set[int] = {EventKind.LIFECYCLE}
    for kind in sorted(ids, key=lambda kind: (kind not in _RICHER, kind)):
        if kind not in skip and _register_if_known(host, kind, hear, callbacks, meet):
            skip.add(_RICHER.get(kind, kind))


_RICHER: Final[Mapping[int, int]] = dict(TWINS)


def _register_if_known(
    host: libvirt.virConnect, kind: int, hear: Hear, callbacks: list[int], meet: Meet | None
) -> bool:
    try:
        callbacks.append(_register_one(host, kind, hear, meet))
    except libvirt.libvirtError as error:
        if not is_alive(host):
            raise
        log.debug("no events of id %d here: %s", kind, detached(error))
        return False
    return True


def _register_one(host: libvirt.virConnect, kind: int, hear: Hear, meet: Meet | None) -> int:
    return int(host.domainEventRegisterAny(None, int(kind), callback_for(kind, hear, meet), None))


def callback_for(kind: int, hear: Hear, meet: Meet | None = None) -> Callable[..., None]:
    """The callback for an event id: `hear` is told what it was told. Never raises."""

    def callback(host: object, domain: libvirt.virDomain, *args: object) -> None:
        try:
            news = _news(kind, domain, args[:-1])
            if meet is not None:
                meet(news.uuid, domain)
            hear(news)
        except Exception:
            log.exception("an event of id %d is lost", kind)

    return callback


def _news(kind: int, domain: libvirt.virDomain, args: tuple[Any, ...]) -> News:
    is_lifecycle = kind == EventKind.LIFECYCLE
    type_, detail = args if is_lifecycle else (0, 0)
    return News(
        uuid=uuid_from(domain.UUIDString()),
        name=domain.name(),
        id=domain.ID(),
        kind=int(kind),
        type=type_,
        detail=detail,
        time=time.time(),
        details={} if is_lifecycle else details_of(kind, args),
    )

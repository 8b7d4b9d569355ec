"""A made-up host on which something has just happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import attrs

import virtinformer as vi

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


REASONS = {
    vi.DomainState.RUNNING: vi.RunningReason.BOOTED,
    vi.DomainState.PAUSED: vi.PausedReason.IOERROR,
    vi.DomainState.SHUTOFF: vi.ShutoffReason.SHUTDOWN,
}


def _domain(name: str, version: int, seconds: float, **fields: object) -> vi.Domain:
    state = fields.pop("state", vi.DomainState.RUNNING)
    assert isinstance(state, vi.DomainState)
    on = state is not vi.DomainState.SHUTOFF
    xml = f"<domain type='kvm'>\n  <name>{name}</name>\n  <memory unit='KiB'>2097152</memory>\n"
    xml += "  <vcpu>2</vcpu>\n</domain>"
    return vi.Domain(
        uuid=UUID(int=0x5EED_0000_4000_8000_0000_0000_0000_0000 + version),
        name=name,
        id=version if on else -1,
        state=state,
        reason=REASONS[state],
        persistent=bool(fields.get("persistent", True)),
        autostart=bool(fields.get("autostart", False)),
        xml=xml,
        config_xml=xml,
        resource_version=version,
        generation=int(str(fields.get("generation", 1))),
        observed_at=NOON - timedelta(seconds=seconds),
        incarnation=version,
    )


BUILD = _domain("build-7", 61, 4, persistent=False)
DATABASE = _domain("db-main", 2, 93_600, autostart=True, generation=3)
REPLICA = _domain("db-replica", 58, 171, state=vi.DomainState.PAUSED, autostart=True)
MAIL = _domain("mail", 5, 266_400, autostart=True)
OLD = _domain("web-1-old", 31, 7_500, state=vi.DomainState.SHUTOFF)
WEB = _domain("web-1", 40, 3_960, state=vi.DomainState.SHUTOFF, autostart=True, generation=2)
HOSTILE = _domain("\x1b[2Jgotcha", 12, 86_400, state=vi.DomainState.SHUTOFF)

BEFORE = (DATABASE, REPLICA, MAIL, OLD, WEB, HOSTILE)


def event(of: vi.Domain, type_: str, reason: str) -> vi.DomainEvent:
    return vi.DomainEvent(type_, reason, NOON, of.name, of.uuid, of, of.resource_version)


STARTED = attrs.evolve(
    WEB,
    id=9,
    state=vi.DomainState.RUNNING,
    reason=vi.RunningReason.BOOTED,
    resource_version=60,
    observed_at=NOON - timedelta(seconds=1),
)
START = vi.Updated(
    WEB,
    STARTED,
    60,
    vi.DeltaSource.EVENT,
    (event(STARTED, "Started", "Booted"), event(STARTED, "Resumed", "Unpaused")),
)
ADD = vi.Added(BUILD, 61, vi.DeltaSource.EVENT, (event(BUILD, "Started", "Booted"),))
GROWN_XML = DATABASE.xml.replace("2097152", "4194304")
GROWN = attrs.evolve(DATABASE, xml=GROWN_XML, resource_version=62, observed_at=NOON)
GROW = vi.Updated(DATABASE, GROWN, 62, vi.DeltaSource.RESYNC)
REMOVE = vi.Deleted(
    OLD,
    vi.DeletionReason.UNDEFINED,
    63,
    vi.DeltaSource.EVENT,
    (event(OLD, "Undefined", "Removed"),),
)

WELL = vi.Health(True, True, 1, NOON, 0.0, None, 0)
AWAY = vi.Health(
    False,
    False,
    2,
    NOON - timedelta(seconds=12),
    12.0,
    OSError("Failed to connect socket to '/run/libvirt/virtqemud-sock': Connection refused"),
    1,
)

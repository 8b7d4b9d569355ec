"""Domains and deltas made by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import attrs

import virtinformer as vi

NOON: Final = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


def domain(name: str = "web-1", number: int = 1, **fields: Any) -> vi.Domain:
    state = fields.pop("state", vi.DomainState.RUNNING)
    running = state is vi.DomainState.RUNNING
    xml = f"<domain><name>{name}</name><memory unit='KiB'>65536</memory><vcpu>2</vcpu></domain>"
    values: dict[str, Any] = {
        "uuid": UUID(int=number),
        "name": name,
        "id": number if running else -1,
        "state": state,
        "reason": vi.RunningReason.BOOTED if running else vi.ShutoffReason.DESTROYED,
        "persistent": True,
        "autostart": False,
        "xml": xml,
        "config_xml": xml,
        "resource_version": number,
        "generation": 1,
        "observed_at": NOON - timedelta(seconds=90 * number),
        "incarnation": number,
    }
    return vi.Domain(**(values | fields))


def event(
    of: vi.Domain, type: str = "Started", reason: str = "Booted", **fields: Any
) -> vi.DomainEvent:
    return vi.DomainEvent(type, reason, NOON, of.name, of.uuid, of, of.resource_version, **fields)


def added(of: vi.Domain, source: vi.DeltaSource = vi.DeltaSource.INITIAL) -> vi.Added:
    return vi.Added(of, of.resource_version, source)


def updated(old: vi.Domain, *types: str, **fields: Any) -> vi.Updated:
    version = fields.setdefault("resource_version", old.resource_version + 1)
    new = attrs.evolve(old, **fields)
    events = tuple(event(new, type, "") for type in types)
    source = vi.DeltaSource.EVENT if events else vi.DeltaSource.RESYNC
    return vi.Updated(old, new, version, source, events)


def deleted(of: vi.Domain, reason: vi.DeletionReason = vi.DeletionReason.UNDEFINED) -> vi.Deleted:
    return vi.Deleted(of, reason, of.resource_version + 1, vi.DeltaSource.EVENT)


def health(**fields: Any) -> vi.Health:
    values: dict[str, Any] = {
        "connected": True,
        "synced": True,
        "epoch": 1,
        "last_contact": NOON,
        "staleness": 0.0,
        "last_error": None,
        "reconnects": 0,
    }
    return vi.Health(**(values | fields))

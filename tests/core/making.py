"""Values for tests: domains, and the changes that make them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import attrs

from virtinformer._core.model import (
    Added,
    Change,
    Deleted,
    DeletionReason,
    DeltaSource,
    Domain,
    DomainEvent,
    Updated,
)
from virtinformer._core.vocabulary import DomainState, reason_of

__all__ = ["TIME", "add", "afterword", "delete", "event", "make", "update"]

TIME = datetime(2016, 10, 4, 12, 30, 15, 250_000, tzinfo=UTC)


def make(uuid: UUID, version: int = 1, name: str = "n", **fields: Any) -> Domain:
    """A domain that is off."""
    domain = Domain(
        uuid=uuid,
        name=name,
        id=-1,
        state=DomainState.SHUTOFF,
        reason=reason_of(DomainState.SHUTOFF, 1),
        persistent=True,
        autostart=False,
        xml="<domain/>",
        config_xml="<domain/>",
        resource_version=version,
        generation=1,
        observed_at=TIME,
        incarnation=1,
    )
    return attrs.evolve(domain, **fields)


def event(domain: Domain, version: int | None = None, type_: str = "Started") -> DomainEvent:
    version = domain.resource_version if version is None else version
    return DomainEvent(type_, "Booted", TIME, domain.name, domain.uuid, domain, version)


def add(domain: Domain, *events: DomainEvent) -> Change:
    version = domain.resource_version
    return Change(version, Added(domain, version, DeltaSource.EVENT, events), events)


def update(old: Domain, new: Domain, *events: DomainEvent) -> Change:
    version = new.resource_version
    return Change(version, Updated(old, new, version, DeltaSource.EVENT, events), events)


def delete(last: Domain, version: int, *events: DomainEvent) -> Change:
    domain = attrs.evolve(last, resource_version=version)
    delta = Deleted(domain, DeletionReason.UNDEFINED, version, DeltaSource.EVENT, events)
    return Change(version, delta, events)


def afterword(*events: DomainEvent) -> Change:
    return Change(events[-1].resource_version, None, events)

"""What programs are told: plain values, for JSON and YAML.

The words are those of the library (`Domain`, `Added`, …), so that whoever knows
the one knows the other. An event is its `DomainEvent.to_dict`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import virtinformer as vi

__all__ = ["Record", "delta_record", "domain_record", "list_record"]

Record = dict[str, Any]

_FIELDS: Final = (
    "id",
    "persistent",
    "autostart",
    "resource_version",
    "generation",
    "incarnation",
    "settled",
)


def domain_record(domain: vi.Domain, *, xml: bool = False) -> Record:
    """A domain; with its XML on request."""
    record = {
        "name": domain.name,
        "uuid": str(domain.uuid),
        "state": str(domain.state),
        "reason": str(domain.reason),
        "observed_at": domain.observed_at.isoformat(),
        **{name: getattr(domain, name) for name in _FIELDS},
    }
    if xml:
        record |= {"xml": domain.xml, "config_xml": domain.config_xml}
    return record


def list_record(domains: Iterable[vi.Domain], version: int, *, xml: bool = False) -> Record:
    """All domains, and the version that they are the state of."""
    return {
        "resource_version": version,
        "domains": [domain_record(domain, xml=xml) for domain in domains],
    }


def delta_record(
    delta: vi.Added | vi.Updated | vi.Deleted | vi.Synced, *, xml: bool = False
) -> Record:
    """One step of a watch, under the name of its class."""
    record: Record = {
        "delta": type(delta).__name__,
        "resource_version": delta.resource_version,
    }
    if isinstance(delta, vi.Synced):
        return record
    record |= {
        "source": delta.source.value,
        "domain": domain_record(delta.domain, xml=xml),
        "events": [event.to_dict() for event in delta.events],
    }
    if isinstance(delta, vi.Updated):
        record |= {"old": domain_record(delta.old, xml=xml), "changed": sorted(delta.changed)}
    if isinstance(delta, vi.Deleted):
        record["reason"] = delta.reason.value
    return record

"""What can be done to a domain whether or not it runs: its configuration, its devices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import attrs

from .._core.model import Observation
from .._core.vocabulary import DomainState, EventKind, LifecycleType, ShutoffReason, reason_of
from . import domainxml
from .guest import Guest
from .log import HostEvent
from .truth import Truth, life, news

__all__ = ["Configuring"]

_FIELDS = tuple(field.name for field in attrs.fields(Observation) if field.name != "settled")


class Configuring(Truth):
    """Operations on the configuration; each raises `ValueError` where libvirt would refuse."""

    def define(
        self,
        name: str,
        *,
        uuid: UUID | None = None,
        xml: str | None = None,
        memory: int = 32768,
        autostart: bool = False,
    ) -> UUID:
        """Define a domain, or another configuration for the one that has this UUID.

        Redefining a running domain changes `config_xml` only; redefining a
        transient one makes it persistent.

        Args:
            name: must be free and without a slash; of a known UUID, its name.
            uuid: its identity; by default a new one.
            xml: its configuration, taken as it is; by default a small one is made up.
            memory: in KiB, for the XML that is made up.
            autostart: of a new domain, whether it starts with the host.

        Returns:
            The UUID.
        """
        known = None if uuid is None else self._guests.get(uuid)
        uuid = self._new_uuid(uuid)
        config = domainxml.domain_xml(name, uuid, memory) if xml is None else xml
        if known is None:
            guest, detail = self._defined(uuid, name, config, autostart), 0
        elif known.content.name == name:
            guest, detail = known.configured(config), int(known.content.persistent)
        else:
            raise ValueError(f"{uuid} is named {known.content.name!r}, not {name!r}: use rename")
        self._commit("define", guest, life(guest, LifecycleType.DEFINED, detail))
        return uuid

    def undefine(self, uuid: UUID) -> None:
        """Remove the configuration and any save image; a running domain becomes transient."""
        guest = self._persistent(uuid, "undefine")
        event = life(guest, LifecycleType.UNDEFINED)
        if guest.active:
            self._commit("undefine", guest.unconfigured(), event)
        else:
            self._remove("undefine", guest, event)

    def rename(self, uuid: UUID, name: str) -> None:
        """Rename a domain that is off. It stays one domain, though told as Undefined, Defined."""
        guest = self._off(uuid, "rename")
        self._check_name(name)
        renamed = guest.configured(domainxml.with_name(guest.config, name)).with_fields(name=name)
        old = life(guest, LifecycleType.UNDEFINED, 1)
        new = life(renamed, LifecycleType.DEFINED, 2)
        self._commit(f"rename to {name!r}", renamed, old, new)

    def set_metadata(self, uuid: UUID, text: str) -> None:
        """Set the description, now and for the next boot; told as MetadataChange."""
        guest = self._edit(uuid, "describe", lambda xml: domainxml.with_description(xml, text))
        told = news(guest, EventKind.METADATA_CHANGE, {"type": 0, "ns_uri": None})
        self._commit("set metadata", guest, told)

    def set_memory(self, uuid: UUID, kib: int) -> None:
        """Change the memory, now and for the next boot. Silent: libvirt sends no event."""
        guest = self._edit(uuid, "resize", lambda xml: domainxml.with_memory(xml, kib))
        self._commit(f"set memory to {kib} KiB", guest)

    def set_autostart(self, uuid: UUID, autostart: bool) -> None:
        """Start the domain with the host, or not. Silent: libvirt sends no event."""
        guest = self._persistent(uuid, "set autostart of")
        self._commit(f"set autostart to {autostart}", guest.with_fields(autostart=autostart))

    def attach_device(self, uuid: UUID, alias: str) -> None:
        """Attach a device: live and told as DeviceAdded, or silently to a domain that is off."""
        guest = self._guest(uuid, "attach a device to")
        changed = _with_live_xml(guest, domainxml.with_device(guest.content.xml, alias))
        self._commit_device(f"attach {alias!r}", changed, EventKind.DEVICE_ADDED, alias)

    def detach_device(self, uuid: UUID, alias: str) -> None:
        """Detach an attached device: live and told, or silently from a domain that is off."""
        guest = self._guest(uuid, "detach a device from")
        changed = _with_live_xml(guest, domainxml.without_device(guest.content.xml, alias))
        self._commit_device(f"detach {alias!r}", changed, EventKind.DEVICE_REMOVED, alias)

    def mutate(self, uuid: UUID, **fields: Any) -> None:  # noqa: ANN401 - as the fields are
        """Set any fields of the truth, silently: unknown states, malformed XML, odd names.

        Args:
            uuid: the domain.
            **fields: fields of `Observation` but `settled`; state and reason may be bare numbers.
        """
        guest = self._guest(uuid, "mutate")
        if unknown := fields.keys() - set(_FIELDS):
            raise ValueError(f"no such fields: {sorted(unknown)}; there are {', '.join(_FIELDS)}")
        state = DomainState(fields.get("state", guest.content.state))
        reason = reason_of(state, fields.get("reason", guest.content.reason))
        changed = guest.with_fields(**{**fields, "state": state, "reason": reason})
        self._commit(f"mutate {', '.join(sorted(fields))}", changed)

    def emit(
        self,
        uuid: UUID,
        kind: int = EventKind.LIFECYCLE,
        *,
        type: int = 0,
        detail: int = 0,
        name: str | None = None,
        id: int | None = None,
        **details: object,
    ) -> None:
        """Make any event whatever, true or not; nothing changes.

        Args:
            uuid: of a domain that may or may not exist.
            kind: libvirt's event id, also one that nobody knows.
            type: of a life-cycle event.
            detail: of a life-cycle event.
            name: by default that of the domain, or empty.
            id: by default that of the domain, or -1.
            **details: what else the callback carries.
        """
        content = self.truth(uuid)
        said_name = name if name is not None else content.name if content else ""
        said_id = id if id is not None else content.id if content else -1
        self._make(HostEvent(uuid, said_name, said_id, kind, type, detail, details))

    # ------------------------------------------------------------ inside

    def _defined(self, uuid: UUID, name: str, config: str, autostart: bool) -> Guest:
        self._check_name(name)
        content = Observation(
            name=name,
            id=-1,
            state=DomainState.SHUTOFF,
            reason=ShutoffReason.UNKNOWN,
            persistent=True,
            autostart=autostart,
            xml=config,
            config_xml=config,
        )
        return Guest(uuid, content, visible_from=self._visible_from())

    def _edit(self, uuid: UUID, verb: str, edit: Callable[[str], str]) -> Guest:
        content = self._guest(uuid, verb).content
        config = content.config_xml
        return self._guests[uuid].with_fields(
            xml=edit(content.xml), config_xml=None if config is None else edit(config)
        )

    def _commit_device(self, operation: str, guest: Guest, kind: EventKind, alias: str) -> None:
        told = [news(guest, kind, {"dev_alias": alias})] if guest.active else []
        self._commit(operation, guest, *told)


def _with_live_xml(guest: Guest, xml: str) -> Guest:
    return guest.with_fields(xml=xml) if guest.active else guest.configured(xml)

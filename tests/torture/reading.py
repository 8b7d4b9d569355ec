"""What a writer sees of its domain, read the plainest way.

No module of a writer imports the library: whoever says what is true must not have it from
whom it is held against.
"""

from __future__ import annotations

from uuid import UUID

import libvirt

__all__ = ["Seen", "is_gone", "look_at"]

Seen = dict[str, object]
"""What there is to know of a domain, ready for JSON."""


def look_at(host: libvirt.virConnect, uuid: UUID) -> Seen | None:
    """All of a domain that nobody else changes; ``None`` if it is not there."""
    try:
        _let_it_settle(host.lookupByUUID(uuid.bytes))
        # Looked up anew: a handle keeps the id that the domain had.
        return _read(host.lookupByUUID(uuid.bytes))
    except libvirt.libvirtError as error:
        if is_gone(error):
            return None
        raise


def is_gone(error: libvirt.libvirtError) -> bool:
    return error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN


def _read(domain: libvirt.virDomain) -> Seen:
    state, reason = map(int, domain.state())
    persistent = bool(domain.isPersistent())
    return {
        "name": domain.name(),
        "id": domain.ID(),
        "state": state,
        "reason": reason,
        "persistent": persistent,
        "autostart": bool(domain.autostart()),
        "xml": domain.XMLDesc(),
        "config_xml": _config(domain) if persistent else None,
    }


def _config(domain: libvirt.virDomain) -> str:
    return domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE if domain.isActive() else 0)


def _let_it_settle(domain: libvirt.virDomain) -> None:
    """Wait until libvirtd does nothing with it any more.

    Right after its start libvirtd finds its guests again, one thread each, and everybody
    may look meanwhile. A question that goes to QEMU has to wait its turn behind that.
    """
    if domain.isActive():
        try:
            domain.memoryStats()
        except libvirt.libvirtError as error:
            if is_gone(error):
                raise  # … and not, for example: it ended meanwhile, or the driver cannot tell

"""Reading one domain, untorn.

What a `Domain` consists of takes half a dozen calls, and the domain may move
between any two of them. A read is *untorn* if what it saw can have been true at
one moment: the state was the same before and after, and the XML agrees with the
handle about the id (which every start changes) and the name (which a rename
changes). A torn read is repeated, a few times; then it is delivered as it is,
marked ``settled=False``.

Only a look-up may say that a domain is gone. A later call may say so too, but
about a handle: it is looked up again. That it is there needs no look-up, if a handle
is at hand whose name and id still hold.

XML is read without ``VIR_DOMAIN_XML_SECURE``: no secret enters the informer.
"""

from __future__ import annotations

import functools
import logging
import re
from html import unescape
from typing import Final
from uuid import UUID

import libvirt

from .._core.messages import Gone
from .._core.model import Observation
from .._core.vocabulary import DomainState, reason_of
from .errors import detached, is_no_domain, is_unsupported

__all__ = ["agrees", "config_of", "read_domain", "read_known", "uuid_from"]

log = logging.getLogger("virtinformer.libvirt")

TRIES: Final = 3

GHOSTS: Final = 32
"""So many handles in a row may be of a domain that went, while another came under its UUID."""

# Neither may look twice at the same text, or the read of a malformed one takes minutes.
_HEADER: Final = re.compile(r"<domain\b[^<>]*>")
_ID: Final = re.compile(r"""\sid=(['"])(-?\d+)\1""")
_NAME: Final = re.compile(r"<name>([^<]*)</name>")
_UNWRITTEN: Final = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f]")
"""What XML cannot hold: libvirt writes most of it not at all. A rename may put it into a name."""

_ACTIVE_STATES: Final = (DomainState.RUNNING, DomainState.BLOCKED, DomainState.PAUSED)


@functools.lru_cache(maxsize=2**15)
def uuid_from(text: str) -> UUID:
    """A UUID as the binding has it, as ours: the same object, as long as it is remembered.

    To make one takes longer than all else that is made of a domain, and a dict finds the same
    object faster than an equal one.
    """
    return UUID(text)


def read_domain(host: libvirt.virConnect, uuid: UUID) -> Observation | Gone:
    """Read one domain. Blocks.

    Raises:
        libvirt.libvirtError: if the host would not say.
        UnicodeDecodeError: if it said something that is no text.
    """
    torn: Observation | None = None
    tries = ghosts = 0
    while tries < TRIES:
        try:
            domain = host.lookupByUUID(uuid.bytes)
        except libvirt.libvirtError as error:
            if is_no_domain(error):
                return Gone()
            raise
        try:
            seen = _read_once(domain)
        except libvirt.libvirtError as error:
            ghosts += 1
            if not is_no_domain(error) or ghosts == GHOSTS:
                raise
            continue
        if seen.settled:
            return seen
        torn = seen
        tries += 1
    assert torn is not None
    return torn


def read_known(domain: libvirt.virDomain) -> Observation | None:
    """Read a domain by a handle that is at hand, as that of an event; ``None``: look it up. Blocks.

    A handle of an event says what the domain was called, and which number it had, when the event
    was made. If that is still so, a look-up would say nothing else; if it is not, or if
    anything fails, only a look-up can tell.
    """
    try:
        if _UNWRITTEN.search(domain.name()):
            return None  # the XML would not show that it has another name now
        seen = _read_once(domain)
    except Exception as error:  # noqa: BLE001 - the read that follows meets it again, or not
        log.debug("a domain is looked up: %s", detached(error))
        return None
    return seen if seen.settled and _NAME.search(seen.xml) else None


def _read_once(domain: libvirt.virDomain) -> Observation:
    name, id_ = domain.name(), domain.ID()
    before = domain.state()
    xml = domain.XMLDesc(0)
    # Two numbers, though the binding calls them text.
    state, reason = DomainState(int(before[0])), int(before[1])
    agreed = agrees(xml, name, id_, state)
    persistent = _is_persistent(domain)
    autostart = _has_autostart(domain)
    return Observation(
        name=name,
        id=id_,
        state=state,
        reason=reason_of(state, reason),
        persistent=persistent,
        autostart=autostart,
        xml=xml,
        config_xml=config_of(domain, xml, id_, persistent),
        settled=agreed and before == domain.state(),
    )


def agrees(xml: str, name: str, id_: int, state: DomainState) -> bool:
    """Whether the XML can be of that domain in that state.

    XML that cannot be made out contradicts nothing.
    """
    if (state is DomainState.SHUTOFF and id_ >= 0) or (state in _ACTIVE_STATES and id_ < 0):
        return False
    header = _HEADER.search(xml)
    if header is None:
        return True
    found = _ID.search(header.group())
    shown = _NAME.search(xml, header.end())
    return (found.group(2) if found else "-1") == str(id_) and (
        shown is None or _is_written(name, shown.group(1))
    )


def _is_written(name: str, text: str) -> bool:
    """Whether XML names a domain so."""
    if text == name and "&" not in text:
        return True
    try:
        return _UNWRITTEN.sub("", unescape(text)) == _UNWRITTEN.sub("", name)
    except ValueError:
        return True  # a reference to a character of more digits than Python takes for a number


def config_of(domain: libvirt.virDomain, xml: str, id_: int, persistent: bool) -> str | None:
    """The XML of the next boot: read where it is another than `xml`, and where there is one."""
    if not persistent:
        return None
    if id_ < 0:
        return xml
    try:
        return str(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    except libvirt.libvirtError as error:
        if is_unsupported(error):
            return None
        raise


def _is_persistent(domain: libvirt.virDomain) -> bool:
    try:
        return bool(domain.isPersistent())
    except libvirt.libvirtError as error:
        # Drivers that cannot tell know no transient domains.
        if is_unsupported(error):
            return True
        raise


def _has_autostart(domain: libvirt.virDomain) -> bool:
    try:
        return bool(domain.autostart())
    except libvirt.libvirtError as error:
        # Some drivers refuse the question for a transient domain.
        if is_unsupported(error) or error.get_error_code() == libvirt.VIR_ERR_OPERATION_INVALID:
            return False
        raise

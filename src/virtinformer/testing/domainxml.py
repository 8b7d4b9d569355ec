"""The XML of a made-up domain, and small changes to it.

Changes are made to the text, not to a tree, so that whatever a test passes in
— comments, odd spacing, a missing end tag — stays as it is, as far as it can.
"""

from __future__ import annotations

import re
from uuid import UUID
from xml.sax.saxutils import escape, quoteattr

__all__ = [
    "domain_xml",
    "with_description",
    "with_device",
    "with_id",
    "with_memory",
    "with_name",
    "without_device",
]

_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def domain_xml(name: str, uuid: UUID, memory: int) -> str:
    """The configuration of a domain that needs nothing on disk.

    Args:
        name: any text; what XML cannot hold is left out, as libvirt does.
        uuid: its identity.
        memory: in KiB.
    """
    return (
        "<domain type='qemu'>\n"
        f"  <name>{_text(name)}</name>\n"
        f"  <uuid>{uuid}</uuid>\n"
        f"  <memory unit='KiB'>{memory}</memory>\n"
        f"  <currentMemory unit='KiB'>{memory}</currentMemory>\n"
        "  <vcpu placement='static'>1</vcpu>\n"
        "  <os><type arch='x86_64' machine='pc'>hvm</type></os>\n"
        "  <devices>\n"
        "    <controller type='usb' index='0' model='none'/>\n"
        "  </devices>\n"
        "</domain>\n"
    )


def with_id(xml: str, number: int) -> str:
    """As the live XML of the running domain of that number."""
    return _replace(xml, r"<domain\b", f"<domain id='{number}'")


def with_name(xml: str, name: str) -> str:
    """With another name."""
    return _replace(xml, r"<name>.*?</name>", f"<name>{_text(name)}</name>")


def with_memory(xml: str, kib: int) -> str:
    """With another size of memory, in KiB."""
    return _replace(xml, r"(?<=<memory unit='KiB'>)\d+(?=</memory>)", str(kib))


def with_description(xml: str, text: str) -> str:
    """With another description; an empty one takes it away."""
    bare = re.sub(r"  <description>.*?</description>\n", "", xml, count=1, flags=re.DOTALL)
    if not text:
        return bare
    return _replace(bare, r"</uuid>", f"</uuid>\n  <description>{_text(text)}</description>")


def with_device(xml: str, alias: str) -> str:
    """With one device more."""
    return _replace(xml, r"  </devices>", f"{_device(alias)}  </devices>")


def without_device(xml: str, alias: str) -> str:
    """Without the device that `with_device` added.

    Raises:
        ValueError: if there is no such device.
    """
    return _replace(xml, re.escape(_device(alias)), "")


def _device(alias: str) -> str:
    backend = "<backend model='random'>/dev/urandom</backend>"
    return f"    <rng model='virtio'>{backend}<alias name={quoteattr(alias)}/></rng>\n"


def _text(text: str) -> str:
    return escape(_FORBIDDEN.sub("", text), {"\r": "&#13;", "'": "&apos;", '"': "&quot;"})


def _replace(xml: str, pattern: str, text: str) -> str:
    changed, count = re.subn(pattern, lambda _: text, xml, count=1, flags=re.DOTALL)
    if not count:
        raise ValueError(f"the XML has nothing like {pattern!r} to change: {xml[:200]!r}")
    return changed

"""The domains of a writer: what their XML says, and the disks behind it.

On QEMU each has a disk of a megabyte, so that snapshots can be taken, and a USB controller:
a guest whose firmware has found nothing to boot lets go of USB devices, and of no others.
"""

from __future__ import annotations

import struct
from pathlib import Path
from uuid import UUID
from xml.sax.saxutils import escape

__all__ = ["Domains"]

MOUSE = "<input type='mouse' bus='usb'><alias name='ua-mouse'/></input>"
"""A device that comes and goes."""

_CLUSTER = 1 << 16


class Domains:
    """Makes the domains of one writer.

    Args:
        uri: of the host; it tells the driver.
        root: directory of the daemon, for the disks.
    """

    def __init__(self, uri: str, root: Path) -> None:
        self.emulated = uri.startswith("qemu")
        self._root = root

    def xml(self, uuid: UUID, name: str, memory: int) -> str:
        """A configuration."""
        make = self._on_qemu if self.emulated else _on_the_test_driver
        return make(uuid, escape(name), memory * 1024)

    def make_disk(self, uuid: UUID) -> None:
        """Have the disk there, empty, if the driver wants one."""
        if self.emulated and not self._disk(uuid).exists():
            self._disk(uuid).write_bytes(_empty_qcow2(1 << 20))
            self._disk(uuid).chmod(0o666)  # the daemon may be somebody else's

    def pid_file(self, name: str) -> Path:
        """Where libvirtd writes down which process a domain is."""
        return self._root / "run" / "libvirt" / "qemu" / "run" / f"{name}.pid"

    def _disk(self, uuid: UUID) -> Path:
        return self._root / "data" / f"{uuid}.qcow2"

    def _on_qemu(self, uuid: UUID, name: str, kib: int) -> str:
        return (
            f"<domain type='qemu'><name>{name}</name><uuid>{uuid}</uuid>"
            f"<memory>{kib}</memory><vcpu>1</vcpu>"
            "<os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features>"
            "<devices><controller type='usb' model='piix3-uhci'/>"
            "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>"
            f"<source file='{self._disk(uuid)}'/><target dev='hda' bus='ide'/></disk>"
            "</devices></domain>"
        )


def _on_the_test_driver(uuid: UUID, name: str, kib: int) -> str:
    return (
        f"<domain type='test'><name>{name}</name><uuid>{uuid}</uuid>"
        f"<memory>{kib}</memory><os><type>hvm</type></os></domain>"
    )


def _empty_qcow2(size: int) -> bytes:
    """A disk image with nothing in it (docs/interop/qcow2.txt of QEMU); qemu-img may be missing.

    Four clusters: the header, the table of reference counts, those of the first block,
    and the table of what is stored where.
    """
    image = bytearray(4 * _CLUSTER)
    header = struct.pack(
        ">4sIQIIQIIQQIIQQQQII",
        *(b"QFI\xfb", 3, 0, 0, 16, size, 0, 1, 3 * _CLUSTER, _CLUSTER, 1, 0, 0),
        *(0, 0, 0, 4, 104),
    )
    image[: len(header)] = header
    struct.pack_into(">Q", image, _CLUSTER, 2 * _CLUSTER)
    struct.pack_into(">4H", image, 2 * _CLUSTER, 1, 1, 1, 1)
    return bytes(image)

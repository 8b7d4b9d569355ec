"""What a domain weighs: 10,000 of them, each with the live and the configuration XML of QEMU.

The XML is what libvirt says of one running domain with disks, network cards, a console and the
rest of what a guest has; name, UUID, addresses and paths are another's for each domain. The
figure is the growth of the process while an informer reads them, in bytes a domain, against
the bytes of the XML alone. (client-go needs 1.76 kB and `kubernetes` 1.84 kB for an object of
1 KiB: nobody there is below one.)
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from bench.prepared import PreparedSource
from bench.result import Result
from bench.setting import Setting
from bench.worker import Worker
from tests.daemons import Daemon
from virtinformer import DomainInformer, DomainState, RunningReason
from virtinformer._core.model import Observation

__all__ = ["run", "weigh"]

DOMAINS, QUICK_DOMAINS = 10_000, 2_000
TARGET = 0.6
NAME, IDENTITY, MAC = "guest-00000", "5e0c1f7e-3d6a-4c7b-9a53-0d2f4b1a0000", "52:54:00:00:00:00"
DISK = """
<disk type='file' device='disk'><driver name='qemu' type='raw' cache='none'/>
  <source file='{folder}/{name}-{number}.img'/><target dev='vd{letter}' bus='virtio'/></disk>"""
CONFIG = """
<domain type='qemu'><name>{name}</name><uuid>{uuid}</uuid>
  <title>{name}</title><description>One of many, for the benchmarks</description>
  <memory>32768</memory><vcpu>2</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type><boot dev='hd'/></os>
  <features><acpi/><apic/></features>
  <clock offset='utc'><timer name='rtc' tickpolicy='catchup'/><timer name='hpet' present='no'/>
  </clock>
  <devices>{disks}
    <controller type='usb' model='piix3-uhci'/><controller type='virtio-serial'/>
    <interface type='user'><mac address='{mac}'/><model type='virtio'/></interface>
    <serial type='pty'/><console type='pty'/>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
    <memballoon model='virtio'/>
  </devices></domain>"""


async def run(setting: Setting) -> list[Result]:
    templates = await asyncio.to_thread(xml_of_qemu, await setting.host())
    domains = setting.either(DOMAINS, QUICK_DOMAINS)
    found = []
    for _ in range(setting.rounds):
        async with Worker("bench.memory:weigh", domains, templates) as worker:
            found.append(await worker.ask())
    ours = [float(answer["memory"]) for answer in found]
    xml = [float(answer["xml"]) for answer in found]
    return [Result("memory", "the XML alone", "bytes/domain", TARGET, ours, xml)]


def xml_of_qemu(daemon: Daemon) -> tuple[str, str]:
    """What libvirt says of a running domain: live, and of the next boot."""
    disks = ""
    for number, letter in enumerate("ab"):
        image = daemon.root / f"{NAME}-{number}.img"
        image.write_bytes(b"")
        image.chmod(0o666)
        disks += DISK.format(folder=daemon.root, name=NAME, number=number, letter=letter)
    with contextlib.closing(daemon.connect()) as connection:
        domain = connection.defineXML(CONFIG.format(name=NAME, uuid=IDENTITY, mac=MAC, disks=disks))
        domain.create()
        try:
            return domain.XMLDesc(), domain.XMLDesc(2)  # VIR_DOMAIN_XML_INACTIVE
        finally:
            domain.destroy()
            domain.undefine()


async def weigh(domains: int, templates: Sequence[str]) -> AsyncGenerator[Any, Any]:
    """The contender: bytes a domain that an informer needs, and that the XML has."""
    live, config = templates
    yield None
    # What is imported or made once, an informer of one domain has had.
    await _memory_of(1, live, config)
    memory = await _memory_of(domains, live, config)
    xml = sum(len(text.encode()) for text in (live, config))
    yield {"memory": memory / domains, "xml": xml}


async def _memory_of(domains: int, live: str, config: str) -> int:
    def make(number: int) -> tuple[UUID, Observation]:
        def mine(text: str) -> str:
            return (
                text.replace(NAME, f"guest-{number:05}")
                .replace(IDENTITY, f"{IDENTITY[:-5]}{number:05x}")
                .replace(
                    MAC, f"{MAC[:-8]}{number >> 16:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
                )
            )

        seen = Observation(
            name=f"guest-{number:05}",
            id=1,
            state=DomainState.RUNNING,
            reason=RunningReason.BOOTED,
            persistent=True,
            autostart=False,
            xml=mine(live),
            config_xml=mine(config),
        )
        return UUID(f"{IDENTITY[:-5]}{number:05x}"), seen

    gc.collect()
    before = _resident()
    async with DomainInformer(PreparedSource(domains, make), resync_period=None) as informer:
        assert len(informer.snapshot()) == domains
        gc.collect()
        return _resident() - before


def _resident() -> int:
    """Bytes of the process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")

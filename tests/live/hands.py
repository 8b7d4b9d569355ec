"""Somebody else at work on the host: plain libvirt, on connections and threads of its own."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TypeVar
from uuid import UUID
from xml.sax.saxutils import escape

import libvirt

import virtinformer as vi
from tests.daemons import Daemon

__all__ = [
    "Record",
    "describe",
    "domain_named",
    "eventually",
    "hands_on",
    "opened",
    "pid_of",
    "read_host",
    "record_of",
    "show",
    "uuid_of",
]

T = TypeVar("T")
Record = dict[str, object]
"""What there is to know of a domain, by the names of `virtinformer.Domain`."""

_names = itertools.count(1)


@contextmanager
def opened(uri: str) -> Iterator[libvirt.virConnect]:
    """A connection; for use on a thread."""
    host = libvirt.open(uri)
    try:
        yield host
    finally:
        host.close()


class Hands:
    """One connection to change the host by, which never blocks the loop."""

    def __init__(self, host: libvirt.virConnect) -> None:
        self._host = host

    async def do(self, work: Callable[[libvirt.virConnect], T]) -> T:
        """Have `work` done on a thread."""
        return await asyncio.to_thread(work, self._host)

    async def define(self, xml: str) -> UUID:
        return await self.do(lambda host: uuid_of(host.defineXML(xml)))

    async def create(self, xml: str, flags: int = 0) -> UUID:
        """Start a transient domain."""
        return await self.do(lambda host: uuid_of(host.createXML(xml, flags)))

    async def to(self, uuid: UUID, work: Callable[[libvirt.virDomain], T]) -> T:
        """Have `work` done to a domain."""
        return await self.do(lambda host: work(host.lookupByUUID(uuid.bytes)))


@asynccontextmanager
async def hands_on(uri: str) -> AsyncIterator[Hands]:
    host = await asyncio.to_thread(libvirt.open, uri)
    try:
        yield Hands(host)
    finally:
        await asyncio.to_thread(host.close)


def pid_of(daemon: Daemon, uuid: UUID) -> int:
    """The process of a running domain."""
    name = str(uuid).encode()
    (pid,) = [p for p in daemon.children() if name in Path(f"/proc/{p}/cmdline").read_bytes()]
    return pid


def uuid_of(domain: libvirt.virDomain) -> UUID:
    return UUID(domain.UUIDString())


def domain_named(name: str | None = None, *, uuid: UUID | None = None, memory: int = 1024) -> str:
    """A domain for the test driver."""
    name = f"live-{os.getpid()}-{next(_names)}" if name is None else name
    tag = f"<uuid>{uuid}</uuid>" if uuid else ""
    return (
        f"<domain type='test'><name>{escape(name)}</name>{tag}<memory>{memory}</memory>"
        "<os><type>hvm</type></os></domain>"
    )


def describe(domain: libvirt.virDomain, text: str) -> None:
    """Change the metadata: the cheapest change of which libvirt tells."""
    flags = libvirt.VIR_DOMAIN_AFFECT_CURRENT
    # The binding's types allow no None here, and libvirt nothing else.
    nothing: str = None  # type: ignore[assignment]
    domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_DESCRIPTION, text, nothing, nothing, flags)


# ---------------------------------------------------------------------- the truth


def read_host(uri: str) -> dict[UUID, Record]:
    """All domains of a host that stands still, read the plainest way. Blocks."""
    with opened(uri) as host:
        return {uuid_of(domain): _read(domain) for domain in host.listAllDomains()}


def _read(domain: libvirt.virDomain) -> Record:
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
    # Of a domain that is off the two differ in nothing that matters, and the library reads one.
    return domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE if domain.isActive() else 0)


def record_of(domain: vi.Domain) -> Record:
    """The same of a domain in the store."""
    return {
        "name": domain.name,
        "id": domain.id,
        "state": int(domain.state),
        "reason": int(domain.reason),
        "persistent": domain.persistent,
        "autostart": domain.autostart,
        "xml": domain.xml,
        "config_xml": domain.config_xml,
    }


async def eventually(holds: Callable[[], object], what: str, seconds: float = 30.0) -> None:
    """Look until something holds of which nobody tells."""
    try:
        async with asyncio.timeout(seconds):
            while not holds():
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"after {seconds:g} s still not: {what}") from None


def show(text: str) -> None:
    """Say what was measured, to whoever runs the tests with ``-s`` or ``-rP``."""
    print(f"\n{text}")  # noqa: T201 - figures of one machine are nothing to assert

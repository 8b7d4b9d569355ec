"""The examples of controllers, on real QEMU: whatever happens to a domain is put right."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import libvirt
import pytest

import virtinformer as vi
from tests.daemons import Daemon, domain_xml
from tests.live.hands import Hands, hands_on, pid_of
from tests.test_examples import load

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]


@asynccontextmanager
async def at_work(main: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """An example runs, and does not fail."""
    task = asyncio.create_task(main)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled()


def is_running(domain: vi.Domain) -> bool:
    return domain.state is vi.DomainState.RUNNING


class Scene:
    """A host, somebody who changes it, and somebody who looks."""

    def __init__(self, daemon: Daemon, hands: Hands, informer: vi.DomainInformer) -> None:
        self.daemon = daemon
        self._hands = hands
        self._informer = informer

    async def does(self, uuid: UUID, work: Callable[[libvirt.virDomain], object]) -> None:
        """Has something done to a domain; whoever looks does not see it as it was before."""
        await self._hands.to(uuid, work)
        await self._informer.refresh(uuid)

    async def define(self, xml: str) -> UUID:
        uuid = await self._hands.define(xml)
        await self._informer.refresh(uuid)
        return uuid

    async def until(self, uuid: UUID, holds: Callable[[vi.Domain], bool]) -> vi.Domain:
        async with asyncio.timeout(60):
            return await self._informer.wait_for(uuid, holds)

    async def kill(self, uuid: UUID) -> int:
        """SIGKILL for its QEMU; the id that it had."""
        domain = await self.until(uuid, is_running)
        os.kill(pid_of(self.daemon, uuid), signal.SIGKILL)
        return domain.id

    async def rises_again(self, uuid: UUID, last: int) -> None:
        # It is active, and paused, while it starts; to destroy it then makes its start fail.
        await self.until(uuid, lambda domain: is_running(domain) and domain.id != last)

    async def is_off(self, uuid: UUID) -> None:
        domain = await self._informer.refresh(uuid)
        assert domain is not None
        assert not domain.active


@asynccontextmanager
async def scene(daemon: Daemon) -> AsyncIterator[Scene]:
    async with hands_on(daemon.uri) as hands, vi.connect(daemon.uri) as informer:
        yield Scene(daemon, hands, informer)


async def test_domains_that_crash_are_restarted(
    clean_qemu: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = load("restart_crashed")
    monkeypatch.setattr(example, "SETTLE", 0.2)
    async with scene(clean_qemu) as host:
        crashed_before = await host.define(domain_xml())
        await host.does(crashed_before, libvirt.virDomain.create)
        last = await host.kill(crashed_before)
        await host.until(crashed_before, lambda domain: not domain.active)
        async with at_work(example.main(clean_qemu.uri)):
            await host.rises_again(crashed_before, last)

            stopped = await host.define(domain_xml())
            await host.does(stopped, libvirt.virDomain.create)
            last = await host.kill(stopped)
            await host.rises_again(stopped, last)
            await host.does(stopped, libvirt.virDomain.destroy)

            last = await host.kill(crashed_before)
            await host.rises_again(crashed_before, last)
            await host.is_off(stopped)


async def test_the_daemon_is_restarted_meanwhile(own_daemon: Daemon) -> None:
    example = load("restart_crashed")
    async with scene(own_daemon) as host, at_work(example.main(own_daemon.uri)):
        uuid = await host.define(domain_xml())
        await host.does(uuid, libvirt.virDomain.create)
        await asyncio.to_thread(own_daemon.kill)
        os.kill(pid_of(own_daemon, uuid), signal.SIGKILL)
        await asyncio.to_thread(own_daemon.start)
        await host.until(uuid, lambda domain: not domain.active)
        await host.until(uuid, lambda domain: domain.active)


def file_of(folder: Path, memory_kib: int = 32768) -> tuple[Path, UUID]:
    """A new file for a new domain."""
    uuid = uuid4()
    path = folder / f"{uuid}.xml"
    path.write_text(domain_xml(uuid=str(uuid), memory_kib=memory_kib))
    return path, uuid


async def test_a_folder_of_domains_is_kept(clean_qemu: Daemon, tmp_path: Path) -> None:
    example = load("keep_domains")
    (tmp_path / "broken.xml").write_text("<domain")
    (tmp_path / "nameless.xml").write_text("<domain/>")
    path, web = file_of(tmp_path)
    async with scene(clean_qemu) as host, at_work(example.main(tmp_path, clean_qemu.uri)):
        # defined and started
        last = await host.kill(web)
        await host.rises_again(web, last)

        # undefined while it runs, then altogether
        await host.does(web, libvirt.virDomain.undefine)
        await host.until(web, lambda domain: domain.persistent)
        await host.does(web, libvirt.virDomain.undefine)
        last = await host.kill(web)
        domain = await host.until(web, lambda d: d.active and d.persistent and d.id != last)

        # the file is edited: the configuration follows, and the guest goes on
        path.write_text(path.read_text().replace("32768", "65536"))
        edited = await host.until(web, lambda domain: "65536" in (domain.config_xml or ""))
        assert edited.id == domain.id

        # edited by somebody else: as the file says
        await host.define(path.read_text().replace("65536", "40960"))
        await host.until(web, lambda domain: "65536" in (domain.config_xml or ""))

        # a further file; and one that is removed lets its domain be
        path.unlink()
        _, other = file_of(tmp_path)
        await host.until(other, lambda domain: domain.active)
        await host.does(web, libvirt.virDomain.destroy)
        last = await host.kill(other)
        await host.rises_again(other, last)
        await host.is_off(web)

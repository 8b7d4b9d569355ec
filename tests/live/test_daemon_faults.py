"""What becomes of an informer when its daemon dies, hangs, or is not there yet.

`Diary.rest_as` at the end of a test says that all is as on the host again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import libvirt
import pytest

import virtinformer as vi
from tests.daemons import Daemon, domain_xml
from tests.live.diary import Diary
from tests.live.hands import (
    Record,
    describe,
    domain_named,
    eventually,
    hands_on,
    opened,
    pid_of,
    read_host,
    show,
    uuid_of,
)

pytestmark = pytest.mark.asyncio

PROMPT = 5.0
"""Seconds: far less than keepalive would take, far more than a busy machine needs."""


@asynccontextmanager
async def frozen(daemon: Daemon) -> AsyncIterator[None]:
    """Within, the daemon hangs."""
    await asyncio.to_thread(daemon.stop)
    try:
        yield
    finally:
        daemon.cont()


def our_threads() -> list[str]:
    """The threads that belong to an informer."""
    names = [thread.name for thread in threading.enumerate()]
    return [n for n in names if n.startswith("virtinformer-") and n != "virtinformer-events"]


def sockets() -> set[str]:
    links = set()
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            links.add(str(entry.readlink()))
    return {link for link in links if link.startswith("socket:")}


class Writers:
    """Threads that change the host until it is gone, or they are told to stop."""

    def __init__(self, uri: str, works: list[Callable[[libvirt.virConnect, int], None]]) -> None:
        self._uri = uri
        self._stopped = threading.Event()
        self._works = works
        self.done = 0

    async def __aenter__(self) -> Writers:
        self._tasks = [asyncio.create_task(asyncio.to_thread(self._run, w)) for w in self._works]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._stopped.set()
        await asyncio.gather(*self._tasks)

    def _run(self, work: Callable[[libvirt.virConnect, int], None]) -> None:
        with contextlib.suppress(libvirt.libvirtError), opened(self._uri) as host:
            while not self._stopped.is_set():
                self.done += 1
                work(host, self.done)


def flash(host: libvirt.virConnect, number: int) -> None:
    host.defineXML(domain_xml()).undefine()


def relabel(host: libvirt.virConnect, number: int) -> None:
    for domain in host.listAllDomains():
        with contextlib.suppress(libvirt.libvirtError):
            if domain.name().startswith("steady"):
                describe(domain, str(number))
        if not host.isAlive():
            raise libvirt.libvirtError("the daemon is gone")


def differences(
    before: dict[UUID, Record], after: dict[UUID, Record]
) -> dict[UUID, type[vi.Added | vi.Updated | vi.Deleted]]:
    """Which delta leads from one state of the host to the other."""
    found: dict[UUID, type[vi.Added | vi.Updated | vi.Deleted]] = {}
    for uuid in before.keys() | after.keys():
        if uuid not in before:
            found[uuid] = vi.Added
        elif uuid not in after:
            found[uuid] = vi.Deleted
        elif before[uuid] != after[uuid]:
            found[uuid] = vi.Updated
    return found


async def test_a_daemon_that_is_killed_and_comes_again(own_daemon: Daemon) -> None:
    daemon = own_daemon
    configs = daemon.root / "config" / "libvirt" / "qemu"
    async with vi.connect(daemon.uri) as informer, Diary(informer) as diary:
        async with hands_on(daemon.uri) as hands:
            off = [await hands.define(domain_xml(f"steady-{n}")) for n in range(5)]
            forgotten = await hands.define(domain_xml("forgotten"))
            transient = await hands.create(domain_xml("transient"))
            survivor, killed = [
                await hands.define(domain_xml(name)) for name in ("survivor", "killed")
            ]
            for uuid in (survivor, killed):
                await hands.to(uuid, lambda domain: domain.create())
        pids = [pid_of(daemon, uuid) for uuid in (transient, killed)]
        await diary.rest_as(daemon.uri)

        # It dies in the middle of all kinds of changes …
        async with Writers(daemon.uri, [flash, flash, relabel]) as writers:
            await eventually(lambda: writers.done > 100, "they write")
            await asyncio.to_thread(daemon.kill)
        await eventually(lambda: not informer.health.connected, "noticed", PROMPT)
        known = {uuid: informer.get(uuid) for uuid in (*off, survivor, killed, transient)}
        assert None not in known.values()
        away = informer.snapshot()
        version = informer.resource_version
        staleness = informer.health.staleness
        before = await asyncio.to_thread(_on_disk, configs)
        told = len(diary.deltas)

        # … and while it is away the world goes on: two guests end, configurations come and go.
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        new = uuid4()
        _hand_over(configs / "new.xml", domain_xml("new", uuid=str(new)), like=configs)
        (configs / "forgotten.xml").unlink()
        assert before >= {"forgotten", "survivor", "killed", *(f"steady-{n}" for n in range(5))}
        await eventually(lambda: informer.health.staleness > staleness, "it grows stale")
        assert informer.health.last_error is not None
        assert not informer.health.synced
        assert {uuid: informer.get(uuid) for uuid in known} == known
        assert informer.resource_version == version

        await asyncio.to_thread(daemon.start)
        await eventually(lambda: informer.health.synced, "connected again")
        await diary.until(lambda: transient not in diary.replayed, "the transient one is gone")
        await diary.until(lambda: not diary.replayed[killed].active, "the killed one is off")
        await diary.rest_as(daemon.uri)

        assert informer.health.connected
        assert informer.health.reconnects == 1
        since = diary.deltas[told:]
        deleted = {delta.domain.uuid for delta in since if isinstance(delta, vi.Deleted)}
        exist = set(await asyncio.to_thread(read_host, daemon.uri))
        assert deleted >= {transient, forgotten}
        assert not deleted & exist
        # What flashed by when it died was known or not; nothing else was lost.
        assert not deleted - {transient, forgotten} & set(known)
        # … and so with what came: the new one, and any that was left half-way.
        added = {delta.domain.uuid for delta in since if isinstance(delta, vi.Added)}
        assert added & exist == exist - set(away)
        assert new in added
        assert all(delta.resource_version > version for delta in since)
        assert _inferred(diary, new) == ["Defined"]
        assert _inferred(diary, forgotten) == ["Undefined"]
        assert [walk.rstrip("*") for walk in diary.walk_of(transient)][-1] == "Stopped"
        assert not [event for event in diary.events_of(survivor) if event.inferred]


def _on_disk(configs: Path) -> set[str]:
    return {path.stem for path in configs.glob("*.xml")}


def _hand_over(path: Path, text: str, *, like: Path) -> None:
    """Write a file as if libvirtd had."""
    path.write_text(text)
    owner = like.stat()
    os.chown(path, owner.st_uid, owner.st_gid)
    path.chmod(0o600)


def _inferred(diary: Diary, uuid: UUID) -> list[str]:
    return [event.type for event in diary.events_of(uuid) if event.inferred]


async def test_exactly_the_differences_are_told_after_a_restart(own_daemon: Daemon) -> None:
    daemon = own_daemon
    async with vi.connect(daemon.uri) as informer, Diary(informer) as diary:
        async with hands_on(daemon.uri) as hands:
            for number in range(200):
                await hands.define(domain_xml(f"many-{number}"))
            await hands.create(domain_xml())
        await diary.rest_as(daemon.uri)
        for restart in range(1, 3):
            before = await asyncio.to_thread(read_host, daemon.uri)
            told, events = len(diary.deltas), len(diary.events)
            reconnects = informer.health.reconnects
            for _ in range(restart):  # the second time, in the middle of connecting again
                await asyncio.to_thread(daemon.restart)
            await eventually(partial(_reconnected, informer, reconnects), "connected again")
            await diary.rest_as(daemon.uri)
            after = await asyncio.to_thread(read_host, daemon.uri)
            since = {delta.domain.uuid: type(delta) for delta in diary.deltas[told:]}
            assert since == differences(before, after)
            assert len(diary.events) == events
            assert len(informer.snapshot()) == 201


def _reconnected(informer: vi.DomainInformer, before: int) -> bool:
    return informer.health.synced and informer.health.reconnects > before


async def test_a_daemon_that_hangs_is_noticed_and_comes_again(
    own_daemon: Daemon, record_property: Callable[[str, object], None]
) -> None:
    interval, count = 1, 2
    async with (
        vi.connect(own_daemon.uri, keepalive=(interval, count)) as informer,
        Diary(informer) as diary,
        hands_on(own_daemon.uri) as hands,
    ):
        uuid = await hands.define(domain_xml())
        await diary.rest_as(own_daemon.uri)
        async with frozen(own_daemon):
            began = time.monotonic()
            question = asyncio.create_task(informer.refresh(uuid))
            await eventually(lambda: informer.health.staleness > 0.5, "it grows stale")
            earlier = informer.health.staleness
            await eventually(lambda: not informer.health.connected, "noticed")
            noticed = time.monotonic() - began
            record_property("seconds until keepalive noticed", noticed)
            show(f"keepalive {interval} s × {count}: noticed after {noticed:.2f} s")
            assert interval * count <= noticed < interval * (count + 1) + 3.0
            assert informer.health.staleness > earlier
            assert "keepalive" in str(informer.health.last_error)
            assert informer.get(uuid) is not None
            assert not question.done()
        # libvirt's answer to the question that was asked before is still wanted.
        async with asyncio.timeout(30):
            assert await question == informer.get(uuid)
        await eventually(lambda: informer.health.synced, "connected again")
        assert informer.health.reconnects >= 1
        await hands.to(uuid, lambda domain: describe(domain, "after"))
        await diary.until(lambda: "after" in diary.replayed[uuid].xml, "told again")
        await diary.rest_as(own_daemon.uri)


@pytest.mark.parametrize("how", ["normally", "by cancellation", "by exception"])
async def test_it_can_be_left_while_the_daemon_hangs(own_daemon: Daemon, how: str) -> None:
    had = sockets()
    inside, leave = asyncio.Event(), asyncio.Event()

    async def use() -> None:
        async with vi.connect(own_daemon.uri, keepalive=(20.0, 3)) as informer:
            calls = [asyncio.create_task(informer.refresh(uuid4())) for _ in range(6)]
            calls.append(asyncio.create_task(_sync(informer)))
            inside.set()
            try:
                await leave.wait()
                if how == "by exception":
                    raise ZeroDivisionError
            finally:
                for call in calls:
                    call.cancel()

    user = asyncio.create_task(use())
    await inside.wait()
    async with frozen(own_daemon):
        # Now calls hang that nothing can end for 80 seconds.
        began = time.monotonic()
        if how == "by cancellation":
            user.cancel()
        leave.set()
        await asyncio.wait([user])
        assert time.monotonic() - began < PROMPT
        assert user.cancelled() is (how == "by cancellation")
        if how == "by exception":
            assert isinstance(user.exception(), ZeroDivisionError)
    # As soon as the daemon goes on, all goes.
    await eventually(lambda: not our_threads(), "the threads have ended", PROMPT)
    await eventually(lambda: sockets() <= had, "the connection is closed", PROMPT)


async def _sync(informer: vi.DomainInformer) -> None:
    await informer.sync()


async def test_it_can_be_left_while_the_daemon_hangs_and_then_dies(own_daemon: Daemon) -> None:
    had = sockets()
    async with vi.connect(own_daemon.uri, keepalive=None) as informer:
        await asyncio.to_thread(own_daemon.stop)
        question = asyncio.create_task(informer.refresh(uuid4()))
        await asyncio.sleep(0)
    with pytest.raises(vi.NotSynced):
        await question
    await asyncio.to_thread(own_daemon.kill)
    await eventually(lambda: not our_threads(), "the threads have ended", PROMPT)
    await eventually(lambda: sockets() <= had, "the connection is closed", PROMPT)


async def test_a_hanging_daemon_is_not_waited_for_when_opening(own_daemon: Daemon) -> None:
    had = sockets()
    async with frozen(own_daemon):
        began = time.monotonic()
        with pytest.raises(vi.ConnectError, match="no answer"):
            async with vi.connect(own_daemon.uri, connect_timeout=0.5):
                pytest.fail("it opened")
        assert 0.5 <= time.monotonic() - began < PROMPT
    await eventually(lambda: not our_threads(), "the threads have ended", PROMPT)
    await eventually(lambda: sockets() <= had, "the connection is closed", PROMPT)


async def test_a_daemon_that_is_not_up_yet_is_waited_for(own_daemon: Daemon) -> None:
    async with hands_on(own_daemon.uri) as hands:
        uuid = await hands.define(domain_xml())
    await asyncio.to_thread(own_daemon.kill)

    async def use() -> vi.Domain | None:
        async with vi.connect(own_daemon.uri, connect_timeout=30.0) as informer:
            return informer.get(uuid)

    user = asyncio.create_task(use())
    done, _ = await asyncio.wait([user], timeout=0.5)
    assert not done
    await asyncio.to_thread(own_daemon.start)
    async with asyncio.timeout(30):
        domain = await user
    assert domain is not None
    assert domain.uuid == uuid


async def test_a_daemon_that_does_not_come_is_given_up(own_daemon: Daemon) -> None:
    await asyncio.to_thread(own_daemon.kill)
    began = time.monotonic()
    with pytest.raises(vi.ConnectError) as caught:
        async with vi.connect(own_daemon.uri, connect_timeout=1.0):
            pytest.fail("it opened")
    assert 1.0 <= time.monotonic() - began < PROMPT
    assert not caught.value.permanent
    assert "Is the daemon" in str(caught.value)
    assert isinstance(caught.value.__cause__, libvirt.libvirtError)


async def test_a_daemon_that_starts_and_dies_again_and_again(own_daemon: Daemon) -> None:
    daemon, uri = own_daemon, own_daemon.test_uri

    def define_some(host: libvirt.virConnect) -> set[UUID]:
        return {uuid_of(host.defineXML(domain_named())) for _ in range(100)}

    async with vi.connect(uri) as informer, Diary(informer) as diary:
        for number in range(3):
            # The test driver's domains live and die with the daemon, and its last connection.
            async with hands_on(uri) as hands:
                defined = await hands.do(define_some)
                if number % 2:
                    await informer.sync()
                    assert defined <= set(informer.snapshot())
                await asyncio.to_thread(daemon.restart)
        await diary.rest_as(uri)
        assert len(informer.snapshot()) == 1

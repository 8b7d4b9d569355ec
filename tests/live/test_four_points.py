"""The four points of 2016, on real QEMU.

    1. Started arrives before Defined.
    2. The order does not follow the documented life cycle: a plain start tells RESUMED
       before STARTED.
    3. Defined arrives before the domain can be looked up.
    4. Nothing is versioned, so an event cannot be told from the list it precedes or follows.

That the events of a domain form a walk, that versions grow and that each event carries the
whole domain is checked by the `Diary` in every test.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import libvirt
import pytest

import virtinformer as vi
from tests.daemons import Daemon, domain_xml
from tests.live.diary import Diary, types_of
from tests.live.hands import Hands, describe, hands_on, pid_of, uuid_of

pytestmark = pytest.mark.asyncio

PAUSED = libvirt.VIR_DOMAIN_START_PAUSED


@pytest.fixture(scope="module")
def host(qemu: Daemon) -> Iterator[Daemon]:
    """The shared host. QEMU takes a second to go, so the tests leave theirs to the end."""
    qemu.clear()
    yield qemu
    qemu.clear()


@asynccontextmanager
async def watched(host: Daemon) -> AsyncIterator[tuple[vi.DomainInformer, Diary, Hands]]:
    """An informer, all that it tells, and a second connection; at the end all is as it is told."""
    async with (
        hands_on(host.uri) as hands,
        vi.connect(host.uri) as informer,
        Diary(informer) as diary,
    ):
        before = informer.snapshot()
        yield informer, diary, hands
        await diary.rest_as(host.uri)
        told_at = [event.resource_version for event in diary.events]
        assert all(before.resource_version < version for version in told_at)
        assert all(version <= informer.snapshot().resource_version for version in told_at)


async def run(diary: Diary, hands: Hands, flags: int = 0) -> UUID:
    """Define a domain and start it."""
    uuid = await hands.define(domain_xml())
    await diary.until_told(uuid, "Defined")
    await hands.to(uuid, lambda domain: domain.createWithFlags(flags))
    return uuid


async def test_a_plain_start_is_told_as_started_then_resumed(host: Daemon) -> None:
    async with watched(host) as (informer, diary, hands):
        uuid = await run(diary, hands)
        await diary.until_told(uuid, "Started", "Resumed")

        assert diary.walk_of(uuid) == ["Defined", "Started", "Resumed"]
        assert [event.reason for event in diary.events_of(uuid)] == ["Added", "Booted", "Unpaused"]
        domain = await informer.refresh(uuid)
        assert domain is not None
        assert (domain.state, domain.generation) == (vi.DomainState.RUNNING, 1)
        assert domain.reason is vi.RunningReason.BOOTED
        assert isinstance(diary.deltas_of(uuid)[0], vi.Added)
        assert {delta.source for delta in diary.deltas_of(uuid)} == {vi.DeltaSource.EVENT}


async def test_a_domain_that_is_looked_at_while_it_starts(host: Daemon) -> None:
    # QEMU takes half a second and more; meanwhile libvirt says "paused, starting up".
    async with watched(host) as (informer, diary, hands):
        uuid = await hands.define(domain_xml())
        await diary.until_told(uuid, "Defined")
        starting = asyncio.create_task(hands.to(uuid, lambda domain: domain.create()))
        while not starting.done():
            await informer.refresh(uuid)
        await starting
        await diary.until(lambda: "Resumed" in diary.walk_of(uuid), "it runs")

        assert diary.walk_of(uuid) == ["Defined", "Started", "Resumed"]


async def test_a_start_paused_is_told_as_started_then_suspended(host: Daemon) -> None:
    async with watched(host) as (informer, diary, hands):
        uuid = await run(diary, hands, PAUSED)
        await diary.until_told(uuid, "Started", "Suspended")
        await hands.to(uuid, lambda domain: domain.resume())
        await diary.until_told(uuid, "Resumed")

        assert diary.walk_of(uuid) == ["Defined", "Started", "Suspended", "Resumed"]
        suspended, resumed = diary.events_of(uuid)[-2:]
        assert suspended.domain.reason is vi.PausedReason.USER
        assert resumed.domain.reason is vi.RunningReason.UNPAUSED
        assert informer.get(uuid) == resumed.domain


async def test_a_domain_that_is_started_and_then_defined(host: Daemon) -> None:
    async with watched(host) as (_, diary, hands):
        xml = domain_xml(uuid=str(uuid4()))
        uuid = await hands.create(xml)
        await diary.until_told(uuid, "Started", "Resumed")
        transient = diary.replayed[uuid]
        await hands.define(xml)
        await diary.until_told(uuid, "Started", "Resumed", "Defined")

        persistent = diary.replayed[uuid]
        assert (transient.persistent, transient.config_xml) == (False, None)
        assert persistent.persistent
        assert persistent.config_xml
        assert persistent.state is vi.DomainState.RUNNING
        assert (persistent.id, persistent.incarnation) == (transient.id, transient.incarnation)
        assert persistent.generation == transient.generation + 1


async def test_domains_that_are_undefined_at_once(host: Daemon) -> None:
    pairs = 200
    async with watched(host) as (informer, diary, hands):
        xmls = [domain_xml(uuid=str(uuid4())) for _ in range(pairs)]
        uuids = await hands.do(lambda host: [_define_and_undefine(host, xml) for xml in xmls])
        await diary.until(lambda: len(diary.events) == 2 * pairs, "every event came")
        await diary.rest()

        for uuid in uuids:
            assert types_of(diary.events_of(uuid)) == ["Defined", "Undefined"]
        assert not set(uuids) & set(informer.snapshot())
        assert informer.statistics().events_inferred == 0


async def test_a_domain_that_is_defined_and_undefined_again_and_again(host: Daemon) -> None:
    pairs = 200
    async with watched(host) as (informer, diary, hands):
        xml = domain_xml(uuid=str(uuid4()))
        uuid, *_ = await hands.do(
            lambda host: [_define_and_undefine(host, xml) for _ in range(pairs)]
        )
        await diary.until(lambda: len(diary.events) == 2 * pairs, "every event came")
        await diary.rest()

        assert types_of(diary.events) == ["Defined", "Undefined"] * pairs
        assert informer.get(uuid) is None
        assert informer.statistics().read_errors == 0
        lives = [delta for delta in diary.deltas if isinstance(delta, vi.Added)]
        assert len({delta.domain.incarnation for delta in lives}) == len(lives)


def _define_and_undefine(host: libvirt.virConnect, xml: str) -> UUID:
    domain = host.defineXML(xml)
    domain.undefine()
    return uuid_of(domain)


async def test_a_renamed_domain_is_updated_once(host: Daemon) -> None:
    async with watched(host) as (informer, diary, hands):
        name = f"renamed-{os.getpid()}"
        uuid = await hands.define(domain_xml())
        await diary.until_told(uuid, "Defined")
        old = diary.replayed[uuid]
        await hands.to(uuid, lambda domain: domain.rename(name))
        await diary.until_told(uuid, "Undefined", "Defined")

        events = diary.events_of(uuid)[1:]
        assert [(event.type, event.reason, event.domain_name) for event in events] == [
            ("Undefined", "Renamed", old.name),
            ("Defined", "Renamed", name),
        ]
        (renamed,) = diary.deltas_of(uuid)[1:]
        assert isinstance(renamed, vi.Updated)
        assert renamed.events == tuple(events)
        assert (renamed.old.name, renamed.domain.name) == (old.name, name)
        assert {"name", "xml", "config_xml"} == renamed.changed
        assert renamed.domain.incarnation == old.incarnation
        assert informer.get_by_name(old.name) is None
        assert informer.get_by_name(name) == renamed.domain
        await hands.to(uuid, lambda domain: domain.undefine())


async def test_a_running_domain_that_is_redefined(host: Daemon) -> None:
    async with watched(host) as (_, diary, hands):
        uuid = await run(diary, hands)
        await diary.until_told(uuid, "Started", "Resumed")
        first = diary.replayed[uuid]
        await hands.define(domain_xml(first.name, uuid=str(uuid), memory_kib=65536))
        await diary.until_told(uuid, "Resumed", "Defined")
        second = diary.replayed[uuid]
        await hands.define(domain_xml(first.name, uuid=str(uuid), memory_kib=65536))
        await diary.until_told(uuid, "Resumed", "Defined", "Defined")
        third = diary.replayed[uuid]

        assert (first.generation, second.generation, third.generation) == (1, 2, 2)
        assert first.xml == second.xml == third.xml
        assert first.config_xml != second.config_xml == third.config_xml
        assert "65536" in (second.config_xml or "")
        assert diary.deltas_of(uuid)[-1].events[-1].reason == "Updated"
        assert diary.deltas_of(uuid)[-1].changed == frozenset()


async def test_a_domain_that_is_saved_and_restored(host: Daemon) -> None:
    async with watched(host) as (informer, diary, hands):
        uuid = await run(diary, hands)
        await diary.until_told(uuid, "Started", "Resumed")
        await hands.to(uuid, lambda domain: domain.managedSave())
        await diary.until_told(uuid, "Stopped")
        saved = await informer.refresh(uuid)
        await hands.to(uuid, lambda domain: domain.create())
        await diary.until_told(uuid, "Started", "Resumed")

        assert saved is not None
        assert (saved.state, saved.reason) == (vi.DomainState.SHUTOFF, vi.ShutoffReason.SAVED)
        told = [(event.type, event.reason) for event in diary.events_of(uuid)]
        assert ("Stopped", "Saved") in told
        assert told.index(("Started", "Restored")) > told.index(("Stopped", "Saved"))
        (incarnation,) = {delta.domain.incarnation for delta in diary.deltas_of(uuid)}
        assert incarnation == saved.incarnation


async def test_a_running_domain_that_is_undefined_is_gone_when_it_ends(host: Daemon) -> None:
    async with watched(host) as (informer, diary, hands):
        uuid = await run(diary, hands)
        await hands.to(uuid, lambda domain: domain.undefine())
        await diary.until_told(uuid, "Undefined")
        transient = await informer.refresh(uuid)
        assert transient is not None
        assert (transient.persistent, transient.config_xml) == (False, None)
        assert transient.state is vi.DomainState.RUNNING
        assert not any(isinstance(delta, vi.Deleted) for delta in diary.deltas_of(uuid))

        os.kill(pid_of(host, uuid), signal.SIGKILL)
        await diary.until(lambda: uuid not in diary.replayed, "it was deleted")
        await diary.until_told(uuid, "Stopped")
        assert diary.events_of(uuid)[-1].domain.incarnation == transient.incarnation
        assert diary.walk_of(uuid).count("Undefined") == 1


async def test_a_transient_domain_ends_without_undefined(host: Daemon) -> None:
    async with watched(host) as (informer, diary, hands):
        uuid = await hands.create(domain_xml())
        await hands.to(uuid, lambda domain: describe(domain, "short-lived"))
        await diary.until(lambda: "MetadataChange" in types_of(diary.events_of(uuid)), "described")
        before = informer.snapshot()
        await hands.to(uuid, lambda domain: domain.destroy())
        await diary.until_told(uuid, "Stopped")
        await diary.until(lambda: uuid not in diary.replayed, "it was deleted")

        *_, deleted = diary.deltas_of(uuid)
        assert isinstance(deleted, vi.Deleted)
        assert deleted.reason is vi.DeletionReason.STOPPED
        assert deleted.domain.xml == before[uuid].xml
        assert "Undefined" not in types_of(diary.events_of(uuid))
        # Of each event it can be said whether that snapshot knew of it.
        for event in diary.events_of(uuid):
            is_newer = event.type in {"Shutdown", "Stopped"}
            assert (event.resource_version > before.resource_version) is is_newer

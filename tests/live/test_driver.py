"""Lives on libvirt's test driver, inside this process.

It is quick and prompt, and has no daemon to hide behind. Its domains belong to the whole
process: each test removes what it made.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from operator import methodcaller
from typing import Any
from uuid import UUID, uuid4

import attrs
import libvirt
import pytest

import virtinformer as vi
from tests.live.diary import Diary, types_of
from tests.live.hands import (
    Hands,
    describe,
    domain_named,
    eventually,
    hands_on,
    opened,
    uuid_of,
)
from tests.loops import every_loop

pytestmark = every_loop

URI = "test:///default"
NAMES = [
    'it\'s "quoted"',
    "<b>&amp;<b>",
    "]]>&lt;!--",
    "naïve 漢字 😀 e\u0301",
    " leading and trailing ",
    "tab\tand\u2028line\u202e",
    "del\x7f\x85\x9b31mred",  # a terminal may take \x9b for an escape
    "%s {0} $HOME `id` \\ ;--",
    "n" * 4000,
]
"""Names that libvirt accepts; "/", newlines, and what XML has no form for, it refuses."""


@asynccontextmanager
async def empty_driver() -> AsyncIterator[Hands]:
    """A second connection, and a driver without domains before and after."""
    async with hands_on(URI) as hands:
        await hands.do(_clear)
        try:
            yield hands
        finally:
            await hands.do(_clear)


def _clear(host: libvirt.virConnect) -> None:
    for domain in host.listAllDomains():
        if domain.isActive():
            domain.destroy()
    for domain in host.listAllDomains():
        domain.undefineFlags(
            libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
            | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
        )


@asynccontextmanager
async def watched(**how: Any) -> AsyncIterator[tuple[vi.DomainInformer, Diary, Hands]]:
    async with (
        empty_driver() as hands,
        vi.connect(URI, **how) as informer,
        Diary(informer) as diary,
    ):
        yield informer, diary, hands
        await diary.rest_as(URI)


# ---------------------------------------------------------------------- lives


async def test_a_whole_life() -> None:
    async with watched() as (informer, diary, hands):
        uuid = await hands.define(domain_named())
        for step in ("create", "suspend", "resume", "destroy", "undefine"):
            await hands.to(uuid, methodcaller(step))
        await diary.until_told(uuid, "Undefined")
        assert diary.walk_of(uuid) == [
            *("Defined", "Started", "Suspended", "Resumed", "Stopped", "Undefined")
        ]
        assert informer.get(uuid) is None
        assert informer.statistics().events_inferred == 0


async def test_a_transient_life_has_no_undefined() -> None:
    async with watched() as (_, diary, hands):
        uuid = await hands.create(domain_named())
        await diary.until_told(uuid, "Started")
        await hands.to(uuid, lambda domain: domain.destroy())
        await diary.until_told(uuid, "Stopped")
        await diary.until(lambda: uuid not in diary.replayed, "it was deleted")
        *_, last = diary.deltas_of(uuid)
        assert isinstance(last, vi.Deleted)
        assert last.reason is vi.DeletionReason.STOPPED


async def test_many_that_are_undefined_at_once() -> None:
    def flash(host: libvirt.virConnect) -> None:
        for _ in range(300):
            host.defineXML(domain_named()).undefine()

    async with watched() as (informer, diary, hands):
        await hands.do(flash)
        await diary.until(lambda: len(diary.events) == 600, "every event came")
        await diary.rest()
        assert {tuple(diary.walk_of(event.domain_id)) for event in diary.events} == {
            ("Defined", "Undefined")
        }
        assert len(informer.snapshot()) == 0


async def test_one_that_is_defined_and_undefined_again_and_again() -> None:
    def flash(host: libvirt.virConnect) -> UUID:
        xml = domain_named(uuid=uuid4())
        for _ in range(300):
            domain = host.defineXML(xml)
            domain.undefine()
        return uuid_of(domain)

    async with watched() as (informer, diary, hands):
        uuid = await hands.do(flash)
        await diary.until(lambda: len(diary.events) == 600, "every event came")
        await diary.rest()
        assert types_of(diary.events_of(uuid)) == ["Defined", "Undefined"] * 300
        assert informer.get(uuid) is None


async def test_a_rename_is_one_update() -> None:
    async with watched() as (informer, diary, hands):
        uuid = await hands.define(domain_named("before"))
        await diary.until_told(uuid, "Defined")
        await hands.to(uuid, lambda domain: domain.rename("after & later"))
        await diary.until_told(uuid, "Undefined", "Defined")
        _, renamed = diary.deltas_of(uuid)
        assert isinstance(renamed, vi.Updated)
        assert [event.domain_name for event in renamed.events] == ["before", "after & later"]
        assert informer.get_by_name("after & later") == renamed.domain


async def test_saved_and_reverted() -> None:
    async with watched() as (_, diary, hands):
        uuid = await hands.define(domain_named())
        await hands.to(uuid, lambda domain: domain.create())
        await hands.to(uuid, lambda domain: domain.managedSave())
        await hands.to(uuid, lambda domain: domain.create())
        await hands.to(uuid, _revert)
        await hands.to(uuid, lambda domain: domain.destroy())
        await diary.until_told(uuid, "Stopped")
        await diary.rest()
        reasons = [event.reason for event in diary.events_of(uuid)]
        assert "Saved" in reasons
        assert "FromSnapshot" in reasons


def _revert(domain: libvirt.virDomain) -> None:
    snapshot = domain.snapshotCreateXML("<domainsnapshot/>")
    domain.revertToSnapshot(snapshot)


# ---------------------------------------------------------------------- names


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
async def test_a_name_is_what_libvirt_says_it_is(name: str) -> None:
    async with watched() as (informer, diary, hands):
        uuid = await hands.define(domain_named(name))
        await hands.to(uuid, lambda domain: domain.create())
        await diary.until_told(uuid, "Started")
        domain = informer.get_by_name(name)
        assert domain is not None
        assert (domain.name, domain.uuid, domain.settled) == (name, uuid, True)
        assert domain.element.findtext("name") == name
        assert diary.events_of(uuid)[-1].domain_name == name
        assert diary.events_of(uuid)[-1].to_dict()["domain_name"] == name


@pytest.mark.parametrize("name", ["a\nb", "a/b", "", "\x1b[31mred"], ids=range(4))
async def test_a_name_that_libvirt_refuses_leaves_no_trace(name: str) -> None:
    async with watched() as (informer, diary, hands):
        with pytest.raises(libvirt.libvirtError):
            await hands.define(domain_named(name))
        await informer.sync()
        assert diary.events == []


# ---------------------------------------------------------------------- silent changes


def silently(domain: libvirt.virDomain) -> None:
    """Two changes of which libvirt tells nothing."""
    domain.setAutostart(1)
    domain.setMemory(512)


async def started(diary: Diary, hands: Hands) -> UUID:
    uuid = await hands.define(domain_named())
    await hands.to(uuid, lambda domain: domain.create())
    await diary.until_told(uuid, "Started")
    return uuid


async def test_the_resync_finds_a_silent_change() -> None:
    async with watched(resync_period=0.3) as (_, diary, hands):
        uuid = await started(diary, hands)
        told = len(diary.deltas_of(uuid))
        await hands.to(uuid, silently)
        await diary.until(lambda: diary.replayed[uuid].autostart, "it starts with the host")
        await diary.rest()
        found = diary.deltas_of(uuid)[told:]
        assert {delta.source for delta in found} <= {
            vi.DeltaSource.RESYNC,
            vi.DeltaSource.REFRESH,  # the `rest` above may be first to see the second of the two
        }
        assert found[0].source is vi.DeltaSource.RESYNC
        assert not any(delta.events for delta in found)
        assert set().union(*(delta.changed for delta in found)) == {"autostart", "xml"}
        assert "512" in diary.replayed[uuid].xml


@pytest.mark.parametrize("ask", ["refresh", "sync"])
async def test_a_barrier_finds_a_silent_change(ask: str) -> None:
    async with watched(resync_period=None) as (informer, diary, hands):
        uuid = await started(diary, hands)
        await hands.to(uuid, silently)
        if ask == "sync":
            version = await informer.sync()
        else:
            refreshed = await informer.refresh(uuid)
            assert refreshed is not None
            version = refreshed.resource_version
        domain = informer.get(uuid)
        assert domain is not None
        assert domain.autostart
        assert "512" in domain.xml
        assert version == domain.resource_version == informer.resource_version
        await diary.until(lambda: diary.deltas[-1].resource_version == version, "told")
        found = [delta for delta in diary.deltas_of(uuid) if delta.changed <= {"autostart", "xml"}]
        # A read that the start's event had asked for may have been under way, and seen it first.
        assert {delta.source for delta in found} <= {vi.DeltaSource.REFRESH, vi.DeltaSource.EVENT}
        assert set().union(*(delta.changed for delta in found)) == {"autostart", "xml"}


async def test_a_barrier_that_finds_nothing_new_makes_no_version() -> None:
    async with watched(resync_period=None) as (informer, diary, hands):
        uuid = await started(diary, hands)
        await diary.rest()
        version = informer.resource_version
        assert await informer.refresh(uuid) is informer.get(uuid)
        assert await informer.refresh(uuid4()) is None
        assert await informer.sync() == version


async def test_a_change_is_seen_by_who_made_it() -> None:
    async with watched() as (informer, _, hands):
        uuid = await hands.define(domain_named())
        for number in range(100):
            await hands.to(uuid, partial(describe, text=f"-{number}-"))
            domain = await informer.refresh(uuid)
            assert domain is not None
            assert f"-{number}-" in domain.xml


# ---------------------------------------------------------------------- options


async def test_a_connection_that_may_only_read() -> None:
    async with watched(read_only=True) as (informer, diary, hands):
        uuid = await hands.define(domain_named())
        await hands.to(uuid, lambda domain: domain.create())
        await diary.until_told(uuid, "Started")
        domain = informer.get(uuid)
        assert domain is not None
        assert domain.config_xml is not None
        assert domain.active


async def test_an_index_follows_the_domains() -> None:
    def by_state(domain: vi.Domain) -> list[str]:
        return [str(domain.state)]

    async with watched(indexers={"state": by_state}) as (informer, diary, hands):
        uuid = await hands.define(domain_named())
        await diary.until_told(uuid, "Defined")
        assert [d.uuid for d in informer.by_index("state", "shutoff")] == [uuid]
        await hands.to(uuid, lambda domain: domain.create())
        await diary.until_told(uuid, "Started")
        assert [d.uuid for d in informer.by_index("state", "running")] == [uuid]
        assert not informer.by_index("state", "shutoff")
        with pytest.raises(KeyError):
            informer.by_index("colour", "red")


async def test_a_transform_makes_the_domains_smaller() -> None:
    def slim(domain: vi.Domain) -> vi.Domain:
        return attrs.evolve(domain, xml="", config_xml=None)

    async with empty_driver() as hands, vi.connect(URI, transform=slim) as informer:
        events = informer.events()
        uuid = await hands.create(domain_named())
        await eventually(lambda: informer.get(uuid), "it is known")
        assert (await anext(events)).domain.xml == ""
        version = informer.resource_version
        # What the transform drops is nothing that can change.
        await hands.to(uuid, lambda domain: domain.setMemory(512))
        assert await informer.sync() == version
        domain = informer.get(uuid)
        assert domain is not None
        assert (domain.xml, domain.config_xml, domain.generation) == ("", None, 1)


async def test_only_the_kinds_of_events_that_were_asked_for() -> None:
    async with watched(event_ids=[]) as (_, diary, hands):
        uuid = await hands.define(domain_named())
        await hands.to(uuid, lambda domain: describe(domain, "unheard"))
        await hands.to(uuid, lambda domain: domain.create())
        await diary.until_told(uuid, "Started")
        assert types_of(diary.events) == ["Defined", "Started"]


# ---------------------------------------------------------------------- all at once


async def test_three_who_write_at_once() -> None:
    async with watched(resync_period=0.5) as (_, diary, _hands):
        await asyncio.gather(*(asyncio.to_thread(_live, f"writer-{n}") for n in range(3)))
        await diary.rest()
        assert diary.deltas


def _live(name: str) -> None:
    with opened(URI) as host:
        uuid = uuid4()
        for number in range(30):
            domain = host.defineXML(domain_named(f"{name}-{number}", uuid=uuid))
            steps = (
                domain.create,
                domain.suspend,
                lambda domain=domain, number=number: describe(domain, str(number)),
                domain.resume,
                domain.destroy,
                lambda domain=domain, number=number: domain.rename(f"{name}-{number}-later"),
                domain.undefine,
            )
            for step in steps:
                step()
                _meddle(host)


def _meddle(host: libvirt.virConnect) -> None:
    """Do something to all that is there, with the others at work on it."""
    for domain in host.listAllDomains():
        try:
            domain.setAutostart(1 - domain.autostart())
            domain.setMemory(700)
        except libvirt.libvirtError:
            continue  # it is off, or gone

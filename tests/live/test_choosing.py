"""Predicates and metrics on libvirt's test driver: what real XML, events and reads make of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import UUID
from xml.etree import ElementTree

import libvirt
import pytest
from prometheus_client import CollectorRegistry

import virtinformer as vi
from tests.live.hands import Hands, domain_named, hands_on
from tests.loops import every_loop
from virtinformer.predicates import Predicate, generation_changed, lifecycle_only, metadata, name
from virtinformer.prometheus import InformerCollector

pytestmark = every_loop

URI = "test:///default"
FLEET = "https://example.org/fleet"


def mark(role: str, uri: str = FLEET) -> Callable[[libvirt.virDomain], object]:
    """As `virsh metadata` does."""

    def set_metadata(domain: libvirt.virDomain) -> object:
        return domain.setMetadata(
            libvirt.VIR_DOMAIN_METADATA_ELEMENT,
            f"<node><role>{role}</role></node>",
            "fleet",
            uri,
            libvirt.VIR_DOMAIN_AFFECT_CONFIG,
        )

    return set_metadata


async def defined(hands: Hands, name: str) -> UUID:
    return await hands.define(domain_named(name))


async def removed(hands: Hands, *uuids: UUID) -> None:
    for uuid in uuids:
        await hands.to(uuid, lambda domain: domain.undefine())


async def after_updates(stream: vi.DeltaStream) -> vi.Added | vi.Deleted | vi.Synced:
    """What comes after the updates: an event may follow the list that already showed its change."""
    async for delta in stream:
        if not isinstance(delta, vi.Updated):
            return delta
    raise AssertionError("the stream ended")


@pytest.mark.parametrize(
    "where", [metadata(FLEET), metadata(FLEET, "role"), metadata(FLEET, "role", "web-*")], ids=repr
)
async def test_a_domain_begins_to_match_when_it_is_marked(where: Predicate) -> None:
    async with hands_on(URI) as hands, vi.connect(URI) as informer:
        web = await defined(hands, "web")
        stream = informer.watch(where=where)
        assert isinstance(await anext(stream), vi.Synced)
        await hands.to(web, mark("web-1"))
        await informer.sync()
        added = await asyncio.wait_for(anext(stream), 10)
        assert isinstance(added, vi.Added)
        assert added.domain.uuid == web
        assert [domain.uuid for domain in informer.list(where)] == [web]
        await removed(hands, web)
        assert isinstance(await asyncio.wait_for(after_updates(stream), 10), vi.Deleted)


async def test_xml_that_libvirt_spoils_hides_a_domain_and_no_other() -> None:
    """It writes the namespace of metadata as it is, and an ampersand makes the whole unreadable."""
    async with hands_on(URI) as hands, vi.connect(URI) as informer:
        web, db = await defined(hands, "web"), await defined(hands, "db")
        await hands.to(web, mark("web", f"{FLEET}&more"))
        await hands.to(db, mark("db"))
        await informer.sync()
        spoilt = informer.get(web)
        assert spoilt is not None
        with pytest.raises(ElementTree.ParseError):
            _ = spoilt.element
        assert [domain.uuid for domain in informer.list(metadata(FLEET))] == [db]
        assert informer.list(metadata(f"{FLEET}&more")) == []
        await removed(hands, web, db)


async def test_configurations_and_lives_are_told_apart() -> None:
    async with hands_on(URI) as hands, vi.connect(URI) as informer:
        web = await defined(hands, "web")
        await informer.sync()
        ours = name("web")
        version = informer.resource_version
        await hands.to(web, lambda domain: domain.create())
        await informer.sync()
        await hands.to(web, mark("web-1"))
        await informer.sync()
        await hands.to(web, lambda domain: domain.destroy())
        await informer.sync()
        configured = informer.watch(since=version, where=ours & generation_changed)
        updated = await asyncio.wait_for(anext(configured), 10)
        assert isinstance(updated, vi.Updated)
        assert "config_xml" in updated.changed
        assert FLEET in (updated.domain.config_xml or "")
        lives = informer.events(since=version, where=ours & lifecycle_only)
        types: list[str] = []
        while "Stopped" not in types:
            types.append((await asyncio.wait_for(anext(lives), 10)).type)
        assert types[-2:] == ["Started", "Stopped"]
        assert set(types[:-2]) <= {"Defined"}  # it may still have been on its way
        await removed(hands, web)


async def test_reads_are_timed() -> None:
    async with hands_on(URI) as hands, vi.connect(URI) as informer:
        web = await defined(hands, "web")
        registry = CollectorRegistry()
        registry.register(InformerCollector(informer))
        for _ in range(3):
            await informer.refresh(web)
        counted = informer.statistics()
        assert counted.read_time.count == counted.reads >= 3
        assert 0 < counted.read_time.sum < 60
        assert counted.list_time.count == counted.lists >= 1
        uri = {"uri": URI}
        seconds = registry.get_sample_value("virtinformer_read_duration_seconds_sum", uri)
        assert seconds == pytest.approx(counted.read_time.sum)
        await removed(hands, web)

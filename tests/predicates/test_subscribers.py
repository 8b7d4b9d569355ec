"""Predicates at work: streams, events, handlers and lists of an informer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

import virtinformer as vi
from tests.loops import every_loop, virtual_time
from virtinformer._core.vocabulary import EventKind
from virtinformer.predicates import (
    Predicate,
    active,
    changed,
    event,
    generation_changed,
    lifecycle_only,
    name,
    parse,
    state,
    state_changed,
)
from virtinformer.testing import FakeHost


async def told(
    where: Predicate, act: Callable[[FakeHost, UUID, vi.DomainInformer], Awaitable[None]]
) -> list[str]:
    """What a watcher hears of one domain after it was told of what is there."""
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer:
        stream = informer.watch(where=where)
        assert [type(await anext(stream)) for _ in range(2)] == [vi.Added, vi.Synced]
        await act(host, web, informer)
        await informer.sync()
        return [type(delta).__name__ for delta in await rest(stream)]


async def rest(stream: Any) -> list[Any]:
    found = []
    while len(stream):
        try:
            found.append(await asyncio.wait_for(anext(stream), 0.01))
        except TimeoutError:
            break
    return found


async def reconfigure(host: FakeHost, web: UUID, informer: vi.DomainInformer) -> None:
    host.set_memory(web, 4096)
    await informer.sync()


async def start(host: FakeHost, web: UUID, informer: vi.DomainInformer) -> None:
    host.start(web)
    await informer.sync()


async def mark(host: FakeHost, web: UUID, informer: vi.DomainInformer) -> None:
    host.set_autostart(web, True)
    await informer.sync()


async def plug(host: FakeHost, web: UUID, informer: vi.DomainInformer) -> None:
    host.emit(web, EventKind.DEVICE_ADDED)
    await informer.sync()


async def delete(host: FakeHost, web: UUID, informer: vi.DomainInformer) -> None:
    host.undefine(web)
    await informer.sync()


@virtual_time
@pytest.mark.parametrize(
    ("where", "heard", "ignored"),
    [
        (generation_changed, [reconfigure], [start, mark, plug]),
        (state_changed, [start], [reconfigure, mark, plug]),
        (changed("autostart"), [mark], [reconfigure, start, plug]),
        (changed("id", "autostart"), [start, mark], [reconfigure, plug]),
        (lifecycle_only, [start], [mark, plug]),
        (event("Device*"), [plug], [start, reconfigure, mark]),
        (~generation_changed, [start, mark, plug], [reconfigure]),
        (~lifecycle_only, [mark, plug], [start]),
        (name("web") & state_changed, [start], [reconfigure, mark, plug]),
        (state_changed | changed("autostart"), [start, mark], [reconfigure, plug]),
        (state("running") | changed("autostart"), [start, mark], [reconfigure, plug]),
        (parse("name=web changed=state"), [start], [reconfigure, mark, plug]),
    ],
    ids=repr,
)
async def test_a_watcher_hears_what_passes(
    where: Predicate, heard: list[Any], ignored: list[Any]
) -> None:
    for act in heard:
        assert await told(where, act) == ["Updated"], act
    for act in ignored:
        assert await told(where, act) == [], act
    assert await told(where, delete) == ["Deleted"]


@virtual_time
async def test_what_was_left_out_is_in_the_next_that_passes() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer:
        stream = informer.watch(where=generation_changed)
        first = await anext(stream)
        await anext(stream)
        host.set_autostart(web, True)
        await informer.sync()
        assert await rest(stream) == []
        host.set_memory(web, 4096)
        await informer.sync()
        (updated,) = await rest(stream)
        assert isinstance(first, vi.Added)
        assert updated.old is first.domain
        assert updated.domain is informer.get(web)
        assert {"autostart", "config_xml"} <= updated.changed


@virtual_time
async def test_events_of_the_life_cycle_only() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer:
        lifecycle = informer.events(where=lifecycle_only)
        others = informer.events(where=~lifecycle_only)
        host.start(web)
        host.emit(web, EventKind.DEVICE_ADDED)
        host.destroy(web)
        await informer.sync()
        assert [e.type for e in await rest(lifecycle)] == [
            "Started",
            "Resumed",
            "Shutdown",
            "Stopped",
        ]
        assert [e.type for e in await rest(others)] == ["DeviceAdded"]


@virtual_time
async def test_events_since_a_version_through_a_predicate() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer:
        version = informer.resource_version
        host.start(web)
        await informer.sync()
        host.set_autostart(web, True)
        await informer.sync()
        deltas = informer.watch(since=version, where=changed("autostart"))
        (updated, _) = await rest(deltas) + [await anext(deltas)]
        assert updated.changed >= {"autostart"}
        events = informer.events(since=version, where=state_changed)
        assert [e.type for e in await rest(events)] == ["Started", "Resumed"]


class Log:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def on_add(self, domain: vi.Domain) -> None:
        self.calls.append(f"+{domain.name}")

    def on_update(self, old: vi.Domain, new: vi.Domain) -> None:
        self.calls.append(f"{old.state}>{new.state}")

    def on_event(self, event: vi.DomainEvent) -> None:
        self.calls.append(event.type)


@virtual_time
async def test_a_handler_hears_what_passes() -> None:
    host = FakeHost()
    web, db = host.define("web"), host.define("db")
    log = Log()
    async with host.connect() as informer:
        registration = informer.add_event_handler(log, where=name("web") & state_changed)
        await registration.wait_synced()
        for uuid in (web, db):
            host.start(uuid)
            host.emit(uuid, EventKind.DEVICE_ADDED)
            await informer.sync()
            host.set_autostart(uuid, True)
            await informer.sync()
        while len(registration):
            await asyncio.sleep(0.01)
        assert log.calls[0] == "+web"
        assert "shutoff>running" in log.calls
        assert "Started" in log.calls
        assert "running>running" not in log.calls
        assert not any("db" in call for call in log.calls)


@virtual_time
async def test_a_predicate_of_a_handler_that_fails_holds_even_where_it_is_negated(
    caplog: pytest.LogCaptureFixture,
) -> None:
    host = FakeHost()
    web = host.define("web")
    log = Log()
    async with host.connect() as informer:
        where = changed("xml") & ~name("db") & (lambda _: bool(1 // 0))
        registration = informer.add_event_handler(log, where=where)
        await registration.wait_synced()
        assert log.calls == ["+web"]
        host.start(web)
        await informer.sync()
        while len(registration):
            await asyncio.sleep(0.01)
        assert "shutoff>running" in log.calls
        assert informer.statistics().callable_errors > 0
        assert informer.statistics().handler_errors == 0
    assert any("The predicate of Log failed" in r.getMessage() for r in caplog.records)
    assert all(r.levelno == logging.ERROR for r in caplog.records if "predicate" in r.getMessage())


@every_loop
async def test_lists_and_waiting_take_predicates_of_domains() -> None:
    host = FakeHost()
    web, db = host.define("web"), host.define("db")
    async with host.connect() as informer:
        assert [d.uuid for d in informer.list(name("web"))] == [web]
        assert len(informer.list(generation_changed)) == 2
        host.start(db)
        assert (await informer.wait_for(db, active & state("running"))).name == "db"


@every_loop
async def test_what_is_no_predicate_is_refused_at_once() -> None:
    host = FakeHost()
    async with host.connect() as informer:
        wrong: Any = "running"
        for use in (
            lambda: informer.watch(where=wrong),
            lambda: informer.events(where=wrong),
            lambda: informer.add_event_handler(Log(), where=wrong),
        ):
            with pytest.raises(TypeError, match=r"'running' is no predicate.*virtinformer\.pred"):
                use()

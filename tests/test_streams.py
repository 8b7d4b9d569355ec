"""Streams: where they begin, how they end, and that nobody has to take care of them."""

from __future__ import annotations

import asyncio
import gc
import logging
import weakref
from typing import Any

import pytest

import virtinformer as vi
from tests.guarantees.witness import Witness, deltas_of, replay, types
from tests.loops import every_loop, virtual_time
from virtinformer.testing import FakeHost

# ---------------------------------------------------------------- where they begin


@every_loop
async def test_watch_begins_with_everything() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer:
        deltas = informer.watch()
        added, synced = await anext(deltas), await anext(deltas)
        assert isinstance(added, vi.Added)
        assert added.domain is informer.get(web)
        assert added.source is vi.DeltaSource.INITIAL
        assert synced == vi.Synced(informer.resource_version)


@every_loop
async def test_watch_without_initial_begins_with_the_next_change() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer:
        deltas = informer.watch(initial=False)
        host.start(web)
        assert isinstance(await anext(deltas), vi.Updated)


@virtual_time
async def test_watch_since_a_version_gives_what_came_after_it_then_synced() -> None:
    host = FakeHost()
    web, db = host.define("web"), host.define("db")
    async with host.connect() as informer:
        known = informer.snapshot()
        host.start(web)
        host.undefine(db)
        await informer.sync()
        deltas = informer.watch(since=known.resource_version)
        seen = [await anext(deltas) for _ in range(3)]
        assert isinstance(seen[2], vi.Synced)
        assert seen[2].resource_version == informer.resource_version
        assert {type(delta) for delta in seen[:2]} == {vi.Updated, vi.Deleted}
        assert replay(seen[:2], known) == informer.snapshot()
        host.destroy(web)
        assert isinstance(await anext(deltas), vi.Updated)


@virtual_time
async def test_watch_since_now_is_synced_at_once() -> None:
    host = FakeHost()
    host.define("web")
    async with host.connect() as informer:
        deltas = informer.watch(since=informer.resource_version)
        assert await anext(deltas) == vi.Synced(informer.resource_version)
        assert len(deltas) == 0


@virtual_time
async def test_since_nothing_is_the_whole_history() -> None:
    host = FakeHost()
    host.start(host.define("web"))
    async with host.connect() as informer:
        host.define("db")
        await informer.sync()
        async with Witness(informer.watch(since=0)) as deltas:
            await deltas.until(lambda seen: seen and isinstance(seen[-1], vi.Synced))
        assert replay(deltas_of(deltas.seen)) == informer.snapshot()


@virtual_time
async def test_events_begin_with_the_next_or_after_a_version() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer:
        async with Witness(informer.events()) as live:
            host.start(web)
            await asyncio.sleep(1)
            host.destroy(web)
            await asyncio.sleep(1)
        started, *rest = live.seen
        async with Witness(informer.events(since=started.resource_version)) as later:
            await asyncio.sleep(0.1)
            assert later.seen == rest
        async with Witness(informer.events()) as none:
            await asyncio.sleep(0.1)
            assert none.seen == []


@virtual_time
@pytest.mark.parametrize("kind", ["watch", "events"])
async def test_a_version_that_the_history_no_longer_holds_has_expired(kind: str) -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect(history=3, resync_period=None) as informer:
        versions = [informer.resource_version]
        for _ in range(6):
            host.reset(web) if host.domains[web].id >= 0 else host.start(web)
            await asyncio.sleep(0.1)
            versions.append(informer.resource_version)
        subscribe = getattr(informer, kind)
        for old in versions[:-4]:
            with pytest.raises(vi.VersionExpired, match="list again"):
                subscribe(since=old)
        for kept in versions[-4:]:
            subscribe(since=kept)
        for never in (-1, informer.resource_version + 1):
            with pytest.raises(vi.VersionExpired):
                subscribe(since=never)
        with pytest.raises(vi.VersionExpired, match="has not been yet"):
            subscribe(since=informer.resource_version + 1)


@virtual_time
async def test_without_history_only_the_present_can_be_followed() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect(history=0) as informer:
        informer.watch(since=informer.resource_version)
        before = informer.resource_version
        host.start(web)
        await informer.sync()
        with pytest.raises(vi.VersionExpired):
            informer.watch(since=before)


# ---------------------------------------------------------------- where


def active(domain: vi.Domain) -> bool:
    return domain.active


@virtual_time
async def test_where_one_begins_to_match_it_is_added_and_where_it_ceases_deleted() -> None:
    host = FakeHost()
    web, db = host.define("web"), host.define("db")
    host.start(db)
    async with host.connect() as informer, Witness(informer.watch(where=active)) as deltas:
        for operate in (host.start, host.suspend, host.destroy, host.undefine):
            await asyncio.sleep(0.1)
            operate(web)
        await asyncio.sleep(0.1)
        host.destroy(db)
        await asyncio.sleep(1)
        kinds = [type(item) for item in deltas.seen]
        assert kinds == [vi.Added, vi.Synced, vi.Added, vi.Updated, vi.Deleted, vi.Deleted]
        deleted = deltas.seen[4]
        assert isinstance(deleted, vi.Deleted)
        assert deleted.reason is vi.DeletionReason.FILTERED
        assert informer.get(db) is not None


@virtual_time
async def test_where_goes_with_since() -> None:
    host = FakeHost()
    web, db = host.define("web"), host.define("db")
    async with host.connect() as informer:
        before = informer.resource_version
        host.start(web)
        host.set_autostart(db, True)
        await informer.sync()
        deltas = informer.watch(since=before, where=active)
        added = await anext(deltas)
        assert isinstance(added, vi.Added)
        assert added.domain.uuid == web
        assert isinstance(await anext(deltas), vi.Synced)


@virtual_time
async def test_where_chooses_events() -> None:
    host = FakeHost()
    web, db = host.define("web"), host.define("db")
    async with (
        host.connect() as informer,
        Witness(informer.events(where=lambda domain: domain.name == "db")) as events,
    ):
        host.start(web)
        host.start(db)
        await asyncio.sleep(1)
        assert types(events.seen) == types(events.seen, db) == ["Started", "Resumed"]


@every_loop
async def test_what_where_raises_is_raised_and_the_delta_stays() -> None:
    host = FakeHost()
    web = host.define("web")
    fails = True

    def where(domain: vi.Domain) -> bool:
        if fails:
            raise ZeroDivisionError
        return True

    async with host.connect() as informer:
        deltas, events = informer.watch(where=where), informer.events(where=where)
        host.start(web)
        await informer.wait_for(web, active)
        for stream in (deltas, events):
            for _ in range(2):
                with pytest.raises(ZeroDivisionError):
                    await anext(stream)
        fails = False
        assert isinstance(await anext(deltas), vi.Added)
        assert (await anext(events)).type == "Started"


# ---------------------------------------------------------------- how they end


@every_loop
@pytest.mark.parametrize("kind", ["watch", "events"])
async def test_a_stream_that_is_dropped_is_gone(kind: str) -> None:
    async with FakeHost().connect() as informer:
        stream = getattr(informer, kind)()
        gone = weakref.ref(stream)
        assert informer.statistics().subscribers == 1
        del stream
        gc.collect()
        assert gone() is None
        assert informer.statistics().subscribers == 0


@every_loop
async def test_breaking_out_of_async_for_is_enough() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer:
        async for delta in informer.watch():
            assert isinstance(delta, vi.Added)
            break
        gc.collect()
        assert informer.statistics().subscribers == 0
        host.start(web)
        await informer.wait_for(web, active)
        assert informer.statistics().queued == 0


@every_loop
@pytest.mark.parametrize("kind", ["watch", "events"])
async def test_leaving_async_with_ends_it_though_somebody_still_holds_it(kind: str) -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer:
        async with getattr(informer, kind)() as stream:
            host.start(web)
            await informer.wait_for(web, active)
            assert informer.statistics().subscribers == 1
            assert len(stream) > 0
        assert informer.statistics().subscribers == 0
        assert informer.statistics().queued == 0
        assert [item async for item in stream] == []
        await stream.aclose()


@every_loop
async def test_aclose_wakes_the_one_who_waits() -> None:
    async with FakeHost().connect() as informer:
        events = informer.events()

        async def read() -> list[vi.DomainEvent]:
            return [event async for event in events]

        reading = asyncio.create_task(read())
        await asyncio.sleep(0)
        await events.aclose()
        assert await reading == []


@every_loop
async def test_when_the_informer_closes_what_waits_is_given_first() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer:
        deltas, events = informer.watch(), informer.events()
        host.start(web)
        await informer.wait_for(web, active)
    assert len([delta async for delta in deltas]) == 3
    assert len([event async for event in events]) == 2
    assert [delta async for delta in deltas] == []


@virtual_time
@pytest.mark.parametrize("kind", ["watch", "events"])
async def test_cancelled_in_the_middle_it_loses_nothing(kind: str) -> None:
    host = FakeHost()
    web = host.define("web")
    host.start(web)
    async with host.connect(resync_period=None) as informer:
        subscribe = getattr(informer, kind)
        options: dict[str, Any] = {"initial": False} if kind == "watch" else {}
        async with Witness[Any](subscribe(**options)) as whole:
            patient = subscribe(**options)
            seen = []
            for step in range(60):
                host.reset(web)
                # From just before the news to just after it.
                for timeout in (0.0, 0.0029, 0.003, 0.0031):
                    try:
                        seen.append(await asyncio.wait_for(anext(patient), timeout))
                    except TimeoutError:
                        continue
                if step % 3 == 0:
                    await asyncio.sleep(0.1)
            await asyncio.sleep(1)
            while len(patient):
                seen.append(await anext(patient))
            events = [e for d in seen for e in d.events] if kind == "watch" else seen
            expected = [e for d in whole.seen for e in d.events] if kind == "watch" else whole.seen
            assert [e.resource_version for e in events] == [e.resource_version for e in expected]


@virtual_time
async def test_a_full_queue_lets_others_run() -> None:
    host = FakeHost()
    for number in range(1000):
        host.define(f"d{number}")
    async with host.connect() as informer:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        async for delta in informer.watch():
            if isinstance(delta, vi.Synced):
                break
        task.cancel()
        assert turns > 20


@virtual_time
async def test_two_tasks_may_share_a_stream() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer:
        events = informer.events()
        async with Witness(events) as one, Witness(events) as other:
            for _ in range(10):
                (host.destroy if host.domains[web].id >= 0 else host.start)(web)
                await asyncio.sleep(0.1)
            assert len(one.seen) + len(other.seen) == 20


@every_loop
async def test_a_stream_belongs_to_its_loop() -> None:
    async with FakeHost().connect() as informer:
        deltas = informer.watch()

        async def elsewhere() -> None:
            with pytest.raises(vi.EventLoopError, match="another event loop"):
                await anext(deltas)
            with pytest.raises(vi.EventLoopError, match="another event loop"):
                await deltas.aclose()

        await asyncio.to_thread(asyncio.run, elsewhere())
        assert isinstance(await anext(deltas), vi.Synced)


# ---------------------------------------------------------------- too slow


@virtual_time
async def test_events_that_nobody_reads_are_lost_from_a_version_on_and_said_to_be() -> None:
    host = FakeHost()
    web = host.define("web")
    host.start(web)
    async with host.connect(history=1, resync_period=None) as informer:
        events = informer.events()
        for _ in range(35):
            for _ in range(500):
                host.reset(web)
            await asyncio.sleep(0.1)
        given = [await anext(events) for _ in range(len(events))]
        assert 15_000 < len(given) <= 16 * 1024
        for _ in range(2):
            with pytest.raises(vi.VersionExpired, match=r"read too slowly.*snapshot") as raised:
                await anext(events)
        assert "from version" in str(raised.value)
        again = informer.events(since=informer.snapshot().resource_version)
        host.reset(web)
        assert (await anext(again)).type == "Reboot"


@every_loop
async def test_an_abandoned_stream_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    host = FakeHost()
    host.define("web")
    async with host.connect() as informer:
        informer.watch()
        await anext(informer.watch())
    gc.collect()
    assert caplog.records == []


@virtual_time
async def test_a_predicate_for_which_nothing_holds_lets_others_run() -> None:
    host = FakeHost()
    for number in range(1000):
        host.define(f"d{number}")
    looked = turns = 0

    def nothing(domain: vi.Domain) -> bool:
        nonlocal looked
        looked += 1
        return False

    async with host.connect(resync_period=None) as informer, informer.watch(where=nothing) as all_:
        waiting = asyncio.ensure_future(anext(all_))
        while not waiting.done():
            turns += 1
            await asyncio.sleep(0)
        assert looked == 1000
        assert turns > 1000 / 32
        assert isinstance(await waiting, vi.Synced)


@virtual_time
async def test_events_that_nobody_wants_let_others_run() -> None:
    host = FakeHost()
    web = host.define("web")
    host.start(web)
    async with host.connect(resync_period=None) as informer:
        events = informer.events(where=lambda domain: domain.name == "db")
        for _ in range(200):
            host.reset(web)
        await informer.sync()
        assert len(events) == 200
        waiting = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert 0 < len(events) < 200
        host.define("db")
        assert (await waiting).type == "Defined"

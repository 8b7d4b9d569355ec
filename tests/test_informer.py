"""The informer's own face: reads, barriers, health, what can be done wrong.

What it promises is tested in `tests.guarantees`.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import attrs
import pytest

import virtinformer as vi
from tests.guarantees.witness import Witness, content, deltas_of
from tests.loops import every_loop, virtual_time
from virtinformer.testing import FakeHost, Faults, Latency, run

GHOST = UUID(int=7)

# ---------------------------------------------------------------- reads


@every_loop
async def test_reads_answer_from_memory() -> None:
    host = FakeHost()
    web, db = host.define("web"), host.define("db")
    host.start(db)
    async with host.connect() as informer:
        known = informer.snapshot()
        assert informer.get(web) is known[web]
        assert informer.get(GHOST) is None
        assert informer.get_by_name("db") is known[db]
        assert informer.get_by_name("nobody") is None
        assert {domain.uuid for domain in informer.list()} == {web, db}
        assert informer.list(lambda domain: domain.active) == [known[db]]
        assert informer.resource_version == known.resource_version


@every_loop
async def test_a_predicate_of_list_may_raise() -> None:
    host = FakeHost()
    host.define("web")
    async with host.connect() as informer:
        with pytest.raises(ZeroDivisionError):
            informer.list(lambda _: bool(1 // 0))


@every_loop
async def test_get_by_name_follows_a_name_that_changes_hands() -> None:
    host = FakeHost()
    web, db = host.define("web"), host.define("db")
    async with host.connect() as informer:
        host.rename(web, "old")
        host.rename(db, "web")
        await informer.sync()
        found = informer.get_by_name("web")
        assert found is not None
        assert found.uuid == db
        assert informer.get_by_name("db") is None


def by_state(domain: vi.Domain) -> list[str]:
    return [str(domain.state)]


def words(domain: vi.Domain) -> Iterator[str]:
    yield from domain.name.split("-")


@every_loop
async def test_an_index_finds_domains_by_what_its_indexer_names() -> None:
    host = FakeHost()
    one, two = host.define("prod-web"), host.define("test-web")
    async with host.connect(indexers={"state": by_state, "word": words}) as informer:

        def found(index: str, value: str) -> set[UUID]:
            return {domain.uuid for domain in informer.by_index(index, value)}

        assert found("word", "web") == {one, two}
        assert found("word", "prod") == {one}
        assert found("word", "nothing") == set()
        assert found("state", "running") == set()
        host.start(one)
        host.undefine(two)
        await informer.sync()
        assert found("state", "running") == {one}
        assert found("state", "shutoff") == set()
        assert found("word", "web") == {one}
        with pytest.raises(KeyError):
            informer.by_index("colour", "red")


def broken(domain: vi.Domain) -> list[str]:
    raise ZeroDivisionError(domain.name)


def generates_and_breaks(domain: vi.Domain) -> Iterator[str]:
    yield domain.name
    raise ZeroDivisionError


def unhashable(domain: vi.Domain) -> list[Any]:
    return [[domain.name]]


@every_loop
@pytest.mark.parametrize("indexer", [broken, generates_and_breaks, unhashable])
async def test_an_indexer_that_fails_is_logged_and_counted_and_finds_nothing(
    indexer: Callable[[vi.Domain], Any], caplog: pytest.LogCaptureFixture
) -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect(indexers={"bad": indexer, "state": by_state}) as informer:
        assert informer.by_index("bad", "web") == []
        assert [domain.uuid for domain in informer.by_index("state", "shutoff")] == [web]
        assert informer.get(web) is not None
        assert informer.statistics().callable_errors == 1
    (record,) = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert "Indexer 'bad' failed" in record.getMessage()


# ---------------------------------------------------------------- transform


def slim(domain: vi.Domain) -> vi.Domain:
    return attrs.evolve(domain, xml="", config_xml=None)


@every_loop
async def test_a_transform_shapes_what_is_stored() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect(transform=slim) as informer:
        events = informer.events()
        host.start(web)
        await informer.wait_for(web, lambda domain: domain.active)
        domain = informer.get(web)
        assert domain is not None
        assert (domain.xml, domain.config_xml) == ("", None)
        assert (await anext(events)).domain.xml == ""


@virtual_time
async def test_what_a_transform_drops_is_no_change() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect(transform=slim) as informer:
        version = informer.resource_version
        host.set_memory(web, 4711)
        assert await informer.sync() == version
        host.set_autostart(web, True)
        assert await informer.sync() == version + 1


def raises(domain: vi.Domain) -> vi.Domain:
    raise ZeroDivisionError(domain.name)


def another(domain: vi.Domain) -> vi.Domain:
    return attrs.evolve(domain, uuid=GHOST)


def nothing(domain: vi.Domain) -> Any:
    return None


@every_loop
@pytest.mark.parametrize("transform", [raises, another, nothing])
async def test_a_transform_that_fails_leaves_the_domain_as_it_is(
    transform: Callable[[vi.Domain], vi.Domain], caplog: pytest.LogCaptureFixture
) -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect(transform=transform) as informer:
        assert content(informer.get(web)) == content(host.truth(web))
        assert informer.get(GHOST) is None
        assert informer.statistics().callable_errors == 1
    (record,) = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert "The transform failed" in record.getMessage()


@every_loop
async def test_a_transform_cannot_rewrite_history() -> None:
    host = FakeHost()
    web = host.define("web")

    def forge(domain: vi.Domain) -> vi.Domain:
        return attrs.evolve(domain, resource_version=10**9, generation=77, incarnation=5)

    async with host.connect(transform=forge) as informer:
        domain = informer.get(web)
        assert domain is not None
        assert (domain.resource_version, domain.generation, domain.incarnation) == (1, 1, 1)


# ---------------------------------------------------------------- barriers


@every_loop
async def test_refresh_and_sync_see_silent_changes() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect(resync_period=None) as informer:
        host.set_autostart(web, True)
        domain = await informer.refresh(web)
        assert domain is not None
        assert domain.autostart
        host.set_autostart(web, False)
        assert await informer.sync() == informer.resource_version
        domain = informer.get(web)
        assert domain is not None
        assert not domain.autostart


@virtual_time
async def test_deltas_of_a_barrier_say_so() -> None:
    host = FakeHost()
    web = host.define("web")
    async with (
        host.connect(resync_period=None) as informer,
        Witness(informer.watch(initial=False)) as deltas,
    ):
        host.set_autostart(web, True)
        await informer.refresh(web)
        host.set_autostart(web, False)
        await informer.sync()
        await deltas.until(lambda seen: len(seen) == 2)
        assert {d.source for d in deltas_of(deltas.seen)} == {vi.DeltaSource.REFRESH}


@virtual_time
async def test_one_that_gave_up_waiting_costs_nothing_more() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect(resync_period=None) as informer:
        host.hang()
        for barrier in (informer.refresh(web), informer.sync()):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(barrier, 1)
        host.unhang()
        await asyncio.sleep(1)
        host.log.clear()
        await asyncio.sleep(100)
        assert host.log == []


@virtual_time
async def test_sync_fails_if_the_host_will_not_list() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect(resync_period=None) as informer:
        host.fail_next_lists(1000)
        with pytest.raises(vi.ReadError, match="refuses to say"):
            await informer.sync()
        host.fail_next_lists(0)
        assert informer.get(web) is not None
        assert informer.statistics().list_errors >= 5


@every_loop
@pytest.mark.parametrize("function", ["refresh", "wait_for"])
async def test_a_uuid_is_a_uuid(function: str) -> None:
    async with FakeHost().connect() as informer:
        arguments: dict[str, tuple[Any, ...]] = {"refresh": ("web",), "wait_for": ("web", bool)}
        with pytest.raises(TypeError, match=rf"{function}\(\) takes a uuid.UUID, not 'web'"):
            await getattr(informer, function)(*arguments[function])


@every_loop
async def test_wait_for_raises_what_its_predicate_raises() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer:
        with pytest.raises(ZeroDivisionError):
            await informer.wait_for(web, lambda _: bool(1 // 0))

        def later(domain: vi.Domain) -> bool:
            return domain.active and bool(1 // 0)

        waiting = asyncio.ensure_future(informer.wait_for(web, later))
        await asyncio.sleep(0)
        host.start(web)
        with pytest.raises(ZeroDivisionError):
            await waiting
        assert informer.statistics().subscribers == 0


@every_loop
async def test_wait_for_leaves_no_subscriber() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer:
        await informer.wait_for(web, lambda _: True)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(informer.wait_for(web, lambda _: False), 0.01)
        assert informer.statistics().subscribers == 0


# ---------------------------------------------------------------- health and statistics


@virtual_time
async def test_health_through_a_disconnect() -> None:
    host = FakeHost()
    host.define("web")
    informer = host.connect()
    before = informer.health
    assert not before.connected
    assert not before.synced
    assert before.last_contact is None
    assert before.last_error is None
    async with informer:
        up = informer.health
        assert (up.connected, up.synced, up.epoch, up.reconnects) == (True, True, 1, 0)
        assert up.last_contact is not None
        assert abs(datetime.now(UTC) - up.last_contact) < timedelta(seconds=5)
        host.disconnect("it was killed")
        await asyncio.sleep(7)
        down = informer.health
        assert not down.connected
        assert "it was killed" in str(down.last_error)
        assert down.epoch > 1
        assert down.staleness >= 6.9
        host.restart()
        await asyncio.sleep(60)
        again = informer.health
        assert (again.connected, again.synced, again.reconnects) == (True, True, 1)
        assert again.staleness == 0.0
        assert again.last_error is not None, "what went wrong last stays to be read"
    closed = informer.health
    assert not closed.connected
    assert not closed.synced


@virtual_time
async def test_staleness_counts_from_when_the_host_was_asked() -> None:
    """A host that had nothing to say, since nobody asked it, was not silent."""
    host = FakeHost(keepalive=1e6)
    web = host.define("web")
    async with host.connect(resync_period=None) as informer:
        await asyncio.sleep(1000)
        assert informer.health.staleness == 0.0
        host.hang()
        asking = asyncio.ensure_future(informer.refresh(web))
        await asyncio.sleep(3)
        assert informer.health.staleness == pytest.approx(3, abs=0.1)
        asking.cancel()


@every_loop
async def test_statistics_do_not_make_the_next_write_copy() -> None:
    host = FakeHost()
    host.define("web")
    async with host.connect() as informer:
        held = informer._store._domains
        assert informer.statistics().domains == 1
        host.define("db")
        await informer.sync()
        assert informer.statistics().domains == 2
        assert informer._store._domains is held


@virtual_time
async def test_synced_is_false_while_the_list_of_a_new_connection_is_under_way() -> None:
    host = FakeHost()
    host.define("web")
    async with host.connect() as informer:
        host.latency = Latency(list=5.0)
        host.restart()
        await asyncio.sleep(3)
        assert informer.health.connected
        assert not informer.health.synced
        await asyncio.sleep(60)
        assert informer.health.synced


@virtual_time
async def test_statistics_count() -> None:
    host = FakeHost()
    web, db = host.define("web"), host.define("db")
    async with host.connect(resync_period=10.0) as informer:
        stream = informer.watch()
        host.drop_next_events(1)
        host.start(web)
        host.tear_next_reads(1, db)
        host.set_autostart(db, True)
        await informer.refresh(db)
        host.fail_next_reads(1, db)
        await informer.refresh(db)
        await asyncio.sleep(15)
        host.set_autostart(db, False)
        await asyncio.sleep(15)
        found = informer.statistics()
        assert found.domains == 2
        assert found.resource_version == informer.resource_version
        assert found.events_received == 1
        assert found.events_delivered - found.events_inferred == 1
        assert found.reads_torn == found.read_errors == 1
        assert found.lists >= 3
        assert found.list_errors == 0
        assert found.deltas[vi.DeltaSource.INITIAL] == 2
        assert found.deltas[vi.DeltaSource.RESYNC] == 1
        assert found.subscribers == 1
        assert found.queued == len(stream) == 4
        assert found.handler_errors == found.callable_errors == 0
        host.restart()
        await asyncio.sleep(60)
        assert informer.statistics().reads >= found.reads, "totals survive a reconnect"


# ---------------------------------------------------------------- what can be done wrong


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"resync_period": 0}, "resync_period must be above 0, or None"),
        ({"resync_period": -1.0}, "resync_period"),
        ({"reorder_window": -0.1}, "reorder_window must be 0 or more"),
        ({"history": -1}, "history must be 0 or more"),
        ({"connect_timeout": 0}, "connect_timeout must be above 0"),
        ({"resync_period": float("nan")}, "resync_period"),
    ],
)
def test_options_are_checked(options: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        FakeHost().connect(**options)


USES: dict[str, Callable[[vi.DomainInformer], Any]] = {
    "get": lambda informer: informer.get(GHOST),
    "get_by_name": lambda informer: informer.get_by_name("web"),
    "list": lambda informer: informer.list(),
    "by_index": lambda informer: informer.by_index("state", "running"),
    "snapshot": lambda informer: informer.snapshot(),
    "watch": lambda informer: informer.watch(),
    "events": lambda informer: informer.events(),
    "add_event_handler": lambda informer: informer.add_event_handler(Adds()),
    "on_add": lambda informer: informer.on_add(print),
    "on_event": lambda informer: informer.on_event(print),
    "refresh": lambda informer: informer.refresh(GHOST),
    "sync": lambda informer: informer.sync(),
    "wait_for": lambda informer: informer.wait_for(GHOST, bool),
}
READS = ("get", "get_by_name", "list", "by_index", "snapshot")


class Adds:
    def on_add(self, domain: vi.Domain) -> None:
        """Nothing."""


async def do(use: Callable[[vi.DomainInformer], Any], informer: vi.DomainInformer) -> Any:
    result = use(informer)
    return await result if isinstance(result, Awaitable) else result


@every_loop
@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
async def test_one_that_is_not_open_yet_says_how_to_open_it(
    use: Callable[[vi.DomainInformer], Any],
) -> None:
    with pytest.raises(vi.NotSynced, match="async with"):
        await do(use, FakeHost().connect())


@every_loop
@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
async def test_one_that_is_closed_says_so(use: Callable[[vi.DomainInformer], Any]) -> None:
    async with FakeHost().connect() as informer:
        pass
    with pytest.raises(vi.NotSynced, match="closed; open a new one"):
        await do(use, informer)


@every_loop
async def test_numbers_can_be_read_after_closing() -> None:
    host = FakeHost()
    host.define("web")
    async with host.connect() as informer:
        pass
    assert informer.resource_version == 1
    assert informer.statistics().domains == 1
    assert not informer.health.connected


@every_loop
async def test_it_opens_only_once() -> None:
    async with FakeHost().connect() as informer:
        with pytest.raises(vi.NotSynced, match="opened only once"):
            await informer.__aenter__()
        assert informer.health.connected
    with pytest.raises(vi.NotSynced, match="opened only once"):
        await informer.__aenter__()
    with pytest.raises(vi.NotSynced, match="closed"):
        await informer.__aexit__(None, None, None)


@every_loop
@pytest.mark.parametrize("use", USES.keys())
async def test_on_another_loop_only_reads_are_served(use: str) -> None:
    found: list[object] = []

    async def elsewhere(informer: vi.DomainInformer) -> None:
        try:
            await do(USES[use], informer)
        except vi.VirtInformerError as error:
            found.append(error)

    async with FakeHost().connect(indexers={"state": by_state}) as informer:
        await asyncio.to_thread(asyncio.run, elsewhere(informer))
    if use in READS:
        assert found == []
    else:
        (error,) = found
        assert isinstance(error, vi.EventLoopError)
        assert "another event loop" in str(error)


@every_loop
async def test_in_a_thread_without_a_loop_only_reads_are_served() -> None:
    found: list[object] = []
    host = FakeHost()
    web = host.define("web")

    def work(informer: vi.DomainInformer) -> None:
        found.append(informer.get(web))
        try:
            informer.watch()
        except vi.EventLoopError as error:
            found.append(error)

    async with host.connect() as informer:
        thread = threading.Thread(target=work, args=(informer,))
        thread.start()
        await asyncio.to_thread(thread.join)
        domain, error = found
        assert domain is informer.get(web)
        assert "no asyncio event loop is running" in str(error)


def test_without_asyncio_it_says_what_it_needs() -> None:
    opening = FakeHost().connect().__aenter__()
    with pytest.raises(vi.EventLoopError, match="needs a running asyncio event loop"):
        opening.send(None)
    opening.close()


def test_two_informers_in_two_loops_do_not_meet() -> None:
    async def follow() -> int:
        host = FakeHost()
        web = host.define("web")
        async with host.connect() as informer:
            host.start(web)
            await informer.wait_for(web, lambda domain: domain.active)
            return informer.resource_version

    assert run(follow()) == run(follow()) == asyncio.run(follow())


# ---------------------------------------------------------------- what people read


@every_loop
async def test_it_says_what_it_is() -> None:
    host = FakeHost(name="there")
    host.define("web")
    informer = host.connect()
    assert repr(informer) == "<DomainInformer of fake:///there at version 0>"
    async with informer:
        assert repr(informer) == "<DomainInformer of fake:///there at version 1>"


SECRET = "hunter2"
TROUBLE = Faults(
    read_failure=0.3, read_tear=0.3, list_failure=0.3, connect_failure=0.3, event_loss=0.1
)


@virtual_time
async def test_no_xml_and_no_secret_is_logged_above_debug(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    host = FakeHost(seed=5, faults=TROUBLE)
    xml = f"<domain><name>web</name><secret>{SECRET}</secret></domain>"
    web = host.define("web", xml=xml)

    class Fails:
        def on_add(self, domain: vi.Domain) -> None:
            raise ValueError

        def on_update(self, old: vi.Domain, new: vi.Domain) -> None:
            raise ValueError

        def on_event(self, event: vi.DomainEvent) -> None:
            raise ValueError

    options: dict[str, Any] = {"indexers": {"bad": broken}, "transform": raises}
    async with host.connect(resync_period=5.0, connect_timeout=1000.0, **options) as informer:
        informer.add_event_handler(Fails(), where=lambda _: bool(1 // 0))
        for _ in range(10):
            (host.destroy if host.domains[web].id >= 0 else host.start)(web)
            await asyncio.sleep(3)
            host.restart()
    assert len(caplog.records) > 20
    assert {record.name for record in caplog.records} == {
        "virtinformer.informer",
        "virtinformer.handlers",
    }
    for record in caplog.records:
        said = record.getMessage()
        assert SECRET not in said
        assert "<domain" not in said


@virtual_time
async def test_what_a_person_would_want_to_know_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    host = FakeHost(name="there")
    web = host.define("web")
    async with host.connect(resync_period=None) as informer:
        host.disconnect("it was killed")
        await asyncio.sleep(600)
        host.restart()
        await asyncio.sleep(60)
        host.fail_next_lists(1)
        await informer.sync()
        host.fail_next_reads(1, web)
        await informer.refresh(web)
    assert [record.getMessage() for record in caplog.records] == [
        "Connected to fake:///there",
        "Lost the connection to fake:///there: it was killed",
        "Connected to fake:///there",
        "Listing the domains of fake:///there failed: the script says that this list fails",
        f"Reading domain {web} of fake:///there failed: the script says that this read fails",
    ]

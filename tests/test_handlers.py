"""Handlers: what may be one, how it is called, and what is said of it.

That handlers are contained is tested in `tests.guarantees.test_g10_handlers`.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest

import virtinformer as vi
from tests.guarantees.witness import now
from tests.loops import every_loop, virtual_time
from virtinformer import informer as informer_module
from virtinformer.testing import FakeHost


def live(host: FakeHost) -> None:
    web = host.define("web")
    host.start(web, paused=True)
    host.resume(web)


# ---------------------------------------------------------------- what may be a handler


@every_loop
async def test_decorated_functions_plain_and_async() -> None:
    host = FakeHost()
    web = host.define("web")
    calls: list[tuple[Any, ...]] = []
    done = asyncio.Event()
    async with host.connect() as informer:

        @informer.on_add
        async def added(domain: vi.Domain, *, initial: bool) -> None:
            await asyncio.sleep(0)
            calls.append(("add", domain.name, initial))

        @informer.on_update
        def updated(old: vi.Domain, new: vi.Domain) -> None:
            calls.append(("update", old.active, new.active))

        @informer.on_delete
        async def deleted(domain: vi.Domain) -> None:
            calls.append(("delete", domain.name))
            done.set()

        @informer.on_event
        def happened(event: vi.DomainEvent) -> None:
            calls.append(("event", event.type))

        assert callable(added)
        assert callable(happened)
        host.start(web)
        await informer.wait_for(web, lambda domain: domain.active)
        host.destroy(web)
        host.undefine(web)
        await asyncio.wait_for(done.wait(), 10)
        assert calls[0] == ("add", "web", True)
        assert ("update", False, True) in calls
        assert ("event", "Started") in calls
        assert ("delete", "web") in calls


class Everything:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def on_add(self, domain: vi.Domain, initial: bool) -> None:
        self.calls.append(f"add {domain.name} {initial}")

    async def on_update(self, old: vi.Domain, new: vi.Domain) -> None:
        self.calls.append(f"update {new.name}")

    def on_delete(self, domain: vi.Domain) -> None:
        self.calls.append(f"delete {domain.name}")

    async def on_event(self, event: vi.DomainEvent) -> None:
        self.calls.append(event.type)


@virtual_time
async def test_an_object_with_plain_and_async_methods() -> None:
    host = FakeHost()
    host.define("known")
    async with host.connect() as informer:
        handler = Everything()
        registration = informer.add_event_handler(handler)
        await registration.wait_synced()
        assert handler.calls == ["add known True"]
        web = host.define("web")
        await asyncio.sleep(0.1)
        host.start(web, paused=True)
        await asyncio.sleep(0.1)
        host.destroy(web)
        host.undefine(web)
        await asyncio.sleep(0.1)
        assert handler.calls[1:6] == [
            "Defined",
            "add web False",
            "Started",
            "Suspended",
            "update web",
        ]
        assert handler.calls[-2:] == ["Undefined", "delete web"]


ADDED: list[Any] = []


def without_initial(domain: vi.Domain) -> None:
    ADDED.append(domain)


def with_options(domain: vi.Domain, **options: bool) -> None:
    ADDED.append(options)


class Calls:
    def __call__(self, domain: vi.Domain) -> None:
        ADDED.append(domain)


@every_loop
@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (without_initial, "Domain"),
        (with_options, "{'initial': True}"),
        (ADDED.append, "Domain"),
        (functools.partial(without_initial), "Domain"),
        (lambda domain: ADDED.append(domain.name), "web"),
        (Calls(), "Domain"),
    ],
)
async def test_anything_that_can_be_called_with_a_domain(
    function: Callable[..., Any], expected: str
) -> None:
    ADDED.clear()
    host = FakeHost()
    host.define("web")
    async with host.connect() as informer:
        informer.on_add(function)
        while not ADDED:
            await asyncio.sleep(0)
        assert str(ADDED[0]).startswith(expected)


@every_loop
async def test_a_function_written_in_c_that_hides_its_parameters() -> None:
    seen: set[vi.Domain] = set()

    class Remembers:
        on_add = seen.add

    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer:
        await informer.add_event_handler(Remembers()).wait_synced()
        assert seen == {informer.get(web)}


@every_loop
async def test_mocks() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer:
        plain, coroutine = Mock(spec=["on_add"]), AsyncMock(spec=["on_add"])
        for handler in (plain, coroutine):
            await informer.add_event_handler(handler).wait_synced()
            handler.on_add.assert_called_once_with(informer.get(web), initial=True)


@every_loop
@pytest.mark.parametrize("handler", [object(), None, print, "on_add"])
async def test_what_has_none_of_the_methods_is_no_handler(handler: object) -> None:
    async with FakeHost().connect() as informer:
        with pytest.raises(TypeError, match=r"is no event handler: .* on_add, on_update"):
            informer.add_event_handler(handler)
        assert informer.statistics().subscribers == 0


@every_loop
async def test_a_method_that_cannot_be_called() -> None:
    class Wrong:
        on_add = "print"

    async with FakeHost().connect() as informer:
        with pytest.raises(TypeError, match=r"on_add of .* cannot be called"):
            informer.add_event_handler(Wrong())
        for decorate in (informer.on_add, informer.on_update, informer.on_delete):
            with pytest.raises(TypeError, match="needs a function, not None"):
                decorate(None)  # type: ignore[type-var]


# ---------------------------------------------------------------- how it is called


@virtual_time
async def test_initial_is_true_for_what_was_known_at_registration_and_only_for_that() -> None:
    host = FakeHost()
    for number in range(3):
        host.define(f"d{number}")
    async with host.connect() as informer:
        calls: list[tuple[str, bool]] = []

        @informer.on_add
        async def added(domain: vi.Domain, *, initial: bool) -> None:
            calls.append((domain.name, initial))
            await asyncio.sleep(1)

        await asyncio.sleep(0.1)
        host.define("new")
        await asyncio.sleep(10)
        assert calls == [("d0", True), ("d1", True), ("d2", True), ("new", False)]


@virtual_time
async def test_wait_synced_returns_when_the_handler_has_heard_everything_known() -> None:
    host = FakeHost()
    for number in range(3):
        host.define(f"d{number}")
    async with host.connect() as informer:

        class Slow:
            async def on_add(self, domain: vi.Domain) -> None:
                await asyncio.sleep(1)

        registration = informer.add_event_handler(Slow())
        began = now()
        await asyncio.gather(registration.wait_synced(), registration.wait_synced())
        assert now() == pytest.approx(began + 3)
        await registration.wait_synced()
        await registration.aclose()
        await registration.wait_synced()


@virtual_time
async def test_one_who_gives_up_waiting_for_synced_spoils_it_for_nobody() -> None:
    host = FakeHost()
    host.define("web")
    async with host.connect() as informer:

        class Slow:
            async def on_add(self, domain: vi.Domain) -> None:
                await asyncio.sleep(5)

        registration = informer.add_event_handler(Slow())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(registration.wait_synced(), 1)
        await registration.wait_synced()


@virtual_time
async def test_closing_before_synced_fails_those_who_wait() -> None:
    host = FakeHost()
    host.define("web")
    async with host.connect() as informer:

        class Stuck:
            async def on_add(self, domain: vi.Domain) -> None:
                await asyncio.Event().wait()

        async with informer.add_event_handler(Stuck()) as registration:
            waiting = asyncio.ensure_future(registration.wait_synced())
            await asyncio.sleep(1)
        with pytest.raises(vi.NotSynced, match=r"registration of .*Stuck was closed before"):
            await waiting


@virtual_time
async def test_where_chooses_for_a_handler() -> None:
    host = FakeHost()
    web = host.define("web")
    host.define("db")
    async with host.connect() as informer:
        handler = Everything()
        informer.add_event_handler(handler, where=lambda domain: domain.name == "web")
        host.start(web, paused=True)
        host.define("other")
        await asyncio.sleep(1)
        assert handler.calls == ["add web True", "Started", "Suspended", "update web"]


@virtual_time
async def test_a_predicate_that_raises_loses_nothing_and_is_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    host = FakeHost()
    host.define("web")
    async with host.connect() as informer:
        handler = Everything()
        registration = informer.add_event_handler(handler, where=lambda _: bool(1 // 0))
        await registration.wait_synced()
        host.define("new")
        await asyncio.sleep(1)
        assert handler.calls == ["add web True", "Defined", "add new False"]
        assert registration.errors == 0
        assert informer.statistics().callable_errors == 3
    assert all("predicate of Everything failed" in r.getMessage() for r in caplog.records)
    assert len(caplog.records) == 3


@virtual_time
async def test_a_registration_is_counted_while_it_is_open() -> None:
    host = FakeHost()
    host.define("web")
    async with host.connect() as informer:
        async with informer.add_event_handler(Everything()) as registration:
            assert informer.statistics().subscribers == 1
            assert len(registration) == informer.statistics().queued == 1
            await registration.wait_synced()
            assert len(registration) == 0
        assert informer.statistics().subscribers == 0


@every_loop
async def test_a_registration_belongs_to_its_loop() -> None:
    async with FakeHost().connect() as informer:
        registration = informer.add_event_handler(Everything())

        async def elsewhere() -> None:
            for use in (registration.aclose, registration.wait_synced):
                with pytest.raises(vi.EventLoopError, match="another event loop"):
                    await use()

        await asyncio.to_thread(asyncio.run, elsewhere())
        await registration.wait_synced()


@virtual_time
async def test_a_handler_may_register_and_close_others() -> None:
    host = FakeHost()
    host.define("web")
    async with host.connect() as informer:
        inner = Everything()

        class Outer:
            async def on_add(self, domain: vi.Domain) -> None:
                registration = informer.add_event_handler(inner)
                await registration.wait_synced()
                await registration.aclose()

        await informer.add_event_handler(Outer()).wait_synced()
        assert inner.calls == ["add web True"]
        assert informer.statistics().subscribers == 1


# ---------------------------------------------------------------- what is said of it


class Clock:
    """The clock that handlers are timed by; work makes it go."""

    def __init__(self) -> None:
        self.now = 0.0

    def work(self) -> None:
        self.now += 0.5

    def blocks(self, domain: vi.Domain) -> None:
        self.work()

    async def blocks_at_once(self, domain: vi.Domain) -> None:
        self.work()
        await asyncio.sleep(1)

    async def blocks_later(self, domain: vi.Domain) -> None:
        await asyncio.sleep(1)
        self.work()


@virtual_time
@pytest.mark.parametrize("name", ["blocks", "blocks_at_once", "blocks_later"])
async def test_one_that_blocks_the_loop_is_named(
    name: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr("virtinformer.calling.time.perf_counter", lambda: clock.now)
    host = FakeHost()
    host.define("web")
    async with host.connect() as informer:
        informer.on_add(getattr(clock, name))
        await asyncio.sleep(2)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert f"Handler Clock.{name} blocked the event loop for 0.5 s" in record.getMessage()
    assert "asyncio.to_thread" in record.getMessage()


@virtual_time
async def test_one_that_waits_is_not_complained_of(caplog: pytest.LogCaptureFixture) -> None:
    host = FakeHost()
    host.define("web")
    async with host.connect() as informer:

        class Waits:
            async def on_add(self, domain: vi.Domain) -> None:
                await asyncio.sleep(3600)

        await informer.add_event_handler(Waits()).wait_synced()
    assert caplog.records == []


@virtual_time
async def test_what_a_handler_awaits_comes_back_to_it() -> None:
    host = FakeHost()
    host.define("web")
    found: list[object] = []
    async with host.connect() as informer:

        class Awaits:
            async def on_add(self, domain: vi.Domain) -> None:
                found.append(await asyncio.sleep(1, "result"))
                try:
                    async with asyncio.timeout(1):
                        await asyncio.Event().wait()
                except TimeoutError as error:
                    found.append(type(error))
                found.append(await asyncio.gather(asyncio.sleep(0, 1), asyncio.to_thread(int, "2")))

        registration = informer.add_event_handler(Awaits())
        await registration.wait_synced()
        assert registration.errors == 0
        assert found == ["result", TimeoutError, [1, 2]]


@virtual_time
async def test_a_handler_too_slow_for_its_events_is_told_and_goes_on_from_now(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(informer_module, "EVENT_BACKLOG", 0.01)  # ten events
    host = FakeHost()
    web = host.define("web")
    host.start(web)
    calls: list[int] = []
    async with host.connect(resync_period=None) as informer:

        class Slow:
            async def on_event(self, event: vi.DomainEvent) -> None:
                calls.append(event.resource_version)
                await asyncio.sleep(1)

        registration = informer.add_event_handler(Slow())
        for _ in range(30):
            host.reset(web)
            await asyncio.sleep(0.1)
        await asyncio.sleep(60)
        before = len(calls)
        assert 10 <= before < 20
        assert registration.errors == 1
        host.reset(web)
        await asyncio.sleep(1)
        assert calls == sorted(set(calls))
        assert len(calls) == before + 1
        assert calls[-1] == informer.resource_version
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "Slow was too slow: it is not called for events from version" in record.getMessage()

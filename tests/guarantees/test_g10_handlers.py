"""G10: whatever a handler does stays in that handler."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any
from uuid import UUID

import pytest

import virtinformer as vi
from tests.guarantees.witness import Witness, now
from tests.loops import virtual_time
from virtinformer._core.model import Change
from virtinformer.subscribers import PATIENCE
from virtinformer.testing import FakeHost

pytestmark = virtual_time


class Recorder:
    """A handler that takes its time, and notices if it is called twice at once."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.calls: list[tuple[str, Any]] = []
        self.running = 0

    async def _call(self, method: str, about: Any) -> None:
        assert self.running == 0, "two calls at once"
        self.running += 1
        self.calls.append((method, about))
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.running -= 1

    async def on_add(self, domain: vi.Domain) -> None:
        await self._call("add", domain)

    async def on_update(self, old: vi.Domain, new: vi.Domain) -> None:
        await self._call("update", new)

    async def on_delete(self, domain: vi.Domain) -> None:
        await self._call("delete", domain)

    async def on_event(self, event: vi.DomainEvent) -> None:
        await self._call("event", event)

    @property
    def methods(self) -> list[str]:
        return [method for method, _ in self.calls]


async def live(host: FakeHost, pause: float = 0.1) -> None:
    web = host.define("web")
    for operate in (host.start, host.suspend, host.resume, host.destroy, host.undefine):
        await asyncio.sleep(pause)
        operate(web)
    await asyncio.sleep(pause)


async def test_handlers_of_one_registration_run_one_at_a_time_and_in_order() -> None:
    host = FakeHost()
    host.define("known")
    async with host.connect() as informer:
        slow = Recorder(0.5)
        registration = informer.add_event_handler(slow)
        await live(host)
        await asyncio.sleep(60)
        assert registration.errors == 0
        versions = [about.resource_version for _, about in slow.calls]
        assert versions == sorted(versions)
        assert slow.methods[0] == "add"
        assert slow.methods.count("event") == 8
        assert len(slow.calls) > 8


async def test_an_event_is_told_before_the_delta_that_it_is_part_of() -> None:
    host = FakeHost()
    async with host.connect() as informer:
        handler = Recorder()
        informer.add_event_handler(handler)
        await live(host)
        assert handler.methods[:5] == ["event", "add", "event", "event", "update"]
        assert handler.methods[-2:] == ["event", "delete"]


async def test_a_flood_of_events_does_not_keep_deltas_from_a_slow_handler() -> None:
    host = FakeHost()
    web = host.define("web")
    host.start(web)
    async with host.connect() as informer:
        handler = Recorder(0.1)
        informer.add_event_handler(handler)
        for _ in range(100):
            host.reset(web)
            await asyncio.sleep(0.05)
        assert "update" in handler.methods


async def test_different_registrations_are_independent() -> None:
    host = FakeHost()
    host.define("known")
    async with host.connect() as informer:
        stuck, slow, fast = Recorder(1e9), Recorder(7), Recorder()
        for handler in (stuck, slow, fast):
            informer.add_event_handler(handler)
        async with Witness(informer.watch(initial=False)) as deltas:
            await live(host)
            assert len(deltas.seen) == 6
        assert len(stuck.calls) == len(slow.calls) == 1
        assert [m for m in fast.methods if m != "event"][:2] == ["add", "add"]
        assert fast.methods[-1] == "delete"


@pytest.mark.parametrize(
    "error",
    [
        ValueError("boom"),
        asyncio.CancelledError(),
        TimeoutError(),
        ExceptionGroup("of several", [ValueError("boom")]),
        BaseExceptionGroup("leaked", [asyncio.CancelledError()]),
    ],
    ids=repr,
)
async def test_an_exception_is_logged_with_the_delta_and_counted_and_goes_no_further(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    host = FakeHost()
    web = host.define("web")
    seen: list[str] = []
    async with host.connect() as informer:

        @informer.on_update
        async def fails(old: vi.Domain, new: vi.Domain) -> None:
            seen.append("async")
            raise error

        class Plain:
            def on_update(self, old: vi.Domain, new: vi.Domain) -> None:
                seen.append("plain")
                raise error

        registration = informer.add_event_handler(Plain())
        for _ in range(3):
            operate = host.destroy if host.domains[web].id >= 0 else host.start
            operate(web)
            await asyncio.sleep(1)
        assert sorted(seen) == ["async"] * 3 + ["plain"] * 3
        assert registration.errors == 3
        assert informer.statistics().handler_errors == 6
        await informer.sync()
    logged = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(logged) == 6
    for record in logged:
        assert record.name == "virtinformer.handlers"
        assert "Updated" in record.getMessage()
        assert str(web) in record.getMessage()
        assert record.exc_info is not None
        assert record.exc_info[1] is error


async def test_a_group_ends_a_handler_that_is_cancelled(caplog: pytest.LogCaptureFixture) -> None:
    host = FakeHost()
    host.define("web")
    async with host.connect() as informer:

        class Groups:
            async def on_add(self, domain: vi.Domain) -> None:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError as error:
                    raise BaseExceptionGroup("tidied up", [error, ValueError()]) from None

        registration = informer.add_event_handler(Groups())
        await asyncio.sleep(1)
        await registration.aclose()
        assert informer.statistics().subscribers == 0
    assert "The task of handler" in caplog.text


async def test_a_group_with_the_end_of_the_program_in_it_is_not_contained() -> None:
    host = FakeHost()
    host.define("web")
    async with host.connect() as informer:

        class Exits:
            def on_add(self, domain: vi.Domain) -> None:
                raise BaseExceptionGroup("on the way out", [SystemExit()])

        with pytest.raises(vi.NotSynced):
            await informer.add_event_handler(Exits()).wait_synced()


async def test_errors_of_closed_registrations_stay_counted() -> None:
    host = FakeHost()
    host.define("web")
    async with host.connect() as informer:

        class Fails:
            def on_add(self, domain: vi.Domain) -> None:
                raise ValueError

        async with informer.add_event_handler(Fails()) as registration:
            await registration.wait_synced()
        await asyncio.sleep(0)
        assert informer.statistics().handler_errors == 1


async def test_after_aclose_the_handler_is_not_running_and_will_not_run() -> None:
    host = FakeHost()
    for number in range(5):
        host.define(f"d{number}")
    async with host.connect() as informer:
        handler = Recorder(10)
        registration = informer.add_event_handler(handler)
        await asyncio.sleep(15)
        assert handler.running == 1
        began = now()
        await registration.aclose()
        assert now() == began
        assert handler.running == 0
        assert len(handler.calls) == 2
        await live(host)
        await asyncio.sleep(100)
        assert len(handler.calls) == 2
        assert informer.statistics().subscribers == 0
        await registration.aclose()


async def test_a_handler_that_ignores_its_cancellation_will_not_run_again_either() -> None:
    host = FakeHost()
    for number in range(5):
        host.define(f"d{number}")
    calls: list[vi.Domain] = []
    async with host.connect() as informer:

        class Stubborn:
            async def on_add(self, domain: vi.Domain) -> None:
                calls.append(domain)
                try:
                    await asyncio.sleep(1000)
                except asyncio.CancelledError:
                    await asyncio.sleep(1)

        registration = informer.add_event_handler(Stubborn())
        await asyncio.sleep(0.1)
        began = now()
        await registration.aclose()
        assert now() == began + 1
        await live(host)
        assert len(calls) == 1


async def test_a_handler_can_close_its_own_registration() -> None:
    host = FakeHost()
    for number in range(5):
        host.define(f"d{number}")
    calls: list[vi.Domain] = []
    async with host.connect() as informer:

        class Once:
            async def on_add(self, domain: vi.Domain) -> None:
                await registration.aclose()
                await asyncio.sleep(1)
                calls.append(domain)

        registration = informer.add_event_handler(Once())
        await asyncio.sleep(10)
        assert len(calls) == 1
        assert informer.statistics().subscribers == 0
        with pytest.raises(vi.NotSynced, match="closed before it was synced"):
            await registration.wait_synced()


async def test_two_handlers_that_close_each_other_end_both() -> None:
    host = FakeHost()
    host.define("web")
    registrations: list[vi.Registration] = []

    class Closes:
        def __init__(self, other: int) -> None:
            self.other = other

        async def on_add(self, domain: vi.Domain) -> None:
            await asyncio.sleep(1)
            await registrations[self.other].aclose()

    async with host.connect() as informer:
        registrations += [informer.add_event_handler(Closes(other)) for other in (1, 0)]
        await asyncio.sleep(10)
        await asyncio.gather(*(registration.aclose() for registration in registrations))
        assert informer.statistics().subscribers == 0


async def test_leaving_with_a_handler_that_waits_for_ever_is_prompt() -> None:
    host = FakeHost()
    host.define("web")
    async with host.connect() as informer:
        for _ in range(3):
            informer.add_event_handler(Recorder(1e9))
        await asyncio.sleep(1)
        began = now()
    assert now() == began


async def test_leaving_does_not_wait_for_handlers_one_after_another() -> None:
    class Slow:
        async def on_add(self, domain: vi.Domain) -> None:
            try:
                await asyncio.sleep(1e9)
            finally:
                await asyncio.sleep(1)

    host = FakeHost()
    host.define("web")
    async with host.connect() as informer:
        for _ in range(10):
            informer.add_event_handler(Slow())
        await asyncio.sleep(1)
        began = now()
    assert now() == began + 1


async def test_a_handler_may_close_the_informer() -> None:
    host = FakeHost()
    for number in range(3):
        host.define(f"d{number}")
    calls: list[str] = []
    stack = contextlib.AsyncExitStack()
    informer = await stack.enter_async_context(host.connect())

    @informer.on_add
    async def added(domain: vi.Domain) -> None:
        await stack.aclose()
        await asyncio.sleep(1)
        calls.append(domain.name)

    other = informer.add_event_handler(Recorder(1e9))
    async with asyncio.timeout(3):
        with pytest.raises(vi.NotSynced):
            await other.wait_synced()
        await asyncio.sleep(2)
    assert len(calls) == 1
    assert host.open_connections == 0
    assert informer.statistics().subscribers == 0


@pytest.mark.parametrize("cancelled", [False, True])
async def test_leaving_with_a_handler_that_cannot_be_cancelled_ends(
    cancelled: bool, caplog: pytest.LogCaptureFixture
) -> None:
    host = FakeHost()
    host.define("web")
    free = asyncio.Event()

    class Stubborn:
        async def on_add(self, domain: vi.Domain) -> None:
            while not free.is_set():
                with contextlib.suppress(asyncio.CancelledError):
                    await free.wait()

    async def work() -> vi.Registration:
        async with host.connect() as informer:
            registration = informer.add_event_handler(Stubborn())
            await asyncio.sleep(1)
        return registration

    task = asyncio.create_task(work())
    await asyncio.sleep(2)
    assert host.open_connections == 0, "the connection does not wait for handlers"
    if cancelled:
        task.cancel()
    await asyncio.wait([task])
    assert now() == pytest.approx(1 + PATIENCE, abs=0.1)
    assert task.cancelled() is cancelled
    (record,) = [r for r in caplog.records if r.levelno == logging.CRITICAL]
    assert "Stubborn swallows its cancellation" in record.getMessage()
    if not cancelled:
        with pytest.raises(vi.NotSynced, match="closed before it was synced"):
            await task.result().wait_synced()
    free.set()
    await asyncio.sleep(0.1)


@pytest.mark.parametrize("kind", ["deltas", "events"])
async def test_a_predicate_for_which_nothing_holds_lets_others_run(kind: str) -> None:
    host = FakeHost()
    web = host.define("web")
    host.start(web)
    looked = turns = 0

    def nothing(domain: vi.Domain) -> bool:
        nonlocal looked
        looked += 1
        return False

    class Handler:
        def on_event(self, event: vi.DomainEvent) -> None:
            raise AssertionError

    if kind == "deltas":
        for number in range(1000):
            host.define(f"d{number}")
    async with host.connect(resync_period=None) as informer:
        registration = informer.add_event_handler(Handler(), where=nothing)
        if kind == "events":
            await registration.wait_synced()
            registration._deltas.push = lambda change: None  # type: ignore[method-assign]
            (change,) = [c for c in await changes_of_a_reset(host, informer, web) if c.events]
            looked = 0
            for _ in range(1000):
                registration.push(change)
        while looked < 1000:
            turns += 1
            await asyncio.sleep(0)
        assert turns > 1000 / 32 - 1
        await registration.wait_synced()
        assert registration.errors == 0


async def changes_of_a_reset(
    host: FakeHost, informer: vi.DomainInformer, uuid: UUID
) -> list[Change]:
    before = informer.resource_version
    host.reset(uuid)
    await informer.sync()
    return informer._store.history.after(before)

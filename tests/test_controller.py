"""Controllers: what they promise, on a made-up host and on virtual time."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any
from uuid import UUID, uuid4

import anyio
import pytest

import virtinformer as vi
from tests.guarantees.witness import now
from tests.loops import every_loop, virtual_time
from virtinformer.predicates import generation_changed, name
from virtinformer.testing import FakeHost, Faults
from virtinformer.workers import PATIENCE

FIXED = vi.Backoff(1.0, 8.0)
Answer = vi.Result | None


def certain() -> float:
    """No jitter."""
    return 0.0


class Work:
    """A reconcile that takes its time, and notices if it is called twice at once for one domain.

    Args:
        seconds: how long each call takes.
        answer: what it does then; by default it is content.
    """

    def __init__(
        self, seconds: float = 0.0, answer: Callable[[UUID], Answer] = lambda uuid: None
    ) -> None:
        self.seconds = seconds
        self.answer = answer
        self.calls: list[tuple[float, UUID]] = []
        self.seen: list[vi.Domain | None] = []
        self.running: set[UUID] = set()
        self.most = 0
        self.cancelled = 0

    async def __call__(self, uuid: UUID, informer: vi.DomainInformer) -> Answer:
        assert uuid not in self.running, "twice at once"
        self.running.add(uuid)
        self.most = max(self.most, len(self.running))
        self.calls.append((now(), uuid))
        self.seen.append(informer.get(uuid))
        try:
            await asyncio.sleep(self.seconds)
            return self.answer(uuid)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running.remove(uuid)

    @property
    def keys(self) -> list[UUID]:
        return [uuid for _, uuid in self.calls]

    @property
    def times(self) -> list[float]:
        return [time for time, _ in self.calls]


@asynccontextmanager
async def running(controller: vi.Controller) -> AsyncIterator[asyncio.Task[None]]:
    """Runs, and has to end cleanly when it is stopped."""
    task = asyncio.create_task(controller.run())
    await asyncio.sleep(0.01)
    try:
        yield task
    finally:
        controller.stop()
        await task


def controlled(informer: vi.DomainInformer, work: Work, **options: Any) -> vi.Controller:
    return vi.Controller(informer, work, **{"backoff": FIXED, "random": certain, **options})


# ---------------------------------------------------------------------- what triggers


@virtual_time
async def test_every_domain_is_looked_at_when_it_begins_and_when_it_changes_or_goes() -> None:
    host = FakeHost()
    known = host.define("known")
    async with host.connect() as informer:
        work = Work()
        async with running(controlled(informer, work)) as task:
            assert work.keys == [known]
            web = host.define("web")
            await asyncio.sleep(1)
            host.start(web)
            await asyncio.sleep(1)
            assert work.keys == [known, web, web]
            assert work.seen[-1] == informer.get(web)
            host.destroy(web)
            await asyncio.sleep(1)
            host.undefine(web)
            await asyncio.sleep(1)
            assert work.keys == [known] + 4 * [web]
            assert work.seen[-1] is None
            assert not task.done()
        assert informer.statistics().subscribers == 0


@virtual_time
async def test_what_changes_while_it_is_worked_on_is_looked_at_once_more() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer:
        work = Work(10.0)
        async with running(controlled(informer, work, workers=4)):
            for operate in (host.start, host.suspend, host.resume):
                await asyncio.sleep(1)
                operate(web)
            await asyncio.sleep(30)
            assert work.keys == [web, web]
            assert work.seen[1] == informer.get(web)


@virtual_time
async def test_many_changes_are_one_call() -> None:
    host = FakeHost()
    blocker, web = host.define("blocker"), host.define("web")
    async with host.connect() as informer:
        work = Work(10.0)
        async with running(controlled(informer, work)):
            first, second = work.keys[0], web if work.keys[0] == blocker else blocker
            for _ in range(4):
                host.start(second)
                await asyncio.sleep(1)
                host.destroy(second)
                await asyncio.sleep(1)
            await asyncio.sleep(100)
            assert work.keys == [first, second]


@virtual_time
async def test_as_many_at_once_as_there_are_workers_and_each_in_its_turn() -> None:
    host = FakeHost()
    domains = {host.define(f"d{number}") for number in range(20)}
    async with host.connect() as informer:
        work = Work(1.0)
        async with running(controlled(informer, work, workers=4)):
            await asyncio.sleep(4.5)
            assert work.most == 4
            assert len(work.calls) == 20
            assert set(work.keys) == domains


@virtual_time
async def test_one_that_always_changes_keeps_nobody_from_their_turn() -> None:
    host = FakeHost()
    busy = host.define("busy")
    for number in range(5):
        host.define(f"d{number}")
    async with host.connect() as informer:
        work = Work(1.0)
        controller = controlled(informer, work)
        work.answer = lambda uuid: controller.enqueue(busy)
        async with running(controller):
            await asyncio.sleep(30)
        assert len(set(work.keys[:7])) == 6


@virtual_time
async def test_only_what_matches_triggers_and_what_ceases_to_once_more() -> None:
    host = FakeHost()
    web, other = host.define("web"), host.define("other")
    async with host.connect() as informer:
        work = Work()
        controller = controlled(informer, work, where=lambda domain: domain.active)
        async with running(controller):
            assert work.keys == []
            host.start(web)
            await asyncio.sleep(1)
            assert controller.statistics().domains == 1
            host.destroy(web)
            await asyncio.sleep(1)
            assert work.keys == [web, web]
            assert work.seen[1] is not None, "it is still there, and can be cleaned up after"
            assert controller.statistics().domains == 0
            host.set_autostart(web, True)
            await informer.sync()
            await asyncio.sleep(1)
            assert work.keys == [web, web]
            controller.enqueue(other)
            await asyncio.sleep(1)
            assert work.keys[2:] == [other], "whom a program names, whatever it is"


@virtual_time
async def test_only_changes_that_count() -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer:
        work = Work()
        controller = controlled(informer, work, where=name("w*") & generation_changed)
        async with running(controller):
            assert work.keys == [web]
            host.start(web)
            await asyncio.sleep(1)
            assert work.keys == [web], "it was started, and is configured as before"
            host.destroy(web)
            host.undefine(web)
            await asyncio.sleep(1)
            assert work.keys == [web, web]
            assert work.seen[-1] is None


@virtual_time
async def test_a_predicate_that_raises_loses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer:
        work = Work()
        broken = controlled(informer, work, name="audit", where=lambda domain: 1 // 0 > 0)
        async with running(broken):
            assert work.keys == [web]
    assert "The predicate of Controller audit failed" in caplog.text


@virtual_time
async def test_what_was_enqueued_before_it_ran_or_is_not_known() -> None:
    host = FakeHost()
    async with host.connect() as informer:
        work = Work()
        controller = controlled(informer, work)
        stranger = uuid4()
        controller.enqueue(stranger)
        async with running(controller):
            assert work.keys == [stranger]
            controller.enqueue(stranger)
            await asyncio.sleep(0.01)
            assert work.seen == [None, None]
        controller.enqueue(stranger)
        assert controller.statistics().queue.depth == 0, "nobody would come for it"


@virtual_time
async def test_a_resync_looks_at_all_there_are() -> None:
    host = FakeHost()
    domains = {host.define(f"d{number}") for number in range(600)}
    on = next(iter(domains))
    host.start(on)
    async with host.connect() as informer:
        everyone, some = Work(), Work()
        async with (
            running(controlled(informer, everyone, resync_period=60.0, workers=1000)),
            running(controlled(informer, some, resync_period=60.0, where=lambda d: d.active)),
        ):
            await asyncio.sleep(30)
            assert len(everyone.keys) == 600
            await asyncio.sleep(120)
            assert len(everyone.keys) == 1800
            assert set(everyone.keys[-600:]) == domains
            assert some.keys == [on] * 3


@virtual_time
@pytest.mark.parametrize("asynchronous", [True, False])
async def test_keys_name_what_should_be_and_is_not(asynchronous: bool) -> None:
    host = FakeHost()
    web = host.define("web")
    wanted = [uuid4()]

    async def later() -> list[UUID]:
        await asyncio.sleep(0)
        return wanted

    async with host.connect() as informer:
        work = Work()
        keys = later if asynchronous else lambda: iter(wanted)
        async with running(controlled(informer, work, keys=keys, resync_period=5.0)):
            assert sorted(work.keys) == sorted([web, *wanted])
            wanted.append(uuid4())
            await asyncio.sleep(5)
            assert set(work.keys[2:]) == {web, *wanted}
        once = Work()
        async with running(controlled(informer, once, keys=keys)):
            await asyncio.sleep(100)
            assert set(once.keys) == {web, *wanted}
            assert len(once.keys) == 3


@virtual_time
@pytest.mark.parametrize("trouble", [OSError("no such folder"), asyncio.CancelledError(), "web"])
async def test_keys_that_cannot_be_had_are_asked_for_again(
    trouble: object, caplog: pytest.LogCaptureFixture
) -> None:
    asked = 0
    wanted = uuid4()

    async def keys() -> list[Any]:
        nonlocal asked
        asked += 1
        if asked == 1 and isinstance(trouble, BaseException):
            raise trouble
        return [trouble if asked == 1 else wanted]

    async with FakeHost().connect() as informer:
        work = Work()
        controller = controlled(informer, work, keys=keys, resync_period=5.0, name="audit")
        async with running(controller):
            assert work.keys == []
            await asyncio.sleep(5)
            assert work.keys == [wanted]
        assert controller.statistics().key_errors == 1
    assert "The keys of controller audit cannot be had" in caplog.text


@virtual_time
async def test_keys_that_are_still_to_be_had_when_it_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def keys() -> list[UUID]:
        await asyncio.sleep(1e9)
        return []

    async with FakeHost().connect() as informer:
        controller = controlled(informer, Work(), keys=keys, resync_period=1.0)
        async with running(controller):
            pass
        assert now() < 1
        assert controller.statistics().key_errors == 0
    assert not caplog.records


# ---------------------------------------------------------------------- failure and again


@virtual_time
@pytest.mark.parametrize(
    "error",
    [
        ValueError("boom"),
        TimeoutError(),
        asyncio.CancelledError(),
        ExceptionGroup("of several", [ValueError("boom")]),
        BaseExceptionGroup("leaked", [asyncio.CancelledError()]),
    ],
    ids=repr,
)
async def test_one_that_raises_is_logged_and_tried_again_later_and_later(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    host = FakeHost()
    web = host.define("web")

    def fails(uuid: UUID) -> None:
        raise error

    async with host.connect() as informer:
        work = Work(answer=fails)
        controller = controlled(informer, work, name="audit")
        async with running(controller):
            began = work.times[0]
            await asyncio.sleep(40)
            rests = [round(time - began, 3) for time in work.times]
            assert rests == [0, 1, 3, 7, 15, 23, 31, 39]
            statistics = controller.statistics()
            assert statistics.reconciles == {"success": 0, "requeue_after": 0, "error": 8}
            assert statistics.queue.retries == 8
    record = caplog.records[1]
    assert record.getMessage() == (
        f"Reconcile audit failed for 'web' ({web}), 2 in a row; it is tried again in 2.0 s"
    )
    assert record.exc_info is not None
    assert record.exc_info[1] is error


@virtual_time
async def test_success_forgets_the_failures() -> None:
    host = FakeHost()
    web = host.define("web")
    outcomes = iter([ValueError(), ValueError(), None, ValueError(), None])

    def answer(uuid: UUID) -> None:
        if (error := next(outcomes)) is not None:
            raise error

    async with host.connect() as informer:
        work = Work(answer=answer)
        async with running(controlled(informer, work)):
            await asyncio.sleep(10)
            host.start(web)
            await asyncio.sleep(10)
            rests = [b - a for a, b in zip(work.times, work.times[1:], strict=False)]
            assert [rests[0], rests[1], rests[3]] == pytest.approx([1.0, 2.0, 1.0])
            assert len(work.calls) == 5


@virtual_time
async def test_a_failed_attempt_that_is_a_change_itself_does_not_undo_the_backoff() -> None:
    """As a start that fails: libvirt tells of it, and so the attempt triggers the next one."""
    host = FakeHost()
    web = host.define("web")

    def fails(uuid: UUID) -> None:
        host.start(web)
        host.destroy(web)
        raise OSError("it does not start")

    async with host.connect() as informer:
        work = Work(answer=fails)
        async with running(controlled(informer, work)):
            await asyncio.sleep(16)
            assert len(work.calls) == 5
            assert informer.statistics().events_delivered > 5


@virtual_time
async def test_to_enqueue_ends_the_rest() -> None:
    host = FakeHost()
    web = host.define("web")

    def fails(uuid: UUID) -> None:
        raise ValueError

    async with host.connect() as informer:
        work = Work(answer=fails)
        controller = controlled(informer, work)
        async with running(controller):
            await asyncio.sleep(8)
            before = len(work.calls)
            controller.enqueue(web)
            await asyncio.sleep(0.1)
            assert len(work.calls) == before + 1
            await asyncio.sleep(1)
            assert len(work.calls) == before + 2, "its failures are forgotten"


@virtual_time
async def test_requeue_after() -> None:
    host = FakeHost()
    host.define("web")
    answers = iter([vi.Result(requeue_after=30.0), vi.Result(requeue_after=0.0), vi.Result(), None])
    async with host.connect() as informer:
        work = Work(answer=lambda uuid: next(answers))
        controller = controlled(informer, work)
        async with running(controller):
            began = work.times[0]
            await asyncio.sleep(100)
            assert [time - began for time in work.times] == pytest.approx([0, 30, 30])
            assert controller.statistics().reconciles["requeue_after"] == 2
            assert controller.statistics().reconciles["success"] == 1


@virtual_time
async def test_a_change_before_the_time_runs_it_earlier_and_once() -> None:
    host = FakeHost()
    web = host.define("web")
    answers = iter([vi.Result(requeue_after=30.0), None])
    async with host.connect() as informer:
        work = Work(answer=lambda uuid: next(answers))
        async with running(controlled(informer, work)):
            await asyncio.sleep(10)
            host.start(web)
            await asyncio.sleep(100)
            assert len(work.calls) == 2
            assert work.times[1] - work.times[0] == pytest.approx(10, abs=0.5)


@virtual_time
async def test_what_a_reconcile_may_not_return(caplog: pytest.LogCaptureFixture) -> None:
    host = FakeHost()
    host.define("web")
    async with host.connect() as informer:
        controller = controlled(informer, Work(answer=lambda uuid: 30))  # type: ignore[arg-type, return-value]
        async with running(controller):
            assert controller.statistics().reconciles["error"] == 1
    assert "a reconcile must return None or a Result, not 30" in caplog.text


@every_loop
@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
async def test_a_time_to_come(seconds: float) -> None:
    with pytest.raises(ValueError, match="requeue_after must be 0 or more seconds, or None"):
        vi.Result(requeue_after=seconds)


# ---------------------------------------------------------------------- what may reconcile


def plain(uuid: UUID, informer: vi.DomainInformer) -> vi.Result | None:
    CALLED.append(uuid)
    return None


async def coroutine(uuid: UUID, informer: vi.DomainInformer) -> None:
    CALLED.append(uuid)


class Callee:
    def __call__(self, uuid: UUID, informer: vi.DomainInformer) -> Awaitable[None]:
        return coroutine(uuid, informer)


CALLED: list[UUID] = []


@every_loop
@pytest.mark.parametrize(
    "reconcile", [plain, coroutine, Callee(), functools.partial(coroutine)], ids=str
)
async def test_anything_that_can_be_called(reconcile: Any) -> None:
    CALLED.clear()
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer:
        controller = vi.Controller(informer, reconcile)
        async with asyncio.timeout(30), running(controller):
            while not CALLED:
                await asyncio.sleep(0)
        assert [*CALLED] == [web]
        assert controller.name in repr(controller)


@virtual_time
async def test_one_that_blocks_the_loop_is_named(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter(range(10_000))
    monkeypatch.setattr("virtinformer.calling.time.perf_counter", lambda: float(next(ticks)))
    host = FakeHost()
    host.define("web")
    async with (
        host.connect() as informer,
        running(controlled(informer, Work(), name="audit", keys=list)),
    ):
        pass
    assert "Reconcile audit blocked the event loop for 1.0 s" in caplog.text
    assert "The keys of controller audit blocked the event loop for 1.0 s" in caplog.text


LABEL: contextvars.ContextVar[str] = contextvars.ContextVar("label", default="none")


@virtual_time
async def test_a_reconcile_runs_in_the_context_of_who_runs_the_controller() -> None:
    host = FakeHost()
    host.define("web")
    seen = []

    async def reconcile(uuid: UUID, informer: vi.DomainInformer) -> None:
        seen.append(LABEL.get())
        LABEL.set("from a reconcile")

    async with host.connect() as informer:
        LABEL.set("who runs it")
        controller = vi.Controller(informer, reconcile)
        async with running(controller):
            LABEL.set("what triggers it")
            controller.enqueue(uuid4())
            await asyncio.sleep(1)
    assert seen == ["who runs it"] * 2


if sys.version_info >= (3, 12):

    @virtual_time
    async def test_where_tasks_are_eager() -> None:
        """A reconcile has begun, and triggered others, before its task is known."""
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        async with FakeHost().connect() as informer:
            work, keys = Work(1.0), {uuid4() for _ in range(20)}

            async def reconcile(uuid: UUID, informer: vi.DomainInformer) -> None:
                if not work.calls:
                    work.calls.append((now(), uuid))
                    for key in keys:
                        controller.enqueue(key)
                await work(uuid, informer)

            controller = vi.Controller(informer, reconcile, workers=2)
            controller.enqueue(uuid4())
            async with running(controller):
                await asyncio.sleep(100)
            assert work.most == 2
            assert keys < set(work.keys)


# ---------------------------------------------------------------------- the end


@virtual_time
async def test_running_reconciles_end_within_the_grace_period_and_nothing_is_begun() -> None:
    host = FakeHost()
    for number in range(3):
        host.define(f"d{number}")
    async with host.connect() as informer:
        work = Work(5.0)
        controller = controlled(informer, work, grace=10.0)
        task = asyncio.create_task(controller.run())
        await asyncio.sleep(1)
        controller.stop()
        await task
        assert now() == pytest.approx(5, abs=0.1)
        assert len(work.calls) == 1
        assert work.cancelled == 0


@virtual_time
async def test_after_the_grace_period_they_are_cancelled(caplog: pytest.LogCaptureFixture) -> None:
    host = FakeHost()
    web = host.define("web")
    async with host.connect() as informer:
        work = Work(1e9)
        controller = controlled(informer, work, grace=10.0, name="audit")
        task = asyncio.create_task(controller.run())
        await asyncio.sleep(1)
        controller.stop()
        await task
        assert now() == pytest.approx(11, abs=0.1)
        assert work.cancelled == 1
        assert controller.statistics().reconciles["error"] == 0
    assert f"Reconcile audit of 'web' ({web}) is cancelled" in caplog.text


@virtual_time
@pytest.mark.parametrize("grace", [0.0, 10.0])
async def test_to_cancel_is_graceful_too(grace: float) -> None:
    host = FakeHost()
    host.define("web")
    async with host.connect() as informer:
        work = Work(5.0)
        task = asyncio.create_task(controlled(informer, work, grace=grace).run())
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert now() == pytest.approx(5 if grace else 1, abs=0.1)
        assert work.cancelled == (grace == 0)


@virtual_time
async def test_to_cancel_once_more_ends_the_grace_period() -> None:
    host = FakeHost()
    host.define("web")
    async with host.connect() as informer:
        work = Work(1e9)
        task = asyncio.create_task(controlled(informer, work, grace=1e6).run())
        for _ in range(2):
            await asyncio.sleep(1)
            task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert now() == pytest.approx(2, abs=0.1)
        assert work.cancelled == 1
        assert informer.statistics().subscribers == 0


@virtual_time
async def test_the_cancellation_of_anyio_is_graceful_too() -> None:
    host = FakeHost()
    host.define("web")
    async with host.connect() as informer:
        work = Work(5.0)
        with anyio.move_on_after(1) as scope:
            await controlled(informer, work, grace=10.0).run()
        assert scope.cancelled_caught
        assert now() == pytest.approx(5, abs=0.1)
        assert work.cancelled == 0


@virtual_time
async def test_it_ends_when_the_informer_is_closed() -> None:
    host = FakeHost()
    host.define("web")
    work = Work(5.0)
    async with host.connect() as informer:
        task = asyncio.create_task(controlled(informer, work, resync_period=1.0).run())
        await asyncio.sleep(1)
    await task
    assert now() == pytest.approx(5, abs=0.1)
    assert len(work.calls) == 1


@virtual_time
async def test_a_failure_after_the_informer_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    host = FakeHost()
    web = host.define("web")

    async def reconcile(uuid: UUID, informer: vi.DomainInformer) -> None:
        await asyncio.sleep(5)
        informer.get(uuid)

    async with host.connect() as informer:
        task = asyncio.create_task(vi.Controller(informer, reconcile).run())
        await asyncio.sleep(1)
    await task
    assert f"failed for {web}, 1 in a row" in caplog.text


@virtual_time
async def test_a_reconcile_may_stop_the_controller() -> None:
    host = FakeHost()
    for number in range(3):
        host.define(f"d{number}")

    async def reconcile(uuid: UUID, informer: vi.DomainInformer) -> None:
        controller.stop()
        await asyncio.sleep(1)
        calls.append(uuid)

    calls: list[UUID] = []
    async with host.connect() as informer:
        controller = vi.Controller(informer, reconcile)
        await controller.run()
        assert len(calls) == 1


@virtual_time
async def test_one_that_was_stopped_before_it_ran_does_nothing() -> None:
    host = FakeHost()
    host.define("web")
    async with host.connect() as informer:
        work = Work()
        controller = controlled(informer, work)
        controller.stop()
        await controller.run()
        assert work.calls == []


@virtual_time
@pytest.mark.parametrize("stubborn", ["reconcile", "keys"])
async def test_one_that_cannot_be_cancelled_is_left_to_itself(
    stubborn: str, caplog: pytest.LogCaptureFixture
) -> None:
    free = asyncio.Event()

    async def stay(*_: object) -> Any:
        while not free.is_set():
            try:
                await free.wait()
            except asyncio.CancelledError:
                continue
        return []

    host = FakeHost()
    host.define("web")
    async with host.connect() as informer:
        if stubborn == "keys":
            controller = controlled(informer, Work(), keys=stay, name="audit")
        else:
            controller = vi.Controller(informer, stay, grace=1.0, name="audit")
        task = asyncio.create_task(controller.run())
        await asyncio.sleep(1)
        controller.stop()
        await task
        assert now() == pytest.approx(1 + PATIENCE + (stubborn == "reconcile"), abs=0.1)
    (record,) = [r for r in caplog.records if r.levelno == logging.CRITICAL]
    assert "audit" in record.getMessage()
    assert "their cancellation" in record.getMessage() or "its cancell" in record.getMessage()
    free.set()
    await asyncio.sleep(0.1)


@virtual_time
async def test_what_is_to_end_the_program_ends_the_controller() -> None:
    def leave(uuid: UUID) -> None:
        raise BaseExceptionGroup("of several", [SystemExit(3)])

    host = FakeHost()
    host.define("web")
    async with host.connect() as informer:
        with pytest.raises(BaseExceptionGroup) as caught:
            await controlled(informer, Work(answer=leave)).run()
        assert caught.value.subgroup(SystemExit) is not None


@pytest.mark.leaves("tasks")  # it goes straight through the loop, which then cancels them
def test_ctrl_c_in_a_reconcile_ends_the_program() -> None:
    async def main() -> None:
        def interrupt(uuid: UUID, informer: vi.DomainInformer) -> None:
            raise KeyboardInterrupt

        host = FakeHost()
        host.define("web")
        async with host.connect() as informer:
            await vi.Controller(informer, interrupt).run()

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())


# ---------------------------------------------------------------------- wrong use


@virtual_time
async def test_it_runs_once() -> None:
    async with FakeHost().connect() as informer:
        controller = controlled(informer, Work(), name="audit")
        async with running(controller) as task:
            with pytest.raises(RuntimeError, match="audit can be run only once, and was"):
                await controller.run()
            assert not task.done()
        with pytest.raises(RuntimeError, match="make a new Controller"):
            await controller.run()


@virtual_time
async def test_an_informer_that_is_not_open() -> None:
    informer = FakeHost().connect()
    controller = controlled(informer, Work())
    with pytest.raises(vi.NotSynced):
        await controller.run()
    async with informer, running(controller):
        pass
    with pytest.raises(vi.NotSynced):
        await controlled(informer, Work()).run()


@virtual_time
@pytest.mark.parametrize(
    ("options", "kind", "complaint"),
    [
        ({"workers": 0}, ValueError, "workers must be 1 or more"),
        ({"grace": -1.0}, ValueError, "grace must be 0 or more"),
        ({"resync_period": 0.0}, ValueError, "resync_period must be above 0, or None"),
        ({"keys": [1]}, TypeError, r"keys must be a function, not \[1\]"),
    ],
)
async def test_options_that_make_no_sense(
    options: dict[str, Any], kind: type[Exception], complaint: str
) -> None:
    informer = FakeHost().connect()
    with pytest.raises(kind, match=complaint):
        controlled(informer, Work(), **options)
    with pytest.raises(TypeError, match="reconcile must be a function, not None"):
        vi.Controller(informer, None)  # type: ignore[arg-type]


@every_loop
async def test_it_belongs_to_one_loop() -> None:
    async with FakeHost().connect() as informer:
        controller = controlled(informer, Work())
        async with running(controller):
            errors: list[BaseException] = []

            def elsewhere() -> None:
                for call in (controller.stop, lambda: controller.enqueue(uuid4())):
                    with pytest.raises(vi.EventLoopError) as caught:
                        call()
                    errors.append(caught.value)
                controller.statistics()

            await asyncio.to_thread(elsewhere)
            assert len(errors) == 2
            with pytest.raises(TypeError, match=r"enqueue\(\) takes a uuid\.UUID, not 'web'"):
                controller.enqueue("web")  # type: ignore[arg-type]


# ---------------------------------------------------------------------- on a bad day


@virtual_time
@pytest.mark.parametrize("seed", range(5))
async def test_in_the_end_all_is_as_it_should_be(seed: int) -> None:
    """Events are lost and swapped, reads and steps fail, the daemon dies: it takes longer."""
    random = Random(seed)
    host = FakeHost(
        seed=seed,
        faults=Faults(
            event_loss=0.2,
            event_duplicate=0.2,
            event_reorder=0.2,
            read_failure=0.1,
            read_tear=0.1,
            read_delay=(0.0, 0.3),
            connection_loss=0.01,
        ),
    )
    wanted = {uuid4(): f"d{number}" for number in range(10)}

    async def reconcile(uuid: UUID, informer: vi.DomainInformer) -> vi.Result | None:
        if uuid not in wanted:
            return None
        await asyncio.sleep(random.random())
        if random.random() < 0.3:
            raise OSError("the host is moody")
        domain = informer.get(uuid)
        # The host refuses what is not so, as libvirt does: then the view was behind it.
        if domain is None:
            host.define(wanted[uuid], uuid=uuid)
        elif not domain.active:
            host.start(uuid)
        return vi.Result(requeue_after=20.0)

    def meddle(uuid: UUID) -> None:
        content = host.domains.get(uuid)
        if content is None:
            return
        if content.id >= 0:
            host.destroy(uuid)
        if random.random() < 0.5:
            host.undefine(uuid)

    async with host.connect(resync_period=10.0) as informer:
        controller = vi.Controller(
            informer, reconcile, workers=3, keys=lambda: wanted, resync_period=15.0, random=certain
        )
        async with running(controller):
            for _ in range(200):
                meddle(random.choice([*wanted]))
                await asyncio.sleep(random.random())
            host.restart()
            host.faults = Faults()
            await asyncio.sleep(120)
            assert set(host.domains) == set(wanted)
            assert all(domain.id >= 0 for domain in host.domains.values())
            assert controller.statistics().reconciles["error"] > 10


# ---------------------------------------------------------------------- statistics


@virtual_time
async def test_statistics() -> None:
    host = FakeHost()
    for number in range(4):
        host.define(f"d{number}")
    async with host.connect() as informer:
        work = Work(10.0)
        controller = controlled(informer, work, workers=2, name="audit")
        assert controller.statistics().queue.adds == 0
        async with running(controller):
            await asyncio.sleep(5 - now())
            statistics = controller.statistics()
            assert (statistics.name, statistics.workers, statistics.domains) == ("audit", 2, 4)
            queue = statistics.queue
            assert (queue.depth, queue.running, queue.adds) == (2, 2, 4)
            assert queue.unfinished == pytest.approx(10, abs=0.1)
            assert queue.longest_running == pytest.approx(5, abs=0.1)
            await asyncio.sleep(10)
            queue = controller.statistics().queue
            assert queue.work.count == 2
            assert queue.work.sum == pytest.approx(20, abs=0.1)
            assert queue.wait.count == 4
            assert queue.wait.sum == pytest.approx(20, abs=0.1)
            assert dict(queue.work.buckets)[10.0] + 2 >= dict(queue.work.buckets)[30.0]
            assert controller.statistics().reconciles["success"] == 2
            await asyncio.sleep(10)


@pytest.mark.asyncio
async def test_many_triggers_leave_the_loop_to_others() -> None:
    host = FakeHost()
    async with host.connect() as informer:
        work = Work()
        keys = [UUID(int=number) for number in range(5_000)]
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        other = asyncio.create_task(others())
        async with running(controlled(informer, work, keys=lambda: keys, workers=16)):
            while len(work.calls) < len(keys):
                await asyncio.sleep(0)
            other.cancel()
        assert turns > len(keys) / 256

"""The clock that jumps."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.loops import virtual_time
from virtinformer.testing import VirtualLoop, run


async def sleep_and_tell(seconds: float) -> float:
    await asyncio.sleep(seconds)
    return asyncio.get_running_loop().time()


def test_a_day_passes_at_once() -> None:
    began = time.monotonic()
    assert run(sleep_and_tell(86_400.0 * 3)) == pytest.approx(86_400.0 * 3)
    assert time.monotonic() - began < 5


def test_no_time_passes_while_something_is_ready() -> None:
    async def busy() -> float:
        for _ in range(1000):
            await asyncio.sleep(0)
        return asyncio.get_running_loop().time()

    assert run(busy()) == 0.0


def test_timers_fire_at_their_times() -> None:
    async def two() -> list[float]:
        sleeps = (sleep_and_tell(seconds) for seconds in (0.25, 0.1, 7))
        return list(await asyncio.gather(*sleeps))

    assert run(two()) == pytest.approx([0.25, 0.1, 7])


def test_a_timeout_is_virtual_too() -> None:
    async def late() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time()

    assert run(late()) == pytest.approx(30)


async def wait_for_nothing() -> None:
    await asyncio.Event().wait()


async def wait_for_culprit() -> None:
    await asyncio.create_task(wait_for_nothing(), name="the culprit")


@pytest.mark.leaves("tasks")  # that is what a deadlock is
def test_a_deadlock_is_told_with_the_place_where_it_waits() -> None:
    told = r"(?s)deadlock.*the culprit .*wait_for_nothing.*test_virtualtime\.py:\d"
    with pytest.raises(RuntimeError, match=told):
        run(wait_for_culprit())


def work() -> str:
    time.sleep(0.05)
    return "done"


def test_a_thread_takes_no_time() -> None:
    async def in_thread() -> tuple[str, float]:
        timer = asyncio.create_task(sleep_and_tell(1))
        done = await asyncio.to_thread(work)
        now = asyncio.get_running_loop().time()
        await timer
        return done, now

    assert run(in_thread()) == ("done", 0.0)


def test_two_runs_begin_at_the_same_time() -> None:
    assert run(sleep_and_tell(1)) == run(sleep_and_tell(1))


def test_it_is_a_loop_factory() -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(sleep_and_tell(5)) == pytest.approx(5)
        assert runner.run(sleep_and_tell(5)) == pytest.approx(10)


@virtual_time
async def test_pytest_runs_on_it() -> None:
    assert await sleep_and_tell(3600) == pytest.approx(3600)

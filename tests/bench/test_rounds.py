"""Taking turns, and who takes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

import pytest

from bench.registry import BENCHMARKS, QUICK
from bench.rounds import interleave
from bench.stall import watch_stall
from bench.worker import Worker, WorkerError, workers


@pytest.mark.asyncio
async def test_contenders_take_turns_and_the_first_round_does_not_count() -> None:
    turns: list[str] = []

    def contender(name: str) -> Callable[[], Awaitable[int]]:
        async def take_turn() -> int:
            turns.append(name)
            return len(turns)

        return take_turn

    found = await interleave(2, contender("a"), contender("b"))
    assert turns == ["a", "b"] * 3
    assert found == [[3, 5], [4, 6]]


@pytest.mark.asyncio
async def test_a_loop_that_is_blocked_is_noticed() -> None:
    async with watch_stall() as stall:
        await asyncio.sleep(0.01)
        await asyncio.to_thread(sum, range(10))
        blocked = asyncio.get_running_loop().time() + 0.05
        while asyncio.get_running_loop().time() < blocked:
            pass
        await asyncio.sleep(0.01)
    assert stall.longest > 30


async def echo(greeting: str) -> AsyncGenerator[object, object]:
    """A contender for the tests below; it runs in a process of its own."""
    print("this must not be taken for an answer")  # noqa: T201
    request = yield None
    while request != "fail":
        request = yield [greeting, request]
    raise ValueError("as asked")


@pytest.mark.asyncio
async def test_a_worker_answers_what_it_is_asked() -> None:
    async with workers(
        Worker("tests.bench.test_rounds:echo", "hello"),
        Worker("tests.bench.test_rounds:echo", "good day"),
    ) as (one, other):
        assert await one.ask({"count": 1}) == ["hello", {"count": 1}]
        assert await other.ask() == ["good day", None]
        assert await one.ask(2) == ["hello", 2]


@pytest.mark.asyncio
async def test_a_worker_that_fails_is_an_error() -> None:
    async with Worker("tests.bench.test_rounds:echo", "hello") as worker:
        with pytest.raises(WorkerError, match="test_rounds:echo"):
            await worker.ask("fail")


@pytest.mark.asyncio
async def test_a_worker_that_is_not_there_is_an_error() -> None:
    with pytest.raises(WorkerError, match="nobody"):
        async with Worker("tests.bench.test_rounds:nobody"):
            pass


def test_a_quick_run_is_part_of_a_whole_one() -> None:
    assert set(QUICK) <= set(BENCHMARKS)
    assert set(QUICK) >= {
        "initial_sync", "resync", "event_latency", "burst", "core_deltas", "scale",
    }  # fmt: skip

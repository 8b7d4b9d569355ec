"""A host of 100,000 domains against one of 1,000: sync, again, watch, catch up, look up an index.

Per domain, or per look-up. The first figure is the longest stretch for which the informer
kept the event loop, from opening to closing, 2,000 changes included, against the 5 ms that it
may take. It is told in processor time of the loop's thread, so that what else the machine does
is left out, and without the garbage collector, whose full collection is a figure of its own:
that belongs to Python, and to whatever else is in the process. The made-up host, which works
on the same loop, is not counted. See `bench.made_up` for it, and `scale` and `readers` for what
a change and a snapshot cost among so many.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager

import virtinformer as vi
from bench.made_up import AT_ONCE, Writer
from bench.result import Result
from bench.rounds import interleave
from bench.setting import Setting
from bench.worker import Worker, workers
from virtinformer.runner import Runner
from virtinformer.testing import FakeHost

__all__ = ["informer_of", "run"]

SIZE, QUICK_SIZE = 100_000, 10_000
SMALL = 1_000
ROUNDS = 3
CHANGES = 2_000
BATCH = 100
LOOKUPS = 10_000
ALLOWED = 5.0
TARGET = 1.2

Answer = dict[str, float]


async def run(setting: Setting) -> list[Result]:
    size = setting.either(SIZE, QUICK_SIZE)
    async with workers(
        Worker("bench.large:informer_of", size), Worker("bench.large:informer_of", SMALL)
    ) as found:
        large, small = await interleave(ROUNDS, *map(_asking, found))

    def row(name: str, unit: str, target: float = TARGET) -> Result:
        ours, other = ([answer[name] for answer in each] for each in (large, small))
        return Result(f"large:{name}", f"itself with {SMALL:,}", unit, target, ours, other)

    def longest(name: str, key: str) -> Result:
        ours = [answer[key] for answer in large]
        return Result(name, "what is allowed", "ms", 1.0, ours, [ALLOWED] * len(ours))

    return [
        longest("large", "longest"),
        longest("large:gc", "gc"),
        row("sync", f"µs/domain of {size:,}"),
        row("again", f"µs/domain of {size:,}, nothing changed"),
        row("watch", f"µs/domain of {size:,}"),
        row("behind", f"µs/delta, of a subscriber {size // 2:,} behind"),
        row("index", f"µs/look-up in {size:,}"),
    ]


def _asking(worker: Worker) -> Callable[[], Awaitable[Answer]]:
    async def ask() -> Answer:
        answer: Answer = await worker.ask()
        return answer

    return ask


async def informer_of(domains: int) -> AsyncGenerator[Answer | None, None]:
    """The contender: opens an informer each time, and does all that with it."""
    host = FakeHost(latency=AT_ONCE, eager_reads=True, list_limit=domains)
    writer = Writer(host, [host.define(f"d{number:06}") for number in range(domains)])
    answer: Answer | None = None
    while True:
        yield answer
        host.log.clear()
        gc.collect()
        gc.disable()
        try:
            with _longest_work() as longest:
                answer = await _measure(host, writer, domains)
            answer["longest"] = longest()
        finally:
            gc.enable()


async def _measure(host: FakeHost, writer: Writer, domains: int) -> Answer:
    answer: Answer = {}
    with _timed(answer, "sync", domains):
        informer = await host.connect(
            resync_period=None, indexers={"name": lambda domain: (domain.name,)}
        ).__aenter__()
    try:
        with _timed(answer, "again", domains):
            await informer.sync()
        async with informer.watch() as stream:
            with _timed(answer, "watch", domains):
                async for delta in stream:
                    if isinstance(delta, vi.Synced):
                        break
            for _ in range(0, CHANGES, BATCH):
                informer.snapshot()
                writer.change(BATCH)
                await _take(stream, BATCH)
            await _fall_behind(stream, writer, domains // 2)
            with _timed(answer, "behind", len(stream)):
                await _take(stream, len(stream))
        with _timed(answer, "index", LOOKUPS):
            for number in range(LOOKUPS):
                informer.by_index("name", f"d{number % domains:06}")
        with _timed(answer, "gc", 1_000):
            gc.collect()
    finally:
        await informer.__aexit__(None, None, None)
    return answer


async def _fall_behind(stream: vi.DeltaStream, writer: Writer, count: int) -> None:
    for waiting in range(BATCH, count + 1, BATCH):
        writer.change(BATCH)
        while len(stream) < waiting:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)


async def _take(stream: vi.DeltaStream, count: int) -> None:
    async for _delta in stream:
        count -= 1
        if not count:
            return


@contextmanager
def _timed(answer: Answer, name: str, parts: int) -> Iterator[None]:
    """Write down how long something took, in µs, for each of its parts."""
    began = time.perf_counter()
    yield
    answer[name] = (time.perf_counter() - began) * 1e6 / parts


@contextmanager
def _longest_work() -> Iterator[Callable[[], float]]:
    """The longest stretch of work of informers, in ms of processor time, so far."""
    work = Runner._work
    longest = 0.0

    def measured(runner: Runner) -> None:
        nonlocal longest
        began = time.thread_time()
        try:
            work(runner)
        finally:
            longest = max(longest, (time.thread_time() - began) * 1000)

    setattr(Runner, "_work", measured)  # noqa: B010 - not a method that is to be typed
    try:
        yield lambda: longest
    finally:
        setattr(Runner, "_work", work)  # noqa: B010

"""Changes at full speed, while ten readers list all 10,000 domains without pause.

The first figure is the share of the rate of changes that remains, of what the readers leave
of the processor: they run on the same loop, and what they use, nobody else can. It is 1 if
reading takes nothing but its own time. client-go's `BenchmarkSharedIndexInformer` goes from
181,559 writes a second to 97 with ten readers, all of which have processors of their own: a
share of 0.0005, which is the target here.

The others are what a snapshot costs with more domains, against itself with 10.
See `bench.made_up`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bench.result import Result
from bench.rounds import interleave
from bench.setting import Setting
from bench.worker import Worker, workers

__all__ = ["run"]

SIZES = (10, 10_000, 100_000)
QUICK_SIZES = (10, 10_000)
READ = 10_000
READERS = 10
CHANGES, QUICK_CHANGES = 100, 20
BATCH = 20
SNAPSHOTS = 100_000
CLIENT_GO = 97 / 181_559
TARGET = 1.2


async def run(setting: Setting) -> list[Result]:
    sizes = setting.either(SIZES, QUICK_SIZES)
    async with workers(*(Worker("bench.made_up:informer_of", size) for size in sizes)) as found:
        return [
            await _while_read(setting, found[sizes.index(READ)]),
            *await _snapshots(setting, sizes, found),
        ]


async def _while_read(setting: Setting, informer: Worker) -> Result:
    request = {"do": "read", "count": setting.either(CHANGES, QUICK_CHANGES), "batch": BATCH}

    async def read() -> float:
        answer = await informer.ask(request | {"readers": READERS})
        return 1 / float(answer["seconds"]) / (1 - float(answer["share"]))

    async def alone() -> float:
        return 1 / float((await informer.ask(request | {"readers": 0}))["seconds"])

    mine, other = await interleave(setting.rounds, read, alone)
    unit = "changes/s, of what readers leave"
    return Result("readers", "no readers", unit, CLIENT_GO, mine, other, at_least=True)


async def _snapshots(
    setting: Setting, sizes: tuple[int, ...], informers: tuple[Worker, ...]
) -> list[Result]:
    def asking(worker: Worker) -> Callable[[], Awaitable[float]]:
        async def ask() -> float:
            return 1e9 * float(await worker.ask({"do": "snapshot", "count": SNAPSHOTS}))

        return ask

    smallest, *larger = await interleave(setting.rounds, *map(asking, informers))
    return [
        Result(
            f"readers:{size}",
            f"itself with {sizes[0]}",
            f"ns/snapshot of {size:,}",
            TARGET,
            times,
            smallest,
        )
        for size, times in zip(sizes[1:], larger, strict=True)
    ]

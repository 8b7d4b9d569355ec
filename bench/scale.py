"""What one change costs, from change to handler, with more and more domains around it.

Against itself with 100 domains. The domains that change are always 100 at a time, so that
only their number differs. See `bench.made_up`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bench.result import Result
from bench.rounds import interleave
from bench.setting import Setting
from bench.worker import Worker, workers

__all__ = ["run"]

SIZES = (100, 1_000, 10_000, 100_000)
QUICK_SIZES = (100, 1_000, 10_000)
CHANGES, QUICK_CHANGES = 5_000, 200
BATCH = 100
TARGET = 1.2


async def run(setting: Setting) -> list[Result]:
    request = {"do": "change", "count": setting.either(CHANGES, QUICK_CHANGES), "batch": BATCH}
    sizes = setting.either(SIZES, QUICK_SIZES)
    contenders = [Worker("bench.made_up:informer_of", size) for size in sizes]

    def asking(worker: Worker) -> Callable[[], Awaitable[float]]:
        async def ask() -> float:
            return float(await worker.ask(request)) * 1e6

        return ask

    async with workers(*contenders) as found:
        smallest, *larger = await interleave(setting.rounds, *map(asking, found))
    return [
        Result(
            "scale" if size == sizes[-1] else f"scale:{size}",
            f"itself with {sizes[0]}",
            f"µs/change of {size:,}",
            TARGET,
            times,
            smallest,
        )
        for size, times in reversed(list(zip(sizes[1:], larger, strict=True)))
    ]

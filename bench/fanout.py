"""What a further subscriber costs, and what one that never reads does.

200 domains of a made-up host; 1, 10 and 100 streams, one of which never reads (but for the
single one): the time from changes until all who read have them, per change and subscriber.
Against itself with one. And what waits for the one that never reads, against one delta a
domain. See `bench.made_up`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from bench.result import Result
from bench.rounds import interleave
from bench.setting import Setting
from bench.worker import Worker, workers

__all__ = ["run"]

DOMAINS = 200
SUBSCRIBERS = (1, 10, 100)
CHANGES, QUICK_CHANGES = 2_000, 600
BATCH = 200
TARGET = 1.0


async def run(setting: Setting) -> list[Result]:
    changes = setting.either(CHANGES, QUICK_CHANGES)

    async with workers(Worker("bench.made_up:informer_of", DOMAINS)) as (informer,):

        def asking(subscribers: int) -> Callable[[], Awaitable[dict[str, Any]]]:
            async def ask() -> dict[str, Any]:
                request = {"do": "fan out", "count": changes, "batch": BATCH}
                answer: dict[str, Any] = await informer.ask(request | {"readers": subscribers})
                return answer

            return ask

        found = await interleave(setting.rounds, *map(asking, SUBSCRIBERS))
    one, *more = [[answer["seconds"] * 1e6 for answer in answers] for answers in found]
    waiting = [float(answer["waiting"]) for answer in found[-1]]
    return [
        *(
            Result(
                "fanout" if subscribers == SUBSCRIBERS[-1] else f"fanout:{subscribers}",
                "itself with 1",
                f"µs/change each of {subscribers}",
                TARGET,
                times,
                one,
            )
            for subscribers, times in reversed(list(zip(SUBSCRIBERS[1:], more, strict=True)))
        ),
        Result(
            "fanout:stuck",
            "a delta a domain",
            "deltas",
            1.0,
            waiting,
            [float(DOMAINS)] * len(waiting),
        ),
    ]

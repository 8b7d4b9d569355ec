"""The history that the documentation shows: ``python -m tests.guarantees.printed``."""

from __future__ import annotations

import asyncio
from uuid import UUID

from tests.guarantees.history import History
from tests.guarantees.recorder import Recorder
from virtinformer.testing import FakeHost, run

__all__ = ["printed"]

WEB = UUID(int=0xCAFE)


async def _story(recorder: Recorder) -> None:
    host = FakeHost(seed=1)
    host.define("web", uuid=WEB)
    recorder.follow(host)
    async with (
        recorder.informer(host.source(), random=lambda: 0.5),
        recorder.watch("fast"),
        recorder.events("log"),
    ):
        await asyncio.sleep(0.1)
        host.start(WEB)
        recorder.was_true(host, WEB, "start")
        await asyncio.sleep(0.1)
        host.set_memory(WEB, 2048)
        recorder.was_true(host, WEB, "set_memory")
        await asyncio.sleep(1.0)
        recorder.rest(host.domains)
    recorder.left({"tasks": len(asyncio.all_tasks()) - 1})


def printed() -> History:
    """A short run, the same every time."""
    recorder = Recorder(resync_period=0.5)
    run(_story(recorder))
    return recorder.history


if __name__ == "__main__":
    print(printed())  # noqa: T201 - that is what it is for

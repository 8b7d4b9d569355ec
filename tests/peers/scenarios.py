"""What happens to every informer alike.

Each scenario is a function of a `Stage`; its first line says what it is about, in the words
of the page in the docs. It asserts nothing: the history is judged afterwards, by the
validators of `tests.guarantees.contract`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from tests.peers.stage import Stage

__all__ = ["PROMISES", "SCENARIOS", "Scenario"]

PROMISES: Final = ("G1", "G2", "G4", "G6", "G10")
"""Those that say something of any informer. The others speak of libvirt, of `refresh()` and
`sync()`, or of what is left in the process."""

Scenario = Callable[[Stage], Awaitable[None]]


def _three(stage: Stage) -> tuple[UUID, UUID, UUID]:
    return stage.create("a"), stage.create("b"), stage.create("c")


def _everything(stage: Stage, a: UUID, b: UUID) -> None:
    """An update, a change of configuration, a deletion and a creation."""
    stage.annotate(a)
    stage.delete(b)
    stage.create("d")
    stage.configure(a)


async def changes_between_list_and_watch(stage: Stage) -> None:
    """Objects change after the first list was taken and before the watch begins."""
    a, b, _ = _three(stage)
    await stage.subscribe("handler")
    async with stage.opening():
        _everything(stage, a, b)
    await stage.rest()


async def first_lists_fail(stage: Stage) -> None:
    """The first two lists fail."""
    a, b, _ = _three(stage)
    stage.fail_next_lists(2)
    await stage.subscribe("handler")
    await stage.open()
    _everything(stage, a, b)
    await stage.rest()


async def watch_ends(stage: Stage) -> None:
    """The watch ends properly; objects are deleted, made and changed before the next one."""
    a, b, c = _three(stage)
    await stage.subscribe("handler")
    await stage.open()
    stage.annotate(c)
    await stage.sleep(1.5)  # a watch that is shorter than a second is no watch to some
    async with stage.unwatched():
        _everything(stage, a, b)
        await stage.sleep(0.5)
    await stage.rest()


async def watch_breaks(stage: Stage) -> None:
    """The watch breaks in the middle of a line; objects change before the next one."""
    a, b, c = _three(stage)
    await stage.subscribe("handler")
    await stage.open()
    stage.annotate(c)
    await stage.sleep(1.5)  # a watch that is shorter than a second is no watch to some
    async with stage.cut():
        _everything(stage, a, b)
        await stage.sleep(0.5)
    await stage.rest()


async def watch_has_expired(stage: Stage) -> None:
    """The watch ends, objects change, and the version it ended at is forgotten (410 Gone)."""
    a, b, c = _three(stage)
    await stage.subscribe("handler")
    await stage.open()
    stage.annotate(c)
    await stage.sleep(0.5)
    async with stage.unwatched():
        _everything(stage, a, b)
        stage.forget()
        await stage.sleep(0.5)
    await stage.rest()


async def stale_list(stage: Stage) -> None:
    """As before, and the list that follows is of an earlier time, where the informer allows it."""
    a, b, c = _three(stage)
    await stage.subscribe("handler")
    await stage.open()
    stage.keep_stale_list()
    _everything(stage, a, b)
    await stage.sleep(0.5)
    stage.look()
    async with stage.unwatched():
        stage.annotate(c)
        stage.forget()
        await stage.sleep(0.5)
    await stage.sleep(1)
    stage.annotate(a)
    await stage.rest()


async def server_is_restarted(stage: Stage) -> None:
    """The server is killed and started again; objects change while it is down."""
    a, b, _ = _three(stage)
    await stage.subscribe("handler")
    await stage.open()
    async with stage.down():
        _everything(stage, a, b)
        await stage.sleep(1)
    await stage.sleep(2)
    stage.annotate(a)
    await stage.rest()


async def slow_handler(stage: Stage) -> None:
    """One handler takes a second for each call; another one takes no time."""
    objects = _three(stage)

    async def is_slow(_method: str) -> None:
        await asyncio.sleep(1)

    await stage.subscribe("slow", is_slow)
    await stage.subscribe("fast")
    await stage.open()
    for uuid in objects:
        stage.annotate(uuid)
        await stage.sleep(0.05)
    await stage.rest()


async def handler_raises(stage: Stage) -> None:
    """One handler raises an exception when an object changes for the first time."""
    a, b, _ = _three(stage)
    raised: list[str] = []

    async def raises(method: str) -> None:
        if method == "on_update" and not raised:
            raised.append(method)
            raise RuntimeError("a handler that fails")

    await stage.subscribe("failing", raises)
    await stage.subscribe("sound")
    await stage.open()
    _everything(stage, a, b)
    await stage.sleep(0.5)
    stage.annotate(a)
    await stage.rest()


async def late_subscriber(stage: Stage) -> None:
    """A second handler is registered when objects have come, changed and gone."""
    a, b, c = _three(stage)
    await stage.subscribe("early")
    await stage.open()
    _everything(stage, a, b)
    await stage.sleep(0.5)
    await stage.subscribe("late")
    await stage.sleep(0.5)
    stage.annotate(c)
    await stage.rest()


async def burst(stage: Stage) -> None:
    """Three hundred changes as fast as they come."""
    objects = _three(stage)
    await stage.subscribe("handler")
    await stage.open()
    for number in range(100):
        for uuid in objects:
            stage.annotate(uuid)
        if number % 10 == 9:
            stage.look()
            await stage.sleep(0)
    await stage.rest()


async def reads_all_the_time(stage: Stage) -> None:
    """The store is read all the time, while objects come, change and go."""
    a, _, _ = _three(stage)
    await stage.subscribe("handler")
    await stage.open()
    for number in range(30):
        passing = stage.create(f"passing-{number}")
        for step in (stage.annotate, stage.configure, stage.delete):
            for _ in range(3):
                stage.look()
                await stage.sleep(0.003)
            step(passing)
        stage.configure(a)
    await stage.rest()


async def closed_while_a_handler_runs(stage: Stage) -> None:
    """The informer is closed while a handler is at work."""
    a, b, _ = _three(stage)
    busy = asyncio.Event()

    async def works(method: str) -> None:
        if method == "on_update":
            busy.set()
            await asyncio.sleep(0.25)

    await stage.subscribe("working", works)
    await stage.open()
    stage.annotate(a)
    await busy.wait()
    stage.annotate(b)


async def handler_removed_while_it_runs(stage: Stage) -> None:
    """A handler is removed while it is at work."""
    a, b, _ = _three(stage)
    busy = asyncio.Event()

    async def works(method: str) -> None:
        if method == "on_update":
            busy.set()
            await asyncio.sleep(0.25)

    await stage.subscribe("working", works)
    await stage.subscribe("other")
    await stage.open()
    stage.annotate(a)
    await busy.wait()
    await stage.unsubscribe("working")
    stage.annotate(b)
    await stage.rest()


SCENARIOS: Final[dict[str, Scenario]] = {
    scenario.__name__: scenario
    for scenario in (
        changes_between_list_and_watch,
        first_lists_fail,
        watch_ends,
        watch_breaks,
        watch_has_expired,
        stale_list,
        server_is_restarted,
        slow_handler,
        handler_raises,
        late_subscriber,
        burst,
        reads_all_the_time,
        closed_while_a_handler_runs,
        handler_removed_while_it_runs,
    )
}
"""Name → scenario, in the order of the page."""

"""This library on the stage: domains on a `FakeHost`, on made-up time.

The faults are those of libvirt that come nearest. libvirt has no watch that can be resumed:
after every lost connection there is a new list, so that "410 Gone" is what always happens.
It has no cache that could lag behind either; in the place of a stale list the host serves
one that lacks half of the domains and believes itself complete, while reads come late.

Each handler is also a subscriber by ``watch()``, in its own right and of the same pace.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

import virtinformer as vi
from tests.guarantees.history import Ended
from tests.guarantees.recorder import Recorder
from tests.peers.stage import Behaviour, Stage
from virtinformer.testing import FakeHost, Faults, Latency

__all__ = ["HostStage"]

_PATIENCE = 100.0
"""Seconds in which everything that backs off has tried again."""


class HostStage(Stage):
    """Domains on a made-up host, and an informer of them."""

    def __init__(self) -> None:
        self._recorder = Recorder()
        self.history = self._recorder.history
        self._host = FakeHost(seed=1, latency=Latency(list=0.2))
        self._recorder.follow(self._host)
        self._users = contextlib.AsyncExitStack()
        self._opened = contextlib.AsyncExitStack()
        self._open = False
        self._handlers: dict[str, Behaviour | None] = {}
        self._registered: dict[str, vi.Registration] = {}

    # ------------------------------------------------------------ the truth

    def create(self, name: str) -> UUID:
        uuid = self._host.define(name)
        self._did(uuid, "create")
        return uuid

    def annotate(self, uuid: UUID) -> None:
        self._host.set_metadata(uuid, f"line {len(self.history.lines)}")
        self._did(uuid, "annotate")

    def configure(self, uuid: UUID) -> None:
        known = self._host.domains[uuid]
        self._host.define(known.name, uuid=uuid, memory=1000 + len(self.history.lines))
        self._did(uuid, "configure")

    def delete(self, uuid: UUID) -> None:
        self._host.undefine(uuid)
        self._did(uuid, "delete")

    def _did(self, uuid: UUID, text: str) -> None:
        self._recorder.was_true(self._host, uuid, text)

    # ------------------------------------------------------------ the faults

    @contextlib.asynccontextmanager
    async def opening(self) -> AsyncIterator[None]:
        self._host.hold_events()
        task = asyncio.create_task(self.open())
        await asyncio.sleep(0.15)  # the list of 0.2 s is under way, or was taken
        yield
        await asyncio.sleep(0.5)
        self._host.release_events()
        await task

    @contextlib.asynccontextmanager
    async def unwatched(self) -> AsyncIterator[None]:
        self._host.disconnect()
        yield
        self._host.restart()

    cut = unwatched
    down = unwatched

    def forget(self) -> None:
        self._recorder.note("libvirt never keeps a history")

    def fail_next_lists(self, count: int) -> None:
        self._host.fail_next_lists(count)

    def keep_stale_list(self) -> None:
        half = list(self._host.domains)[::2]
        self._host.truncate_next_list(half)
        self._host.faults = Faults(read_delay=(0.0, 0.2))

    # ------------------------------------------------------------ the informer

    async def open(self) -> None:
        await self._opened.enter_async_context(self._recorder.informer(self._host.source()))
        self._open = True
        for who, behaves in self._handlers.items():
            await self._register(who, behaves)

    async def subscribe(self, who: str, behaves: Behaviour | None = None) -> None:
        self._handlers[who] = behaves
        if self._open:
            await self._register(who, behaves)

    async def _register(self, who: str, behaves: Behaviour | None) -> None:
        self._registered[who] = self._recorder.handle(who, behaves)
        watch = self._recorder.watch(f"{who} by watch()", pace=_pace(behaves))
        await self._users.enter_async_context(watch)

    async def unsubscribe(self, who: str) -> None:
        await self._recorder.unhandle(who, self._registered.pop(who))

    def look(self, who: str = "reader") -> None:
        self._recorder.look(who)

    async def rest(self) -> None:
        await asyncio.sleep(_PATIENCE)
        self._recorder.rest({uuid: self._host.truth(uuid) for uuid in self._host.domains})

    async def close(self) -> None:
        await self._opened.aclose()
        for who in self._registered:
            self._recorder.write(who, Ended("informer closed"))
        await self._users.aclose()


def _pace(behaves: Behaviour | None) -> Callable[[], Awaitable[object]] | None:
    if behaves is None:
        return None

    async def pace() -> None:
        await behaves("watch")

    return pace

"""Everybody who watches: subscribers of all kinds, handlers good and bad, and callers.

Some stay from the first to the last; others come and go. When the host comes to rest those
who stay read to the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Coroutine
from random import Random
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID

import virtinformer as vi
from tests.guarantees.recorder import Reading, Recorder

__all__ = ["Crowd"]

PATIENCE: Final = 8.0
"""Seconds that a caller waits before it gives up."""
NONE: Final = UUID(int=4711)
"""A domain that never was."""


class Raised(Exception):
    """What the bad handler raises."""


def _is_active(domain: vi.Domain) -> bool:
    return domain.active


def _is_off(domain: vi.Domain) -> bool:
    return not domain.active


class Crowd:
    """Everybody who watches one informer.

    Args:
        recorder: writes down what they see.
        informer: is watched.
        uuids: the domains that come and go.
        random: decides what they do.
    """

    def __init__(
        self, recorder: Recorder, informer: vi.DomainInformer, uuids: list[UUID], random: Random
    ) -> None:
        self._recorder = recorder
        self._informer = informer
        self._uuids = uuids
        self._random = random
        self._names = itertools.count(1)
        self._known = set(informer.snapshot())
        self._resting = asyncio.Event()
        self._stack = contextlib.AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self._stuck: Reading | None = None

    async def __aenter__(self) -> Self:
        """Let all who stay subscribe, and the others begin."""
        enter, recorder = self._stack.enter_async_context, self._recorder
        await enter(recorder.watch("fast"))
        await enter(recorder.watch("slow", pace=self._think))
        self._stuck = await enter(recorder.watch("stuck", pace=self._sleep))
        await enter(recorder.watch("some", where=lambda domain: domain.active))
        await enter(recorder.events("listener"))
        await enter(recorder.events("slow listener", pace=self._think))
        await enter(recorder.events("listener to some", where=lambda d: d.persistent))
        recorder.handle("calm")
        recorder.handle("raising", self._raise)
        recorder.handle("lingering", self._linger)
        recorder.handle("handler of some", where=lambda domain: domain.active)
        self._begin(self._come_and_go, self._come_and_listen, self._handle_for_a_while)
        self._begin(self._refresh, self._refresh, self._sync, self._wait_for, self._look)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._resting.set()
        await self._stack.aclose()

    def _begin(self, *habits: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._tasks += [asyncio.create_task(habit(), name=habit.__name__) for habit in habits]

    async def calm_down(self) -> None:
        """Those who come and go are gone, and those who stay read to the end."""
        self._resting.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for task in self._tasks:
            if not task.cancelled():
                task.result()

    # ------------------------------------------------------------ how they take it

    async def _think(self) -> None:
        await self._pause(0.3)

    async def _sleep(self) -> None:
        await self._resting.wait()

    async def _pause(self, most: float) -> None:
        """Take some time, unless everything has come to rest."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._random.uniform(0.0, most)):
                await self._resting.wait()

    async def _raise(self, method: str) -> None:
        if self._random.random() < 0.03:
            raise Raised(method)

    async def _linger(self, method: str) -> None:
        await self._pause(0.2)

    # ------------------------------------------------------------ those who come and go

    def _name(self, what: str) -> str:
        return f"{what} {next(self._names)}"

    def _some(self, uuid: UUID) -> Callable[[vi.Domain], bool]:
        return lambda domain: domain.uuid == uuid

    async def _come_and_go(self) -> None:
        known: vi.Snapshot | None = None
        while not self._resting.is_set():
            options: dict[str, Any] = {}
            if known is not None and self._random.random() < 0.5:
                options["known"] = known
            elif self._random.random() < 0.3:
                options["where"] = self._some(self._random.choice(self._uuids))
            if self._random.random() < 0.5:
                options["pace"] = self._think
            with contextlib.suppress(vi.VersionExpired):
                async with self._recorder.watch(self._name("guest"), **options):
                    await self._pause(3.0)
            known = self._informer.snapshot()
            await self._pause(1.0)

    async def _come_and_listen(self) -> None:
        since: int | None = None
        while not self._resting.is_set():
            with contextlib.suppress(vi.VersionExpired):
                async with self._recorder.events(self._name("guest"), since=since):
                    await self._pause(3.0)
            since = self._random.choice((None, self._informer.resource_version))
            await self._pause(1.0)

    async def _handle_for_a_while(self) -> None:
        while not self._resting.is_set():
            name = self._name("handler")
            behaves = self._random.choice((None, self._linger, self._raise))
            registration = self._recorder.handle(name, behaves)
            try:
                await self._pause(2.0)
            finally:
                await self._recorder.unhandle(name, registration)

    # ------------------------------------------------------------ those who ask

    async def _refresh(self) -> None:
        while not self._resting.is_set():
            await self._ask("refresh", self._random.choice([*self._uuids, NONE]))
            await self._pause(0.4)

    async def _sync(self) -> None:
        while not self._resting.is_set():
            await self._ask("sync")
            await self._pause(1.5)

    async def _wait_for(self) -> None:
        while not self._resting.is_set():
            predicate = self._random.choice((_is_active, _is_off))
            await self._ask("wait_for", self._random.choice(self._uuids), predicate=predicate)
            await self._pause(1.0)

    async def _ask(self, what: str, uuid: UUID | None = None, **options: Any) -> None:
        with contextlib.suppress(TimeoutError, vi.ReadError):
            async with asyncio.timeout(self._random.choice((0.001, PATIENCE))):
                await self._recorder.want(what, uuid, **options)

    async def _look(self) -> None:
        while not self._resting.is_set():
            self._recorder.look()
            if self._stuck is not None:
                # Of one domain: how it was at first, its end, and its next life.
                self._stuck.waiting(3 * len({*self._uuids, *self._known}))
            await self._pause(0.5)

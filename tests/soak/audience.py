"""Subscribers of every kind, on one informer.

Each but those that are meant to be stuck or slow checks what it is given, cheaply: what it
finds wrong goes into `faults`, and the rest of the audience goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

import virtinformer as vi

__all__ = ["Audience"]

SLOW_SECONDS: Final = 0.25
ASK_SECONDS: Final = 1.0
VISIT_SECONDS: Final = 3.0
CLUMSY_EVERY: Final = 500
"""A handler raises at each so many events."""

FAULTS_KEPT: Final = 20


class Audience:
    """Everybody who listens to one informer, for as long as `listen` runs.

    Attributes:
        faults: what was found wrong.
        deltas: how many the fast subscriber was given.
        replayed: the store, made again from the deltas alone.
    """

    def __init__(self, informer: vi.DomainInformer, seed: int) -> None:
        self.faults: list[str] = []
        self.deltas = 0
        self.replayed: dict[UUID, vi.Domain] = {}
        self._informer = informer
        self._random = random.Random(seed)
        self._initial = len(informer.snapshot())
        self._handled = 0
        self._stuck, self._idle = informer.watch(), informer.watch()
        self._fast, self._slow, self._listener = (
            informer.watch(),
            informer.watch(),
            informer.events(),
        )

    async def listen(self) -> None:
        """Be there, until cancelled."""
        self._informer.add_event_handler(self)
        self._informer.on_event(self._clumsy)
        await self._read_until_synced(self._stuck)
        members = (self._read, self._dawdle, self._overhear, self._ask, self._visit)
        async with asyncio.TaskGroup() as group:
            for member in members:
                group.create_task(self._attend(member), name=f"soak-{member.__name__}")

    def queues(self) -> dict[str, int]:
        """What waits for whom."""
        return {
            "fast": len(self._fast),
            "slow": len(self._slow),
            "stuck": len(self._stuck),
            "never read": len(self._idle),
            "events": len(self._listener),
        }

    def bounds(self) -> dict[str, int]:
        """The most that may wait for those who do not read: one delta a life of a domain.

        Of a domain that was given, its end or its change; of one that came since, its
        beginning; and to whom never reads even those of the beginning are still to be given.
        Of a domain that came and went meanwhile, nothing waits.
        """
        now = len(self._informer.snapshot())
        return {"stuck": self._initial + now, "never read": 2 * self._initial + now}

    async def _attend(self, member: Callable[[], Awaitable[None]]) -> None:
        try:
            await member()
        except Exception as error:  # noqa: BLE001 - it is told at the end, and the others go on
            self._complain(f"{member.__name__} ended: {error!r}")

    def _complain(self, fault: str) -> None:
        if len(self.faults) < FAULTS_KEPT:
            self.faults.append(fault)

    # ------------------------------------------------------------------ streams

    async def _read(self) -> None:
        version = 0
        async for delta in self._fast:
            self.deltas += 1
            match delta:
                case vi.Added(domain=domain) | vi.Updated(domain=domain):
                    self._check_old(delta)
                    self.replayed[domain.uuid] = domain
                case vi.Deleted(domain=domain):
                    self.replayed.pop(domain.uuid)
                case vi.Synced(resource_version=version):
                    continue
            if version and delta.resource_version <= version:
                self._complain(f"version {delta.resource_version} came after {version}")
            version = delta.resource_version if version else 0

    def _check_old(self, delta: vi.Added | vi.Updated) -> None:
        known = self.replayed.get(delta.domain.uuid)
        old = delta.old if isinstance(delta, vi.Updated) else None
        if known != old:
            self._complain(f"the old of {delta.domain} is not what was given last")

    async def _dawdle(self) -> None:
        async for _ in self._slow:
            await asyncio.sleep(SLOW_SECONDS)

    async def _overhear(self) -> None:
        version = 0
        async for event in self._listener:
            if event.resource_version <= version:
                self._complain(f"event {event.resource_version} came after {version}")
            version = event.resource_version

    async def _visit(self) -> None:
        """Come, listen a little, and go: politely, or without a word."""
        while True:
            stream = self._informer.watch()
            await self._read_until_synced(stream)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(VISIT_SECONDS):
                    for _ in range(10):
                        await anext(stream)
            if self._random.random() < 0.5:
                await stream.aclose()
            del stream
            await asyncio.sleep(0)

    async def _read_until_synced(self, stream: vi.DeltaStream) -> None:
        async for delta in stream:
            if isinstance(delta, vi.Synced):
                return

    # ------------------------------------------------------------------ questions

    async def _ask(self) -> None:
        questions = (self._refresh, self._informer.sync, self._wait)
        while True:
            for question in questions:
                # While the daemon is away nobody can answer.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(ASK_SECONDS):
                        await question()
                await asyncio.sleep(ASK_SECONDS)

    def _somebody(self) -> UUID:
        return self._random.choice(
            [domain.uuid for domain in self._informer.list()] or [UUID(int=0)]
        )

    async def _refresh(self) -> None:
        await self._informer.refresh(self._somebody())

    async def _wait(self) -> None:
        await self._informer.wait_for(self._somebody(), lambda domain: domain.active)

    # ------------------------------------------------------------------ handlers

    async def on_add(self, domain: vi.Domain, *, initial: bool) -> None:
        """A handler that waits."""
        await asyncio.sleep(0)

    def on_update(self, old: vi.Domain, new: vi.Domain) -> None:
        """A handler that checks."""
        if new.resource_version <= old.resource_version:
            self._complain(f"{new} is not newer than {old}")

    def on_delete(self, domain: vi.Domain) -> None:
        """A handler that does nothing."""

    def _clumsy(self, event: vi.DomainEvent) -> None:
        self._handled += 1
        if self._handled % CLUMSY_EVERY == 0:
            raise RuntimeError("a handler that fails now and then")

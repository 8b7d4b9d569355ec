"""All promises at once, on hundreds of made-up worlds.

A world is a seed: several writers change a host that lies in every way it can,
whose daemon dies and hangs, while fast, slow, stuck, late and picky subscribers
watch and callers ask. Then the host becomes honest, a round of resync passes,
and everybody must agree with the truth.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from itertools import pairwise
from random import Random
from typing import Any, Final
from uuid import UUID

import pytest

import virtinformer as vi
from tests.guarantees.witness import (
    Walk,
    Witness,
    deltas_of,
    expect_truth,
    now,
    place_of,
    replay,
)
from virtinformer.testing import FakeHost, Faults, run

SEEDS: Final = 300
EACH: Final = 10
RESYNC: Final = 5.0
PATIENCE: Final = 100.0
"""Seconds in which everything that backs off has tried again."""


def faults(random: Random) -> Faults:
    """Some lies: each kind told in a third of all cases."""

    def chance(most: float) -> float:
        return random.uniform(0, most) if random.random() < 1 / 3 else 0.0

    def span(most: float) -> tuple[float, float]:
        return (0.0, chance(most))

    return Faults(
        event_loss=chance(0.3),
        event_delay=span(0.2),
        event_duplicate=chance(0.3),
        event_reorder=chance(0.5),
        reorder_delay=span(0.3),
        read_delay=span(0.1),
        read_failure=chance(0.3),
        read_tear=chance(0.3),
        lookup_lag=span(0.1),
        list_delay=span(0.5),
        list_failure=chance(0.4),
        list_truncation=chance(0.5),
        connect_failure=chance(0.5),
        connection_loss=chance(0.02),
        late_answer=chance(1.0),
    )


class Lives:
    """Which life of which domain had which names, and when it ended: by the truth.

    No name is ever used twice, so that a name tells the life.
    """

    def __init__(self, host: FakeHost) -> None:
        self._host = host
        self._current: dict[UUID, int] = {}
        self._of_name: dict[str, int] = {}
        self._ended: dict[int, float] = {}

    def note(self, uuid: UUID) -> None:
        """Look at one domain just after something was done to it."""
        truth = self._host.truth(uuid)
        if truth is not None:
            life = self._current.setdefault(uuid, len(self._of_name))
            self._of_name.setdefault(truth.name, life)
        elif uuid in self._current:
            self._ended[self._current.pop(uuid)] = now()

    def ended(self, name: str, by: float) -> bool:
        """Whether the life in which a domain had this name was over at that time."""
        return self._ended.get(self._of_name[name], float("inf")) <= by


class World:
    """One simulation.

    Args:
        seed: decides everything.
    """

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.host = FakeHost(
            seed=seed, keepalive=self.random.choice([0.5, 3.0]), eager_reads=bool(seed % 2)
        )
        self.uuids = [UUID(int=number + 1) for number in range(self.random.randint(1, 5))]
        self.lives = Lives(self.host)
        self.witnesses: list[Witness[Any]] = []
        self.picky: list[Witness[Any]] = []
        self.partial: list[tuple[vi.Snapshot, Witness[Any]]] = []
        self.called: dict[UUID, vi.Domain] = {}

    # ------------------------------------------------------------ what happens

    def operate(self) -> None:
        """Do something to some domain that is possible now."""
        uuid = self.random.choice(self.uuids)
        self.random.choice(self._possible(uuid))()
        self.lives.note(uuid)

    def _possible(self, uuid: UUID) -> list[Callable[[], object]]:
        host, name = self.host, f"d{uuid.int}-{self.random.randrange(10**9)}"
        truth = host.truth(uuid)
        if truth is None:
            return [
                lambda: host.define(name, uuid=uuid),
                lambda: host.create_transient(name, uuid=uuid, paused=self.random.random() < 0.3),
            ]
        possible: list[Callable[[], object]] = [
            lambda: host.set_metadata(uuid, name) if "<description>" not in truth.xml else None,
            lambda: host.set_memory(uuid, self.random.randrange(1, 10**6)),
            lambda: host.define(truth.name, uuid=uuid, memory=self.random.randrange(1, 10**6)),
        ]
        if truth.persistent:
            possible.append(lambda: host.undefine(uuid))
            possible.append(lambda: host.set_autostart(uuid, not truth.autostart))
        if truth.id < 0:
            possible += [lambda: host.start(uuid), lambda: host.start(uuid, paused=True)]
            return [*possible, lambda: host.rename(uuid, name)]
        possible += [lambda: host.destroy(uuid), lambda: host.reset(uuid)]
        if truth.state is vi.DomainState.RUNNING:
            possible += [lambda: host.suspend(uuid), lambda: host.shutdown(uuid)]
            possible += [lambda: host.pmsuspend(uuid), lambda: host.crash(uuid)]
            possible += [lambda: host.managed_save(uuid)] if truth.persistent else []
        if truth.state is vi.DomainState.PAUSED:
            possible.append(lambda: host.resume(uuid))
        if truth.state is vi.DomainState.PMSUSPENDED:
            possible.append(lambda: host.wakeup(uuid))
        return possible

    async def write(self) -> None:
        """One of several who change the host."""
        for _ in range(self.random.randint(5, 30)):
            self.operate()
            await asyncio.sleep(self.random.choice([0.0, 0.001, 0.01, 0.1, 1.0]))

    async def trouble(self) -> None:
        """Lies of all kinds, and a daemon that comes and goes."""
        for _ in range(8):
            self.host.faults = faults(self.random)
            act = self.random.choice([None, None, self._kill, self._hang, self._restart])
            if act is not None:
                await act()
            await asyncio.sleep(self.random.uniform(0, 2))

    async def _kill(self) -> None:
        self.host.disconnect()
        await asyncio.sleep(self.random.uniform(0, 3))
        self.host.restart()

    async def _hang(self) -> None:
        self.host.hang()
        await asyncio.sleep(self.random.uniform(0, 5))
        self.host.unhang()

    async def _restart(self) -> None:
        self.host.restart()

    # ------------------------------------------------------------ who looks

    async def ask(self, informer: vi.DomainInformer) -> None:
        """One who asks for what is true now, and gets at least that."""
        for _ in range(5):
            await asyncio.sleep(self.random.uniform(0, 3))
            uuid = self.random.choice(self.uuids)
            try:
                async with asyncio.timeout(self.random.choice([0.1, 5.0])):
                    match self.random.randrange(3):
                        case 0:
                            await informer.refresh(uuid)
                        case 1:
                            assert await informer.sync() <= informer.resource_version
                        case _:
                            await informer.wait_for(uuid, lambda domain: domain.active)
            except (TimeoutError, vi.ReadError):
                continue

    async def come_late(self, informer: vi.DomainInformer, stack: list[Witness[Any]]) -> None:
        """Subscribers that come when much has happened, from the start or from a version."""
        for pace in (0.0, 0.3):
            await asyncio.sleep(self.random.uniform(0, 8))
            stack.append(Witness(informer.watch(), pace=pace))
            self.witnesses.append(await stack[-1].__aenter__())
            known = informer.snapshot()
            await asyncio.sleep(self.random.uniform(0, 3))
            since = Witness(informer.watch(since=known.resource_version), pace=pace)
            stack.append(since)
            self.partial.append((known, await since.__aenter__()))

    def handle(self, informer: vi.DomainInformer) -> None:
        """A handler that keeps a view of its own."""
        world = self

        class Keeps:
            async def on_add(self, domain: vi.Domain) -> None:
                assert domain.uuid not in world.called
                world.called[domain.uuid] = domain
                await asyncio.sleep(0.01)

            def on_update(self, old: vi.Domain, new: vi.Domain) -> None:
                assert world.called[new.uuid] == old
                world.called[new.uuid] = new

            def on_delete(self, domain: vi.Domain) -> None:
                del world.called[domain.uuid]

        class Sulks:
            async def on_event(self, event: vi.DomainEvent) -> None:
                await asyncio.sleep(1e9)

        informer.add_event_handler(Keeps())
        informer.add_event_handler(Sulks())

    # ------------------------------------------------------------ all together

    async def live(self) -> None:
        for _ in range(5):
            self.operate()
        async with self.host.connect(resync_period=RESYNC) as informer:
            begun = informer.snapshot()
            stuck = informer.watch()
            events = Witness(informer.events())
            self.witnesses += [Witness(informer.watch(), pace=p) for p in (0.0, 0.2)]
            self.picky = [Witness(informer.watch(where=lambda d: d.active), pace=0.05)]
            first = self.witnesses[0]
            stack = [events, *self.witnesses, *self.picky]
            for witness in stack.copy():
                await witness.__aenter__()
            self.handle(informer)
            writers = [self.write() for _ in range(3)]
            asking = [self.ask(informer) for _ in range(2)]
            await asyncio.gather(*writers, *asking, self.trouble(), self.come_late(informer, stack))
            await self.calm_down(informer)
            for witness in stack:
                await witness.__aexit__(None, None, None)
            self.check(informer, [item async for item in drained(stuck)])
            self.check_events(informer, begun, events.seen)
            self.check_deletions(first)

    async def calm_down(self, informer: vi.DomainInformer) -> None:
        self.host.faults = Faults()
        await asyncio.sleep(PATIENCE)
        assert informer.health.synced

    def check(self, informer: vi.DomainInformer, stuck: Iterable[object]) -> None:
        view = informer.snapshot()
        expect_truth(view, self.host)
        for witness in self.witnesses:
            assert replay(witness.seen) == view
        assert replay(stuck) == view
        for known, witness in self.partial:
            assert replay_after(known, witness.seen) == view
        for witness in self.picky:
            assert replay_picky(witness.seen) == {u: d for u, d in view.items() if d.active}
        assert self.called == view
        assert informer.statistics().handler_errors == 0

    def check_events(
        self, informer: vi.DomainInformer, begun: vi.Snapshot, events: list[vi.DomainEvent]
    ) -> None:
        versions = [event.resource_version for event in events]
        assert all(before < after for before, after in pairwise(versions))
        walk = Walk(begun)
        walk.follow(events)
        for uuid in self.uuids:
            assert walk.place(uuid) == place_of(self.host.truth(uuid))

    def check_deletions(self, witness: Witness[Any]) -> None:
        """A domain is deleted only if the one that was added did come to its end since."""
        added: dict[UUID, str] = {}
        for time, delta in zip(witness.times, witness.seen, strict=True):
            if isinstance(delta, vi.Added):
                added[delta.domain.uuid] = delta.domain.name
            if isinstance(delta, vi.Deleted):
                name = added[delta.domain.uuid]
                assert self.lives.ended(name, by=time), f"{name} is still there: {delta}"


def replay_after(known: vi.Snapshot, seen: Iterable[object]) -> dict[UUID, vi.Domain]:
    return replay([item for item in seen if not isinstance(item, vi.Synced)], known)


def replay_picky(seen: Iterable[object]) -> dict[UUID, vi.Domain]:
    """The view of one with a predicate: content matters, `old` may be what it was not given."""
    view: dict[UUID, vi.Domain] = {}
    for delta in deltas_of(seen):
        uuid = delta.domain.uuid
        assert isinstance(delta, vi.Added) == (uuid not in view), delta
        if isinstance(delta, vi.Deleted):
            del view[uuid]
        else:
            assert delta.domain.active
            view[uuid] = delta.domain
    return view


async def drained(stream: vi.DeltaStream) -> Any:
    while len(stream):
        yield await anext(stream)


@pytest.mark.parametrize("first", range(0, SEEDS, EACH))
def test_everybody_agrees_with_the_truth_in_the_end(
    first: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    for seed in range(first, first + EACH):
        world = World(seed)
        try:
            run(world.live())
            assert caplog.records == []
        except BaseException:
            print(f"seed {seed}", *world.host.log[-60:], sep="\n")  # noqa: T201
            raise

"""What one informer tells, from the first word to the last, and whether it can be believed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import virtinformer as vi
from tests.core.lifecheck import Walk, places_of
from tests.live.hands import eventually, read_host, record_of

__all__ = ["Diary", "types_of"]

Told = vi.Added | vi.Updated | vi.Deleted | vi.Synced


class Diary:
    """Writes down all deltas and all events of an informer, and checks each as it comes.

    Attributes:
        deltas: those after the first `Synced`.
        events: all.
        replayed: the store, made again from the deltas alone.
    """

    def __init__(self, informer: vi.DomainInformer) -> None:
        self.deltas: list[vi.Added | vi.Updated | vi.Deleted] = []
        self.events: list[vi.DomainEvent] = []
        self.replayed: dict[UUID, vi.Domain] = {}
        self._informer = informer
        self._began = informer.snapshot()
        self._walks = {uuid: Walk(places_of(it)) for uuid, it in self._began.items()}
        self._synced = False
        self._version = 0
        self._versions: dict[UUID, int] = {}
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._watch, self._listen = self._informer.watch(), self._informer.events()
        self._tasks = [
            asyncio.create_task(self._write(self._watch, self._delta)),
            asyncio.create_task(self._write(self._listen, self._event)),
        ]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if error is None:
            self._no_faults()

    # ------------------------------------------------------------------ to look at

    def deltas_of(self, uuid: UUID) -> list[vi.Added | vi.Updated | vi.Deleted]:
        return [delta for delta in self.deltas if delta.domain.uuid == uuid]

    def events_of(self, uuid: UUID) -> list[vi.DomainEvent]:
        return [event for event in self.events if event.domain_id == uuid]

    def walk_of(self, uuid: UUID) -> list[str]:
        """The words of the life-cycle events; those that libvirt never sent have a star."""
        return self._walks[uuid].told if uuid in self._walks else []

    async def until(self, holds: Callable[[], object], what: str, seconds: float = 30.0) -> None:
        """Wait until something holds that depends on what was told."""
        try:
            async with asyncio.timeout(seconds):
                while not holds():
                    self._no_faults()
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            told = self._walks_told()
            raise AssertionError(f"after {seconds:g} s still not: {what}; told {told}") from None

    async def until_told(self, uuid: UUID, *types: str) -> None:
        """Wait until the life-cycle events of a domain end so."""
        await self.until(
            lambda: types_of(self.events_of(uuid))[-len(types) :] == list(types),
            f"{uuid} was told {types}",
        )

    async def rest(self) -> None:
        """Wait until all that happened on the host was told, and check that it fits together."""
        await self._informer.sync()
        await eventually(self._is_at_rest, "all was told")
        self._no_faults()
        assert self.replayed == dict(self._informer.snapshot())

    async def rest_as(self, uri: str) -> None:
        """The same, and the store equals the host, field by field."""
        await self.rest()
        truth = await asyncio.to_thread(read_host, uri)
        known = {domain.uuid: record_of(domain) for domain in self._informer.list()}
        wrong = [
            (str(uuid), field, known.get(uuid, {}).get(field), truth.get(uuid, {}).get(field))
            for uuid in known.keys() | truth.keys()
            for field in (known.get(uuid) or truth[uuid])
            if known.get(uuid, {}).get(field) != truth.get(uuid, {}).get(field)
        ]
        assert not wrong, f"known and true differ: {wrong}; told {self._walks_told()}"

    # ------------------------------------------------------------------ the checks

    def _walks_told(self) -> dict[str, list[str]]:
        return {str(uuid): walk.told[-12:] for uuid, walk in self._walks.items()}

    def _is_at_rest(self) -> bool:
        self._no_faults()
        known = self._informer.snapshot()
        return (
            not (len(self._watch) or len(self._listen))
            and all(walk.agrees(known.get(uuid)) for uuid, walk in self._walks.items())
            and all(domain.settled for domain in known.values())
        )

    def _no_faults(self) -> None:
        for task in self._tasks:
            if task.done() and not task.cancelled():
                task.result()

    async def _write(self, stream: Any, check: Callable[[Any], None]) -> None:
        async for item in stream:
            self._news.set()
            check(item)

    def _delta(self, told: Told) -> None:
        if isinstance(told, vi.Synced):
            assert self.replayed == dict(self._began)
            assert told.resource_version == self._began.resource_version
            self._synced, self._version = True, told.resource_version
            return
        domain = told.domain
        assert domain.resource_version == told.resource_version
        _is_whole(domain)
        self._replay(told)
        if not self._synced:
            assert told.source is vi.DeltaSource.INITIAL
            assert not told.events
            return
        # Of its own domain: a delta that waited while others were told holds older events.
        last = self._versions.get(domain.uuid, self._began.resource_version)
        versions = [last, *(event.resource_version for event in told.events)]
        assert versions == sorted(set(versions)), f"{versions} do not increase"
        assert max(versions) <= told.resource_version > self._version
        self._version = self._versions[domain.uuid] = told.resource_version
        self.deltas.append(told)

    def _replay(self, told: vi.Added | vi.Updated | vi.Deleted) -> None:
        domain, known = told.domain, self.replayed.get(told.domain.uuid)
        match told:
            case vi.Added():
                assert known is None, f"{domain} was added twice"
                self.replayed[domain.uuid] = domain
            case vi.Updated(old=old):
                assert old == known, f"{old} is not what was told last: {known}"
                assert domain.generation >= old.generation
                if domain.config_xml != old.config_xml:
                    assert domain.generation > old.generation
                assert domain.incarnation == old.incarnation
                self.replayed[domain.uuid] = domain
            case vi.Deleted():
                assert known is not None, f"{domain} was deleted and had never been there"
                assert domain.incarnation == known.incarnation
                del self.replayed[domain.uuid]

    def _event(self, event: vi.DomainEvent) -> None:
        last = self.events[-1].resource_version if self.events else self._began.resource_version
        assert event.resource_version > last, f"{event} is not newer than the one before"
        # By the time it is read, the state that goes with it can be read as well.
        assert event.resource_version <= self._informer.resource_version
        assert event.domain.uuid == event.domain_id
        _is_whole(event.domain)
        self.events.append(event)
        self._walks.setdefault(event.domain_id, Walk()).step(event)


def types_of(events: Iterable[vi.DomainEvent]) -> list[str]:
    return [event.type for event in events]


def _is_whole(domain: vi.Domain) -> None:
    """Everything that is said of a domain can have been true at one moment."""
    if not domain.settled:
        return
    root = domain.element
    assert root.findtext("name") == domain.name
    assert root.findtext("uuid") == str(domain.uuid)
    assert int(root.get("id", "-1")) == domain.id, f"{domain} has the XML of another run"
    assert (domain.state is not vi.DomainState.SHUTOFF) is domain.active, domain
    assert (domain.config_xml is not None) is domain.persistent, domain

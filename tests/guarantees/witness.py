"""What a subscriber sees, written down, and whether it makes sense.

Everything here judges by what a user can see and by the truth of the made-up
host; it shares no code with what it judges.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar
from uuid import UUID

import virtinformer as vi
from tests.guarantees.contract.lifemap import NOWHERE, Place, place_of, settled, step
from virtinformer.testing import FakeHost

__all__ = [
    "FIELDS",
    "Walk",
    "Witness",
    "content",
    "deltas_of",
    "expect_truth",
    "now",
    "place_of",
    "replay",
    "requests",
    "types",
]

T = TypeVar("T")
Delta = vi.Added | vi.Updated | vi.Deleted

FIELDS: Final = ("name", "id", "state", "reason", "persistent", "autostart", "xml", "config_xml")
"""What there is to know of a domain."""


class Witness(Generic[T]):
    """Reads a stream in a task of its own, and writes down what it is given and when.

    Args:
        stream: what is read.
        pace: seconds of thought after each item.
    """

    def __init__(self, stream: AsyncIterator[T], *, pace: float = 0.0) -> None:
        self.seen: list[T] = []
        self.times: list[float] = []
        self._stream = stream
        self._pace = pace
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        if error is None and not self._task.cancelled():
            self._task.result()

    async def _read(self) -> None:
        async for item in self._stream:
            self.seen.append(item)
            self.times.append(now())
            self._news.set()
            if self._pace:
                await asyncio.sleep(self._pace)

    async def until(self, holds: Callable[[list[T]], object], within: float = 100.0) -> None:
        """Wait until what was seen fulfils something."""
        async with asyncio.timeout(within):
            while not holds(self.seen):
                self._news.clear()
                await self._news.wait()


def now() -> float:
    """The time of the loop, in seconds."""
    return asyncio.get_running_loop().time()


def content(domain: object) -> dict[str, Any]:
    """What is known of a domain, or what is true of it: comparable."""
    return {name: getattr(domain, name) for name in FIELDS}


def expect_truth(view: Mapping[UUID, vi.Domain], host: FakeHost) -> None:
    """Every domain of the host is there, whole, and no other."""
    seen = {uuid: content(domain) for uuid, domain in view.items()}
    assert seen == {uuid: content(truth) for uuid, truth in host.domains.items()}
    assert all(domain.settled for domain in view.values())


def deltas_of(seen: Iterable[object], uuid: UUID | None = None) -> list[Delta]:
    """The deltas among what was seen, of one domain or all."""
    deltas = [item for item in seen if isinstance(item, Delta)]
    return [delta for delta in deltas if uuid in (None, delta.domain.uuid)]


def types(events: Iterable[vi.DomainEvent], uuid: UUID | None = None) -> list[str]:
    """The words for events, of one domain or all; an inferred one in parentheses."""
    return [
        f"({event.type})" if event.inferred else event.type
        for event in events
        if uuid in (None, event.domain_id)
    ]


def requests(host: FakeHost, kind: str) -> list[float]:
    """The times at which a host was asked something."""
    return [e.time for e in host.log if e.action == "request" and e.text.startswith(f"{kind} ")]


def replay(
    seen: Iterable[object], known: Mapping[UUID, vi.Domain] | None = None
) -> dict[UUID, vi.Domain]:
    """The view of one who did what it was told, from what it knew before.

    Each delta fits the one before: what is added was not there, `old` is what
    was given last, and after `Synced` versions only grow.
    """
    view = dict(known or {})
    version, synced = 0, known is not None
    for item in seen:
        if isinstance(item, vi.Synced):
            assert not synced, "synced twice"
            assert item.resource_version >= version
            version, synced = item.resource_version, True
            continue
        assert isinstance(item, Delta)
        assert not synced or item.resource_version > version
        version = max(version, item.resource_version)
        _follow(view, item)
    return view


def _follow(view: dict[UUID, vi.Domain], delta: Delta) -> None:
    uuid = delta.domain.uuid
    match delta:
        case vi.Added(domain=domain):
            assert uuid not in view, f"added twice: {delta}"
            view[uuid] = domain
        case vi.Updated(old=old, domain=domain):
            assert view[uuid] == old, f"old is not what was given last: {delta}"
            assert old.incarnation == domain.incarnation
            assert old.resource_version < domain.resource_version
            view[uuid] = domain
        case vi.Deleted():
            assert uuid in view, f"deleted and never added: {delta}"
            del view[uuid]


class Walk:
    """Follows the life-cycle events of each domain, and fails where a step is not possible."""

    def __init__(self, known: Mapping[UUID, vi.Domain] | None = None) -> None:
        self._places = {uuid: place_of(domain) for uuid, domain in (known or {}).items()}
        self._told: dict[UUID, list[str]] = {}

    def follow(self, events: Iterable[vi.DomainEvent]) -> None:
        """Take these steps."""
        for event in events:
            uuid = event.domain_id
            place = self._places.get(uuid, NOWHERE)
            told = self._told.setdefault(uuid, [])
            told.append(f"{event.type}{'*' * event.inferred} v{event.resource_version}")
            after = step(place, event.type)
            assert after is not None, f"{event.domain_name} {told} does not go on from {place}"
            self._places[uuid] = after

    def place(self, uuid: UUID) -> Place:
        """Where the steps of a domain have led; ``("off", False)`` is nowhere."""
        return settled(self._places.get(uuid, NOWHERE))

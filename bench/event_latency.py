"""From libvirt's callback to the whole domain in a consumer's hands, on real QEMU.

Metadata changes, suspends and resumes of a running domain, one at a time. Against the floor:
a bare thread that is handed the domain by the callback, makes the same reads at once and does
nothing else. Which reads those are is not written down here: before the first round it is
looked at what the library calls for each kind of event, and the floor does that (but for
looking the domain up, since it has it in its hands).

Ours and the floor each run in a process of their own and hear of the same kind of events in
turns; what makes the events is a third one. Whose turn it is not has no connection: it would
hear of the events, too, and its reads of the domain would wait for the other's and the other's
for its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterator,
    Mapping,
    Sequence,
)
from typing import Any

import libvirt

import virtinformer as vi
from bench.result import Result, percentile
from bench.rounds import interleave
from bench.setting import Setting
from bench.worker import Worker, workers
from tests.daemons import domain_xml
from virtinformer._libvirt import eventloop

__all__ = [
    "BEGIN",
    "END",
    "EVENT",
    "KINDS",
    "PATIENCE",
    "Call",
    "Latencies",
    "deregister",
    "disturb",
    "floor",
    "guest",
    "informer",
    "measure",
    "reads_of_ours",
    "register",
    "replay",
    "rows",
    "run",
    "told",
]

EVENTS, QUICK_EVENTS = 200, 24
PAUSE = 0.005
PATIENCE = 20.0
TARGETS = {50: 1.25, 99: 1.5}

Call = tuple[str, Sequence[Any]]
Latencies = list[float]
KINDS = (libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, libvirt.VIR_DOMAIN_EVENT_ID_METADATA_CHANGE)
BEGIN, EVENT, END = "begin", "event", "end"
"""What a contender is asked: to connect, for the latency of the next event, to disconnect."""
_METADATA, _SUSPENDED, _RESUMED = "MetadataChange", "Suspended", "Resumed"
_READS = ("XMLDesc", "autostart", "info", "isActive", "isPersistent", "isUpdated", "state")


async def run(setting: Setting) -> list[Result]:
    uri = (await setting.host()).uri
    with guest(uri) as domain:
        reads = await asyncio.to_thread(asyncio.run, reads_of_ours(uri, domain))
        async with workers(
            Worker("bench.event_latency:informer", uri),
            Worker("bench.event_latency:floor", uri, reads),
        ) as (ours, bare):
            found, least = await measure(setting, domain, ours, bare)
    return rows("event_latency", "bare thread", TARGETS, found, least)


def rows(
    name: str,
    peer: str,
    targets: Mapping[int, float],
    ours: Sequence[Latencies],
    other: Sequence[Latencies],
) -> list[Result]:
    """A result for each percentile that has a target, the median first."""
    return [
        Result(
            name if percent == 50 else f"{name}:p{percent}",
            peer,
            f"µs, p{percent}",
            target,
            [percentile(latencies, percent) for latencies in ours],
            [percentile(latencies, percent) for latencies in other],
        )
        for percent, target in targets.items()
    ]


# ---------------------------------------------------------------- who makes the events


@contextlib.contextmanager
def guest(uri: str) -> Iterator[libvirt.virDomain]:
    """A running domain that is defined, too."""
    with contextlib.closing(libvirt.open(uri)) as connection:
        domain = connection.defineXML(domain_xml("guest"))
        domain.create()
        try:
            yield domain
        finally:
            domain.destroy()
            domain.undefine()


async def measure(
    setting: Setting, domain: libvirt.virDomain, *contenders: Worker
) -> list[list[Latencies]]:
    """Let each hear of events in turn; its latencies in µs, by round."""
    events = setting.either(EVENTS, QUICK_EVENTS)

    def asking(worker: Worker) -> Callable[[], Awaitable[Latencies]]:
        async def ask() -> Latencies:
            latencies = []
            await worker.ask(BEGIN)
            for number in range(events):
                await asyncio.to_thread(disturb, domain, number)
                latencies.append(1e6 * float(await worker.ask(EVENT)))
            await worker.ask(END)
            return latencies

        return ask

    return await interleave(setting.rounds, *map(asking, contenders))


def disturb(domain: libvirt.virDomain, number: int) -> None:
    """Make one event, and leave whom it concerns in peace for a moment."""
    match number % 4:
        case 1:
            domain.suspend()
        case 3:
            domain.resume()
        case _:
            describe(domain, f"event {number}")
    time.sleep(PAUSE)


def describe(domain: libvirt.virDomain, text: str) -> None:
    """Change the description; libvirt wants neither a key nor a URI for it."""
    nothing: Any = None
    flags = libvirt.VIR_DOMAIN_AFFECT_CURRENT
    domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_DESCRIPTION, text, nothing, nothing, flags)


# ---------------------------------------------------------------- ours


async def informer(uri: str) -> AsyncGenerator[float | None, str]:
    """The contender: the latency of each event in turn, as a consumer of deltas sees it."""
    request = yield None
    while request == BEGIN:
        async with (
            vi.connect(uri, resync_period=None) as host,
            host.watch(initial=False) as deltas,
            _taken(deltas) as latencies,
        ):
            request = yield None
            while request == EVENT:
                request = yield await asyncio.wait_for(latencies.get(), PATIENCE)
        request = yield None


@contextlib.asynccontextmanager
async def _taken(deltas: vi.DeltaStream) -> AsyncIterator[asyncio.Queue[float]]:
    latencies: asyncio.Queue[float] = asyncio.Queue()

    async def take() -> None:
        async for delta in deltas:
            now = time.time()
            assert not isinstance(delta, vi.Synced)
            for event in delta.events:
                latencies.put_nowait(now - event.timestamp.timestamp())

    taking = asyncio.create_task(take())
    try:
        yield latencies
    finally:
        taking.cancel()
        await asyncio.wait([taking])


# ---------------------------------------------------------------- the floor


async def floor(uri: str, reads: dict[str, list[Call]]) -> AsyncGenerator[float | None, str]:
    """The contender: the same reads in a bare thread, right after the callback."""
    eventloop.ensure_running()
    heard: queue.SimpleQueue[tuple[float, libvirt.virDomain, str]] = queue.SimpleQueue()
    read: queue.SimpleQueue[float] = queue.SimpleQueue()

    def bare_thread() -> None:
        while True:
            began, domain, kind = heard.get()
            replay(domain, reads[kind])
            read.put(time.time() - began)

    def callback(_host: object, domain: libvirt.virDomain, *args: Any) -> None:
        heard.put((time.time(), domain, told(args)))

    threading.Thread(target=bare_thread, daemon=True).start()
    request = yield None
    while request == BEGIN:
        with contextlib.closing(libvirt.open(uri)) as connection:
            numbers = register(connection, callback)
            request = yield None
            while request == EVENT:
                request = yield await asyncio.to_thread(read.get, True, PATIENCE)
            deregister(connection, numbers)
        request = yield None


def register(connection: libvirt.virConnect, callback: Callable[..., None]) -> list[int]:
    """Have it called for the kinds of events that are made here."""
    return [connection.domainEventRegisterAny(None, kind, callback, None) for kind in KINDS]


def deregister(connection: libvirt.virConnect, numbers: list[int]) -> None:
    """Have nothing called any more."""
    for number in numbers:
        connection.domainEventDeregisterAny(number)


def told(args: Sequence[Any]) -> str:
    """The type of event, by what its callback was given after the domain."""
    if args[0] == libvirt.VIR_DOMAIN_EVENT_SUSPENDED and isinstance(args[1], int):
        return _SUSPENDED
    if args[0] == libvirt.VIR_DOMAIN_EVENT_RESUMED and isinstance(args[1], int):
        return _RESUMED
    return _METADATA


def replay(domain: libvirt.virDomain, reads: Sequence[Call]) -> None:
    """Read what the library reads."""
    for name, args in reads:
        getattr(domain, name)(*args)


# ---------------------------------------------------------------- what ours reads


async def reads_of_ours(uri: str, domain: libvirt.virDomain) -> dict[str, list[Call]]:
    """What the library asks of a domain after each type of event, at least."""
    shortest: dict[str, list[Call]] = {}
    async with (
        vi.connect(uri, resync_period=None) as host,
        host.watch(initial=False) as deltas,
        _recorded() as calls,
    ):
        for number in range(12):
            calls.clear()
            await asyncio.to_thread(disturb, domain, number)
            kind = await _next_type(deltas)
            if kind not in shortest or len(calls) < len(shortest[kind]):
                shortest[kind] = calls.copy()
    return shortest


async def _next_type(deltas: vi.DeltaStream) -> str:
    async for delta in deltas:
        if not isinstance(delta, vi.Synced) and delta.events:
            await asyncio.sleep(0.05)  # a read more may be on its way
            return delta.events[-1].type
    raise AssertionError("the stream has ended")


@contextlib.asynccontextmanager
async def _recorded() -> AsyncIterator[list[Call]]:
    calls: list[Call] = []

    def recording(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def called(domain: libvirt.virDomain, *args: Any) -> Any:
            calls.append((name, args))
            return original(domain, *args)

        return called

    originals = {name: getattr(libvirt.virDomain, name) for name in _READS}
    for name, original in originals.items():
        setattr(libvirt.virDomain, name, recording(name, original))
    try:
        yield calls
    finally:
        for name, original in originals.items():
            setattr(libvirt.virDomain, name, original)

"""The informer: performs what the reflector decides and fans out what it delivers.

Everything here happens on one event loop and nothing waits: the source posts
inputs, the reflector turns them into effects, and the effects are performed at
once. A burst of inputs is worked off a slice at a time, so that other tasks of
the loop run in between.

The way of an event: callback → source → `_post` → reflector (store) → `_deliver`
→ queue → subscriber.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random as random_module
import weakref
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence, Sized
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from uuid import UUID

import anyio
import attrs

from ._core.fifo import DeltaFifo, EventFifo, Predicate
from ._core.messages import (
    Cancel,
    Connected,
    ConnectFailed,
    Deliver,
    Disconnected,
    Effect,
    Input,
    ListFailed,
    Observed,
    ReadFailed,
    Reject,
    Require,
    Resolve,
    Start,
    Tick,
)
from ._core.model import Added, Change, Domain, Updated
from ._core.barriers import FIRST_SYNC
from ._core.reflector import Reflector
from ._core.store import Indexer, Lister, Snapshot, Store
from .exceptions import ConnectError, EventLoopError, NotSynced, ReadError, VersionExpired
from .handlers import Calls, Registration, calls_of, guarded
from .health import Health, Statistics
from .source import Source
from .streams import DeltaStream, EventStream, Stream, require_loop

__all__ = ["DomainInformer"]

logger = logging.getLogger("virtinformer.informer")

SLICE: Final = 64
"""So many inputs are worked off before other tasks of the loop get their turn."""

EVENT_BACKLOG: Final = 16
"""A subscriber may fall behind by so many times the history before it loses events."""

F = TypeVar("F", bound=Callable[..., Any])


class DomainInformer:
    """A versioned, consistent view of all domains of one host, kept current.

    Promise: the view converges to the host, never goes back in the order a
    reader sees, and carries one strictly increasing version. It is served from
    memory: the reads neither block nor await.

    Use it with ``async with``; inside, it is synced. Leaving closes everything.

    Args:
        source: the host; `virtinformer.connect` makes one from a URI.
        resync_period: seconds in which every domain is read again; ``None`` for never.
        reorder_window: seconds for which an event may wait for its predecessor.
        indexers: name → function that names the values to find a domain by.
        transform: applied to every domain before it is stored, for example to
            drop the XML; must return a `Domain` of the same UUID.
        history: how many changes are kept for ``since=``.
        connect_timeout: seconds to wait for a host that is not up yet.
        random: gives numbers from 0.0 up to 1.0, for jitter.
    """

    def __init__(
        self,
        source: Source,
        *,
        resync_period: float | None = 60.0,
        reorder_window: float = 0.1,
        indexers: Mapping[str, Indexer] | None = None,
        transform: Callable[[Domain], Domain] | None = None,
        history: int = 1024,
        connect_timeout: float = 30.0,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        _require(resync_period is None or resync_period > 0, "resync_period", "above 0, or None")
        _require(reorder_window >= 0, "reorder_window", "0 or more")
        _require(history >= 0, "history", "0 or more")
        _require(connect_timeout > 0, "connect_timeout", "above 0")
        self._source = source
        self._connect_timeout = connect_timeout
        self._backlog = EVENT_BACKLOG * max(history, 1024)
        self._callable_errors = 0
        self._handler_errors = 0
        guarded_indexers = {
            name: self._guarded_indexer(name, indexer) for name, indexer in (indexers or {}).items()
        }
        self._store = Store(guarded_indexers, history)
        self._lister = Lister(self._store)
        self._reflector = Reflector(
            self._store,
            resync_period=resync_period,
            reorder_window=reorder_window,
            transform=self._guarded_transform(transform) if transform is not None else None,
            random=random,
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self._inbox: deque[Input] = deque()
        self._working = False
        self._timer: asyncio.TimerHandle | None = None
        self._give_up_at = 0.0
        self._tokens = itertools.count(FIRST_SYNC + 1)
        self._barriers: dict[int, asyncio.Future[None]] = {}
        self._streams: weakref.WeakSet[Stream[Any]] = weakref.WeakSet()
        self._registrations: list[Registration] = []

    def __repr__(self) -> str:
        return f"<DomainInformer of {self._source.name} at version {self._store.resource_version}>"

    # ------------------------------------------------------------------ opening and closing

    async def __aenter__(self) -> Self:
        """Connect, list, and return once the state of the host is known.

        Raises:
            ConnectError: if that cannot be done.
            EventLoopError: if libvirt's event loop belongs to somebody else.
            NotSynced: if this informer was open before.
        """
        if self._loop is not None:
            raise NotSynced("an informer can be opened only once; make a new one with connect()")
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError as error:
            raise EventLoopError(
                "virtinformer needs a running asyncio event loop (asyncio.run, or anyio on asyncio)"
            ) from error
        try:
            await self._open(self._loop)
        except BaseException:
            await self._close()
            raise
        return self

    async def _open(self, loop: asyncio.AbstractEventLoop) -> None:
        synced = self._barriers[FIRST_SYNC] = loop.create_future()
        self._give_up_at = loop.time() + self._connect_timeout
        self._source.start(self._post)
        self._post([Start()])
        patience = loop.call_at(self._give_up_at, self._lose_patience)
        try:
            await synced
        finally:
            patience.cancel()

    def _lose_patience(self) -> None:
        """The time to connect is over: fail, unless all goes well and only takes long."""
        in_trouble = self._reflector.counters.list_errors > 0
        if not self._reflector.connected or in_trouble:
            self._fail_to_open(self._reflector.last_error)

    def _fail_to_open(self, error: Exception | None) -> None:
        synced = self._barriers.get(FIRST_SYNC)
        if synced is None or synced.done():
            return
        if isinstance(error, ConnectError):
            synced.set_exception(error)
            return
        failure = ConnectError(
            f"no answer from {self._source.name} within {self._connect_timeout:g} s: "
            f"{error or 'it accepted the connection and says nothing'}"
        )
        failure.__cause__ = error
        synced.set_exception(failure)

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._inbox.clear()
        for stream in list(self._streams):
            stream.close()
        for future in self._barriers.values():
            if not future.done():
                future.set_exception(NotSynced("the informer was closed meanwhile"))
                # Nobody may be waiting any more; then the exception is no news.
                future.exception()
        with anyio.CancelScope(shield=True):
            for registration in self._registrations:
                await registration.aclose()
            await self._source.aclose()

    # ------------------------------------------------------------------ reads

    def get(self, uuid: UUID) -> Domain | None:
        """The domain with that UUID, or ``None``."""
        self._require_open()
        return self._lister.get(uuid)

    def get_by_name(self, name: str) -> Domain | None:
        """The domain of that name, or ``None``."""
        self._require_open()
        return self._lister.get_by_name(name)

    def list(self, where: Predicate | None = None) -> list[Domain]:
        """All domains for which `where` holds, in no order."""
        self._require_open()
        return self._lister.list(where)

    def by_index(self, index: str, value: Hashable) -> Sequence[Domain]:
        """The domains that an indexer has found under a value, in no order.

        Raises:
            KeyError: if there is no such index.
        """
        self._require_open()
        return self._lister.by_index(index, value)

    def snapshot(self) -> Snapshot:
        """All domains and the version they are the state of, in one read.

        Costs the same at 10 and at 100,000 domains.
        """
        self._require_open()
        return self._lister.snapshot()

    @property
    def resource_version(self) -> int:
        """The version of the state that can be read now."""
        return self._lister.resource_version

    @property
    def health(self) -> Health:
        """Whether the state is current; also while the host is away."""
        reflector = self._reflector
        now = self._loop.time() if self._loop is not None else 0.0
        contact = reflector.last_contact
        silence = now - contact if contact is not None else 0.0
        connected = reflector.connected and not self._closed
        return Health(
            connected=connected,
            synced=reflector.synced and not self._closed,
            epoch=reflector.epoch,
            last_contact=None
            if contact is None
            else datetime.now(UTC) - timedelta(seconds=silence),
            staleness=silence if reflector.waits_for_host or not connected else 0.0,
            last_error=reflector.last_error,
            reconnects=max(0, reflector.connections - 1),
        )

    def statistics(self) -> Statistics:
        """What was counted since the informer was opened, and sizes now."""
        counters = self._reflector.counters
        subscribers: list[Sized] = [*self._streams, *self._open_registrations()]
        return Statistics(
            domains=len(self._store.snapshot()),
            resource_version=self._store.resource_version,
            events_received=counters.events_received,
            events_delivered=counters.events_told,
            events_inferred=counters.events_inferred,
            events_superseded=counters.events_superseded,
            reads=counters.reads,
            reads_raced=counters.reads_raced,
            reads_torn=counters.reads_torn,
            read_errors=counters.read_errors,
            lists=counters.lists,
            list_errors=counters.list_errors,
            deltas=dict(counters.deltas),
            subscribers=len(subscribers),
            queued=sum(len(subscriber) for subscriber in subscribers),
            handler_errors=sum(registration.errors for registration in self._registrations),
            callable_errors=self._callable_errors,
        )

    # ------------------------------------------------------------------ streams

    def watch(
        self,
        *,
        since: int | None = None,
        where: Predicate | None = None,
        initial: bool = True,
    ) -> DeltaStream:
        """Subscribe to deltas, from now on: iterate over the result with ``async for``.

        First comes `Added` for every domain, then `Synced`, then what changes. A
        subscriber that falls behind gets changes of one domain folded into one.

        Args:
            since: instead of all domains, first give what changed after this version.
            where: only domains for which it holds. One that begins to match is
                `Added`, one that ceases to is `Deleted`. What it raises is
                raised where the stream is iterated, and the delta stays.
            initial: ``False`` to leave out what is known already, and `Synced`.

        Raises:
            VersionExpired: if the history does not reach back to `since`.
            NotSynced: if the informer is not open.
        """
        loop = self._require_open()
        fifo = DeltaFifo(where)
        if since is not None:
            fifo.replay(self._changes_after(since), self._store.resource_version)
        elif initial:
            fifo.begin_with(self._store.snapshot())
        stream = DeltaStream(loop, fifo)
        self._streams.add(stream)
        return stream

    def events(self, *, since: int | None = None, where: Predicate | None = None) -> EventStream:
        """Subscribe to events, from now on: iterate over the result with ``async for``.

        Events are not folded. A subscriber that falls behind by many times the
        history gets `VersionExpired` and must list again.

        Args:
            since: first give the events after this version.
            where: only events of domains for which it holds.

        Raises:
            VersionExpired: if the history does not reach back to `since`.
            NotSynced: if the informer is not open.
        """
        loop = self._require_open()
        fifo = EventFifo(self._backlog, where, since or 0)
        if since is not None:
            for change in self._changes_after(since):
                fifo.push(change)
        stream = EventStream(loop, fifo)
        self._streams.add(stream)
        return stream

    def _changes_after(self, version: int) -> Iterable[Change]:
        if version > self._store.resource_version:
            raise VersionExpired(
                f"version {version} has not been yet (now is {self._store.resource_version}); "
                "versions do not outlive the informer they came from: list again"
            )
        if not self._store.history.reaches_back_to(version):
            raise VersionExpired(
                f"the history no longer holds everything after version {version}: list again, "
                "or give connect() a greater history"
            )
        return self._store.history.after(version)

    # ------------------------------------------------------------------ handlers

    def add_event_handler(self, handler: object, *, where: Predicate | None = None) -> Registration:
        """Have the methods of an object called for deltas and events.

        Any of ``on_add(domain, *, initial)``, ``on_update(old, new)``,
        ``on_delete(domain)`` and ``on_event(event)``, plain or async; `initial`
        may be left out. It is called first for everything that is known.

        Args:
            handler: the object.
            where: only domains for which it holds. If it raises, that is logged
                and the domain is delivered.

        Raises:
            TypeError: if the object has none of the methods.
            NotSynced: if the informer is not open.
        """
        return self._register(type(handler).__qualname__, calls_of(handler), where)

    def on_add(self, function: F) -> F:
        """Have a function called for every domain that is or comes: ``f(domain, *, initial)``."""
        return self._decorate("on_add", function)

    def on_update(self, function: F) -> F:
        """Have a function called for every change: ``f(old, new)``."""
        return self._decorate("on_update", function)

    def on_delete(self, function: F) -> F:
        """Have a function called for every domain that goes: ``f(domain)``."""
        return self._decorate("on_delete", function)

    def on_event(self, function: F) -> F:
        """Have a function called for every event: ``f(event)``."""
        return self._decorate("on_event", function)

    def _decorate(self, method: str, function: F) -> F:
        if not callable(function):
            raise TypeError(f"{method} needs a function, not {function!r}")
        handler = type("Handler", (), {method: staticmethod(function)})
        name = getattr(function, "__qualname__", repr(function))
        self._register(name, calls_of(handler), None)
        return function

    def _register(self, name: str, calls: Calls, where: Predicate | None) -> Registration:
        loop = self._require_open()
        require_loop(loop)
        where = guarded(where, lambda domain, error: self._callable_failed(name, domain, error))
        fifo = DeltaFifo(where)
        fifo.begin_with(self._store.snapshot())
        registration = Registration(
            name,
            calls,
            fifo,
            EventFifo(self._backlog, where),
            lambda: EventFifo(self._backlog, where),
        )
        self._registrations.append(registration)
        return registration

    def _open_registrations(self) -> Iterable[Registration]:
        return (registration for registration in self._registrations if not registration.closed)

    # ------------------------------------------------------------------ barriers

    async def refresh(self, uuid: UUID) -> Domain | None:
        """Read one domain again and return it, or ``None`` if there is none.

        What was complete on the host when this was called is reflected when it
        returns. While the host is away it waits; bound it by `asyncio.timeout`.

        Raises:
            ReadError: if the host refuses to say.
            NotSynced: if the informer is not open, or is closed meanwhile.
        """
        if not isinstance(uuid, UUID):
            raise TypeError(f"refresh() takes a uuid.UUID, not {uuid!r}")
        await self._pass_barrier(uuid)
        return self._lister.get(uuid)

    async def sync(self) -> int:
        """Read the whole host again and return the version it is synced at.

        What was complete on the host when this was called is reflected when it
        returns. While the host is away it waits; bound it by `asyncio.timeout`.

        Raises:
            ReadError: if the host refuses to say.
            NotSynced: if the informer is not open, or is closed meanwhile.
        """
        await self._pass_barrier(None)
        return self._lister.resource_version

    async def _pass_barrier(self, uuid: UUID | None) -> None:
        loop = self._require_open()
        require_loop(loop)
        token = next(self._tokens)
        passed = self._barriers[token] = loop.create_future()
        self._post([Require(token, self._source.stamp(), uuid)])
        try:
            await passed
        finally:
            if self._barriers.pop(token, None) is not None and not self._closed:
                self._post([Cancel(token)])

    async def wait_for(self, uuid: UUID, predicate: Predicate) -> Domain:
        """Wait until a domain exists and the predicate holds for it; return it.

        Raises:
            NotSynced: if the informer is not open, or is closed meanwhile.
            Exception: what the predicate raises.
        """
        async with self.watch(initial=False, where=lambda domain: domain.uuid == uuid) as deltas:
            domain = self.get(uuid)
            if domain is not None and predicate(domain):
                return domain
            async for delta in deltas:
                if isinstance(delta, Added | Updated) and predicate(delta.domain):
                    return delta.domain
        raise NotSynced("the informer was closed meanwhile")

    # ------------------------------------------------------------------ the machine room

    def _require_open(self) -> asyncio.AbstractEventLoop:
        if self._closed:
            raise NotSynced("this informer is closed; open a new one with connect()")
        if self._loop is None:
            raise NotSynced("this informer is not open yet; use it inside `async with`")
        return self._loop

    def _post(self, inputs: Iterable[Input]) -> None:
        if self._closed:
            return
        self._inbox.extend(inputs)
        if not self._working:
            self._work()

    def _work(self) -> None:
        """Work off a slice of what came, and come back for the rest."""
        assert self._loop is not None
        self._working = False
        if self._closed:
            return
        inputs = [self._inbox.popleft() for _ in range(min(SLICE, len(self._inbox)))]
        for input_ in inputs:
            self._note(input_)
        self._working = True
        for effect in self._reflector.receive(inputs, self._loop.time()):
            self._perform(effect)
        if self._inbox:
            self._loop.call_soon(self._work)
        else:
            self._working = False
            self._set_timer(self._loop)

    def _set_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._reflector.deadline is not None:
            self._timer = loop.call_at(self._reflector.deadline, self._post, [Tick()])

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Deliver(change=change):
                self._deliver(change)
            case Resolve(token=token):
                self._pass(token, None)
            case Reject(token=token, error=error):
                self._pass(token, error)
            case _:
                self._source.perform(effect)

    def _deliver(self, change: Change) -> None:
        for stream in self._streams:
            stream.push(change)
        for registration in self._open_registrations():
            registration.push(change)

    def _pass(self, token: int, error: Exception | None) -> None:
        future = self._barriers.pop(token, None)
        if future is None or future.done():
            return
        if error is None:
            future.set_result(None)
            return
        failure = ReadError(f"{self._source.name} refuses to say: {error}")
        failure.__cause__ = error
        future.set_exception(failure)

    def _note(self, input_: Input) -> None:
        """Log what a person would want to know, and give up opening where it cannot succeed."""
        match input_:
            case Connected():
                logger.info("Connected to %s", self._source.name)
            case Disconnected(error=error) | ConnectFailed(error=error):
                logger.warning("No connection to %s: %s", self._source.name, error)
                self._reconsider(error)
            case ListFailed(error=error):
                logger.warning("Listing %s failed: %s", self._source.name, error)
                self._reconsider(error)
            case Observed(uuid=uuid, result=ReadFailed(error=error)):
                logger.warning("Reading domain %s of %s failed: %s", uuid, self._source.name, error)

    def _reconsider(self, error: Exception) -> None:
        assert self._loop is not None
        hopeless = isinstance(error, ConnectError) and error.permanent
        if hopeless or self._loop.time() >= self._give_up_at:
            self._fail_to_open(error)

    # ------------------------------------------------------------------ other people's functions

    def _guarded_indexer(self, name: str, indexer: Indexer) -> Indexer:
        def values(domain: Domain) -> Iterable[Hashable]:
            try:
                return tuple(indexer(domain))
            except Exception as error:  # noqa: BLE001 - reported; the domain is stored all the same
                self._callable_failed(f"indexer {name!r}", domain, error)
                return ()

        return values

    def _guarded_transform(
        self, transform: Callable[[Domain], Domain]
    ) -> Callable[[Domain], Domain]:
        def transformed(domain: Domain) -> Domain:
            try:
                result = transform(domain)
                if result.uuid != domain.uuid:
                    raise ValueError("transform must return a Domain of the same UUID")
                return attrs.evolve(
                    result,
                    resource_version=domain.resource_version,
                    incarnation=domain.incarnation,
                    generation=domain.generation,
                )
            except Exception as error:  # noqa: BLE001 - reported; the domain is stored as it is
                self._callable_failed("transform", domain, error)
                return domain

        return transformed

    def _callable_failed(self, name: str, domain: Domain, error: Exception) -> None:
        self._callable_errors += 1
        logger.error("%s failed for %r", name, domain, exc_info=error)


def _require(holds: bool, option: str, rule: str) -> None:
    if not holds:
        raise ValueError(f"{option} must be {rule}")

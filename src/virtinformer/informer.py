"""The informer: what a program holds in its hands.

It joins the parts. The way of an event: callback → `source` → `runner` →
`_core.reflector` → `_core.store` → `subscribers` → `_core.fifo` → stream or
handler.
"""

from __future__ import annotations

import asyncio
import logging
import random as random_module
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from uuid import UUID

import anyio
import anyio.lowlevel

from ._core.fifo import DeltaFifo, EventFifo
from ._core.model import Added, Change, Domain, Updated
from ._core.predicate import Where
from ._core.reflector import Reflector
from ._core.store import Indexer, Lister, Snapshot, Store
from .calling import despite_cancellation
from .containment import Containment
from .exceptions import EventLoopError, NotSynced, VersionExpired
from .handlers import Calls, Registration, calls_of
from .health import Health, Statistics
from .instruments import Instruments
from .runner import Runner
from .source import Source
from .streams import DeltaStream, EventStream, require_loop
from .subscribers import Subscribers

__all__ = ["DomainInformer"]

# Where a program has not set up logging, nothing is to appear on its standard error.
logging.getLogger("virtinformer").addHandler(logging.NullHandler())

# anyio loads what it needs of asyncio when it is first used: 45 ms in which the loop would stand.
# Where this module is imported none runs yet, as a rule. The name is anyio's own business, so
# nothing depends on it.
with suppress(ImportError):
    import_module("anyio._backends._asyncio")

EVENT_BACKLOG: Final = 16
"""A subscriber may fall behind by so many times the history before it loses events."""

F = TypeVar("F", bound=Callable[..., Any])


class DomainInformer:
    """A versioned, consistent view of all domains of one host, kept current.

    Promise: the view converges to the host, never goes back in the order a
    reader sees, and carries one strictly increasing version. It is served from
    memory: the reads neither block nor await.

    Use it with ``async with``; inside, it is synced. Leaving closes everything:
    the connection at once, streams when what waited was given, and handlers by
    cancellation. A handler that has not ended after 5 seconds is named in the log
    and left to itself, so that leaving always comes to an end. A handler, too, may
    close the informer; its own call then goes on to its end, and is its last.

    Args:
        source: the host; `virtinformer.connect` makes one from a URI.
        resync_period: seconds in which every domain is read again; ``None`` for never.
        reorder_window: seconds for which an event may wait for its predecessor.
        indexers: name → function that names the values to find a domain by.
        transform: applied to every domain before it is stored, for example to
            drop the XML; must return a `Domain` of the same UUID.
        history: how many changes are kept for ``since=``.
        connect_timeout: seconds to wait for a host that is not up yet. One that is
            up and only slow is waited for longer, as long as it answers now and then.
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
        _check(resync_period is None or resync_period > 0, "resync_period", "above 0, or None")
        _check(reorder_window >= 0, "reorder_window", "0 or more")
        _check(history >= 0, "history", "0 or more")
        _check(connect_timeout > 0, "connect_timeout", "above 0")
        self._source = source
        self._connect_timeout = connect_timeout
        self._backlog = EVENT_BACKLOG * max(history, 1024)
        self._containment = Containment()
        contained = self._containment
        self._store = Store(
            {name: contained.indexer(name, indexer) for name, indexer in (indexers or {}).items()},
            history,
        )
        self._lister = Lister(self._store)
        self._reflector = Reflector(
            self._store,
            resync_period=resync_period,
            reorder_window=reorder_window,
            transform=contained.transform(transform) if transform is not None else None,
            random=random,
        )
        self._subscribers = Subscribers()
        self._instruments = Instruments(
            self._store, self._reflector, self._subscribers, self._containment
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._runner: Runner | None = None
        self._closed = False

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
        # Uses anyio's backend for the first time: here, not when an informer is closed amid work.
        await anyio.lowlevel.checkpoint()
        self._runner = Runner(self._source, self._reflector, self._subscribers.deliver)
        try:
            await self._runner.open(self._connect_timeout)
        except BaseException:
            await self._close(self._runner)
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._close(self._require_open())

    async def _close(self, runner: Runner) -> None:
        self._closed = True
        # A handler that closes must not wait for itself.
        closing = asyncio.ensure_future(self._close_all(runner, asyncio.current_task()))
        # Shielded twice, from anyio's cancellation and from asyncio's: a task that is
        # cancelled while it closes, too, leaves nothing behind.
        with anyio.CancelScope(shield=True):
            await despite_cancellation(closing)

    async def _close_all(self, runner: Runner, closer: asyncio.Task[Any] | None) -> None:
        ending = self._subscribers.close(closer)
        # First what is ours to end: handlers end when they like, and may wait for the host.
        try:
            await runner.aclose()
        finally:
            await self._subscribers.wait(ending)

    # ------------------------------------------------------------------ reads

    def get(self, uuid: UUID) -> Domain | None:
        """The domain with that UUID, or ``None``."""
        self._require_open()
        return self._lister.get(uuid)

    def get_by_name(self, name: str) -> Domain | None:
        """The domain of that name, or ``None``."""
        self._require_open()
        return self._lister.get_by_name(name)

    def list(self, where: Where | None = None) -> list[Domain]:
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
    def name(self) -> str:
        """What the host is called: its URI, without the passwords in it."""
        return self._source.name

    @property
    def health(self) -> Health:
        """Whether the state is current; also while the host is away; from any thread."""
        now = self._loop.time() if self._loop is not None else 0.0
        return self._instruments.health(None if self._closed else self._runner, now)

    def statistics(self) -> Statistics:
        """What was counted since the informer was opened, and sizes now; from any thread."""
        return self._instruments.statistics()

    # ------------------------------------------------------------------ streams

    def watch(
        self,
        *,
        since: int | None = None,
        where: Where | None = None,
        initial: bool = True,
    ) -> DeltaStream:
        """Subscribe to deltas, from now on: iterate over the result with ``async for``.

        First comes `Added` for every domain, then `Synced`, then what changes. A
        subscriber that falls behind gets changes of one domain folded into one.

        Args:
            since: instead of all domains, first give what changed after this version.
            where: a function of a `Domain`, or one of `virtinformer.predicates`: only
                domains for which it holds, and only updates that it lets pass. A
                domain that begins to match is `Added`, one that ceases to is
                `Deleted`. What it raises is raised where the stream is iterated,
                and the delta stays.
            initial: ``False`` to leave out what is known already, and `Synced`.

        Raises:
            VersionExpired: if the history does not reach back to `since`.
            NotSynced: if the informer is not open.
        """
        self._require_here()
        fifo = DeltaFifo(where)
        if since is not None:
            fifo.replay(self._changes_after(since), self._store.resource_version)
        elif initial:
            fifo.begin_with(self._store.snapshot())
        stream = DeltaStream(fifo)
        self._subscribers.add_stream(stream)
        return stream

    def events(self, *, since: int | None = None, where: Where | None = None) -> EventStream:
        """Subscribe to events, from now on: iterate over the result with ``async for``.

        Events are not folded. A subscriber that falls behind by many times the
        history gets `VersionExpired` and must list again.

        Args:
            since: first give the events after this version.
            where: a function of a `Domain`, or one of `virtinformer.predicates`: only
                events of domains for which it holds, and only those that it lets pass.

        Raises:
            VersionExpired: if the history does not reach back to `since`.
            NotSynced: if the informer is not open.
        """
        self._require_here()
        fifo = EventFifo(self._backlog, where, since or 0)
        if since is not None:
            for change in self._changes_after(since):
                fifo.push(change)
        stream = EventStream(fifo)
        self._subscribers.add_stream(stream)
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

    def add_event_handler(self, handler: object, *, where: Where | None = None) -> Registration:
        """Have the methods of an object called for deltas and events.

        Any of ``on_add(domain, *, initial)``, ``on_update(old, new)``,
        ``on_delete(domain)`` and ``on_event(event)``, plain or async; `initial`
        may be left out. It is called first for everything that is known.

        Args:
            handler: the object.
            where: a function of a `Domain`, or one of `virtinformer.predicates`: only
                domains for which it holds, and only updates and events that it lets
                pass. If it raises, that is logged, and what it was asked about is
                delivered.

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

    def _register(self, name: str, calls: Calls, where: Where | None) -> Registration:
        self._require_here()
        if where is not None:
            where = self._containment.predicate(name, where)
        fifo = DeltaFifo(where)
        fifo.begin_with(self._store.snapshot())
        registration = Registration(name, calls, fifo, lambda: EventFifo(self._backlog, where))
        self._subscribers.add_registration(registration)
        return registration

    # ------------------------------------------------------------------ barriers

    async def refresh(self, uuid: UUID) -> Domain | None:
        """Read one domain again and return it, or ``None`` if there is none.

        What was complete on the host when this was called is reflected when it
        returns. While the host is away it waits; bound it by `asyncio.timeout`.

        Raises:
            ReadError: if the host refuses to say.
            NotSynced: if the informer is not open, or is closed meanwhile.
        """
        _check_uuid("refresh", uuid)
        await self._require_here().reach(uuid)
        return self._lister.get(uuid)

    async def sync(self) -> int:
        """Read the whole host again and return the version it is synced at.

        What was complete on the host when this was called is reflected when it
        returns. While the host is away it waits; bound it by `asyncio.timeout`.

        Raises:
            ReadError: if the host refuses to say.
            NotSynced: if the informer is not open, or is closed meanwhile.
        """
        await self._require_here().reach(None)
        return self._lister.resource_version

    async def wait_for(self, uuid: UUID, predicate: Where) -> Domain:
        """Wait until a domain exists and the predicate holds for it; return it.

        Raises:
            NotSynced: if the informer is not open, or is closed meanwhile.
            Exception: what the predicate raises.
        """
        _check_uuid("wait_for", uuid)
        async with self.watch(initial=False, where=lambda domain: domain.uuid == uuid) as deltas:
            domain = self.get(uuid)
            if domain is not None and predicate(domain):
                return domain
            async for delta in deltas:
                if isinstance(delta, Added | Updated) and predicate(delta.domain):
                    return delta.domain
        raise NotSynced("the informer was closed meanwhile")

    # ------------------------------------------------------------------ where it stands

    def _require_open(self) -> Runner:
        if self._closed:
            raise NotSynced("this informer is closed; open a new one with connect()")
        if self._runner is None:
            raise NotSynced("this informer is not open yet; use it inside `async with`")
        return self._runner

    def _require_here(self) -> Runner:
        runner = self._require_open()
        assert self._loop is not None
        require_loop(self._loop)
        return runner


def _check(holds: bool, option: str, rule: str) -> None:
    if not holds:
        raise ValueError(f"{option} must be {rule}")


def _check_uuid(function: str, uuid: object) -> None:
    if not isinstance(uuid, UUID):
        raise TypeError(f"{function}() takes a uuid.UUID, not {uuid!r}")

"""Controllers: make the host what it should be, domain by domain.

A controller is a function that is given the UUID of a domain, looks at what is
and at what should be, and does one step from the one to the other. It is not told
what happened, since it must not matter: a program that was not there when it
happened, or that failed halfway, has to come to the same end. Kubernetes calls
this *level-triggered*.

Here is what *triggers* that function: what the informer tells, what a program
enqueues, and time. A trigger is the UUID of a domain and nothing else. It goes into
a queue (`_core.workqueue`), where many become one, and out of that to the
`workers`, who call the function.
"""

from __future__ import annotations

import asyncio
import logging
import random as random_module
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final
from uuid import UUID

import anyio
import attrs

from ._core.backoff import Backoff
from ._core.model import Domain
from ._core.predicate import Where
from ._core.workqueue import BACKOFF, QueueStatistics, WorkQueue
from .calling import called, despite_cancellation, ends_task
from .exceptions import NotSynced
from .handlers import Registration
from .informer import DomainInformer
from .streams import require_loop, running_loop
from .workers import OUTCOMES, PATIENCE, Result, Workers

__all__ = ["Controller", "ControllerStatistics"]

_logger = logging.getLogger("virtinformer.controller")

_SLICE: Final = 256
"""So many keys are added in a resync before other tasks of the loop get their turn."""

Reconcile = Callable[[UUID, DomainInformer], Awaitable[Result | None] | Result | None]
Keys = Callable[[], Awaitable[Iterable[UUID]] | Iterable[UUID]]


@attrs.frozen
class ControllerStatistics:
    """How a controller is doing: totals since it was made, and sizes now.

    Attributes:
        name: what the controller is called.
        workers: how many reconciles may run at once.
        domains: how many domains it cares for: those that match its ``where``.
        reconciles: how many reconciles ended how: ``"success"``,
            ``"requeue_after"`` (a success that wants to be called again), ``"error"``.
        key_errors: how often ``keys`` could not be had.
        queue: the work queue: depth, waiting, retries, work time.
    """

    name: str
    workers: int
    domains: int
    reconciles: Mapping[str, int]
    key_errors: int
    queue: QueueStatistics


class Controller:
    """Calls a function for each domain that may not be as it should.

    Promise: the function is called for every domain there is when the controller
    begins; after every change of a domain at least once; never twice at once for
    one domain; again, with backoff, when it raised; and for every one in its turn.
    Many changes in a row are one call. It is *not* called once a change, nor told
    what changed: it looks at the informer, which is never behind what triggered it.

    A failure is logged, and the domain rests: whatever happens to it meanwhile, it
    is not looked at before its backoff is over, and then once. (A failed attempt
    often is a change itself, and would be its own next trigger.) `enqueue` ends the rest.

    Args:
        informer: open, at the latest when `run` is called.
        reconcile: ``reconcile(uuid, informer)``, plain or async. The domain may be gone
            (``informer.get(uuid)`` is ``None``), or may match `where` no longer:
            then it is called a last time, so that it can clean up. Returns ``None``
            or a `Result`; what it raises is logged, and it is called again.
        workers: how many reconciles may run at once, each for another domain.
        where: only changes of domains for which it holds count, and the change after
            which it does no longer. If it raises, that is logged, and the change counts.
        keys: further UUIDs that are to be looked at, when the controller begins and at
            every resync: those that should be a domain and are none. Plain or async.
        backoff: how long a domain rests after failures in a row.
        resync_period: seconds after which all domains (that match) and all `keys` are
            looked at, changed or not; ``None`` for never.
        grace: seconds that running reconciles are given to end when the controller
            stops, before they are cancelled.
        name: what to call the controller in the log and in metrics; by default
            the name of the function.
        random: gives numbers from 0.0 up to 1.0, for jitter.

    Raises:
        ValueError, TypeError: if an option makes no sense.

    Attributes:
        name: what the controller is called.
    """

    def __init__(
        self,
        informer: DomainInformer,
        reconcile: Reconcile,
        *,
        workers: int = 1,
        where: Where | None = None,
        keys: Keys | None = None,
        backoff: Backoff = BACKOFF,
        resync_period: float | None = None,
        grace: float = 10.0,
        name: str | None = None,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        _check_callable("reconcile", reconcile)
        if keys is not None:
            _check_callable("keys", keys)
        _check(workers >= 1, "workers", "1 or more")
        _check(resync_period is None or resync_period > 0, "resync_period", "above 0, or None")
        _check(grace >= 0, "grace", "0 or more")
        self.name: str = name or str(getattr(reconcile, "__qualname__", reconcile))
        self._informer = informer
        self._reconcile = reconcile
        self._workers = workers
        self._where = where
        self._keys = keys
        self._resync_period = resync_period
        self._grace = grace
        self._queue: WorkQueue[UUID] = WorkQueue(random, backoff)
        self._outcomes: Counter[str] = Counter(dict.fromkeys(OUTCOMES, 0))
        self._key_errors = 0
        self._domains: dict[UUID, None] = {}
        self._stopped = asyncio.Event()
        self._crew: Workers | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __repr__(self) -> str:
        return f"<Controller {self.name} with {len(self._queue)} to be looked at>"

    async def run(self) -> None:
        """Work, until this is cancelled, `stop` is called or the informer is closed.

        In each case nothing new is begun, and reconciles that run are given the
        grace period to end, then cancelled. To cancel this once more ends the grace period.

        Raises:
            RuntimeError: if it was run before.
            NotSynced: if the informer is not open.
            EventLoopError: if the informer was opened on another event loop.
        """
        loop = self._here()
        if self._crew is not None:
            raise RuntimeError(
                f"controller {self.name} can be run only once, and was; make a new Controller"
            )
        registration = self._informer.add_event_handler(self._triggers(), where=self._where)
        registration.when_closed(lambda _: self._stopped.set())
        self._crew = Workers(
            self.name,
            self._work,
            self._queue,
            self._workers,
            self._stopped,
            self._outcomes,
            self._describe,
        )
        resync = loop.create_task(self._resync(), name=f"virtinformer resync of {self.name}")
        try:
            self._crew.look()
            await self._stopped.wait()
        finally:
            await self._end(self._crew, registration, resync)
        if self._crew.fatal is not None:
            raise self._crew.fatal

    async def _end(
        self, crew: Workers, registration: Registration, resync: asyncio.Task[None]
    ) -> None:
        resync.cancel()
        try:
            await crew.aclose(self._grace)
        finally:
            # anyio's cancellation comes again and again, asyncio's if somebody is in a hurry.
            with anyio.CancelScope(shield=True):
                end = asyncio.ensure_future(self._end_triggers(registration, resync))
                await despite_cancellation(end)

    async def _end_triggers(self, registration: Registration, resync: asyncio.Task[None]) -> None:
        await registration.aclose()
        _, left = await asyncio.wait([resync], timeout=PATIENCE)
        if left:
            _logger.critical(
                "The keys of controller %s swallow their cancellation: they are left to themselves",
                self.name,
            )

    def stop(self) -> None:
        """Begin nothing any more, and let `run` return when what runs has ended.

        May be called from a reconcile, and from a signal handler of the loop.

        Raises:
            EventLoopError: if it is called from another thread.
        """
        self._here()
        self._stopped.set()

    def enqueue(self, uuid: UUID) -> None:
        """Have a domain looked at, be it known or not, and at once even if it failed just now.

        Before `run` it is remembered; when the controller has stopped it means nothing.

        Raises:
            TypeError: if that is no `uuid.UUID`.
            EventLoopError: if it is called from another thread.
        """
        _check_uuid("enqueue", uuid)
        self._queue.forget(uuid)
        self._add(uuid)

    def statistics(self) -> ControllerStatistics:
        """What was counted since the controller was made, and sizes now; from any thread."""
        return ControllerStatistics(
            name=self.name,
            workers=self._workers,
            domains=len(self._domains),
            reconciles=dict(self._outcomes),
            key_errors=self._key_errors,
            queue=self._queue.statistics(self._loop.time() if self._loop is not None else 0.0),
        )

    # ------------------------------------------------------------------ triggers

    def _triggers(self) -> object:
        # The informer calls a handler by the name of its type when it logs.
        return type(f"Controller {self.name}", (_Triggers,), {})(self._see, self._lose)

    def _see(self, uuid: UUID) -> None:
        self._domains[uuid] = None
        self._add(uuid)

    def _lose(self, uuid: UUID) -> None:
        self._domains.pop(uuid, None)
        self._add(uuid)

    def _add(self, uuid: UUID) -> None:
        loop = self._here()
        if self._stopped.is_set():
            return
        self._queue.add(uuid, loop.time())
        if self._crew is not None:
            self._crew.look()

    async def _resync(self) -> None:
        """Add the keys that nobody tells of, and, once a period, all there are."""
        await self._add_keys()
        while self._resync_period is not None:
            await asyncio.sleep(self._resync_period)
            await self._add_all(list(self._domains))
            await self._add_keys()

    async def _add_keys(self) -> None:
        if self._keys is None:
            return
        try:
            found = list(await called(self._complain, self._keys))
            for uuid in found:
                _check_uuid("keys", uuid)
        except BaseException as error:
            if ends_task(error):
                raise
            self._key_errors += 1
            _logger.error("The keys of controller %s cannot be had", self.name, exc_info=error)
        else:
            await self._add_all(found)

    async def _add_all(self, uuids: list[UUID]) -> None:
        for number, uuid in enumerate(uuids, 1):
            self._add(uuid)
            if number % _SLICE == 0:
                await asyncio.sleep(0)

    # ------------------------------------------------------------------ where it stands

    def _work(self, uuid: UUID) -> Awaitable[Result | None] | Result | None:
        return self._reconcile(uuid, self._informer)

    def _describe(self, uuid: UUID) -> str:
        try:
            domain = self._informer.get(uuid)
        except NotSynced:
            domain = None
        return f"{domain.name!r} ({uuid})" if domain is not None else str(uuid)

    def _complain(self, blocked: float) -> None:
        _logger.warning(
            "The keys of controller %s blocked the event loop for %.1f s: "
            "have them found in asyncio.to_thread",
            self.name,
            blocked,
        )

    def _here(self) -> asyncio.AbstractEventLoop:
        """The loop on which everything happens: the first that was seen, and the one that runs."""
        if self._loop is None:
            self._loop = running_loop()
        require_loop(self._loop)
        return self._loop


class _Triggers:
    """What the informer calls: all that counts is which domain it is, and whether it is there.

    Args:
        see: called for a domain that came or changed.
        lose: called for a domain that is gone, or matches no more.
    """

    def __init__(self, see: Callable[[UUID], None], lose: Callable[[UUID], None]) -> None:
        self._see = see
        self._lose = lose

    def on_add(self, domain: Domain) -> None:
        self._see(domain.uuid)

    def on_update(self, _old: Domain, new: Domain) -> None:
        self._see(new.uuid)

    def on_delete(self, domain: Domain) -> None:
        self._lose(domain.uuid)


def _check(holds: bool, option: str, rule: str) -> None:
    if not holds:
        raise ValueError(f"{option} must be {rule}")


def _check_callable(option: str, function: object) -> None:
    if not callable(function):
        raise TypeError(f"{option} must be a function, not {function!r}")


def _check_uuid(function: str, uuid: object) -> None:
    if not isinstance(uuid, UUID):
        raise TypeError(f"{function}() takes a uuid.UUID, not {uuid!r}")

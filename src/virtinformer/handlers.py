"""Handler callbacks, contained.

A registration is a subscriber with a task of its own that calls a handler for
every delta, one call at a time. Whatever a handler does stays there: an
exception is logged and counted, one that waits for ever delays only itself, and
one that blocks the event loop is named in the log. One that does not let itself be
cancelled holds up who closes its registration, and the informer for some seconds.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from types import TracebackType
from typing import Any, ClassVar, Self

from ._core.fifo import SKIPPED, DeltaFifo, EventFifo, Skipped
from ._core.model import Added, Change, Deleted, Delta, Domain, DomainEvent, Synced, Updated
from .calling import called, ends_task
from .exceptions import NotSynced
from .streams import require_loop

__all__ = ["Calls", "Registration", "calls_of"]

_logger = logging.getLogger("virtinformer.handlers")

CALLS = 16
"""So many calls at a stretch, at most, before the others of the event loop get their turn …"""

STRETCH = 0.001
"""… and for so many seconds, at most, but for the last of them."""

_METHODS = ("on_add", "on_update", "on_delete", "on_event")

Calls = dict[str, Callable[..., Any]]
"""Method name (``"on_add"``, …) → what to call."""


def calls_of(handler: object) -> Calls:
    """The methods that a handler object has, of those that are called.

    Raises:
        TypeError: if it has none, or one that cannot be called.
    """
    calls = {name: getattr(handler, name) for name in _METHODS if hasattr(handler, name)}
    if not calls:
        raise TypeError(
            f"{handler!r} is no event handler: give it any of the methods {', '.join(_METHODS)}, "
            "or decorate a function with informer.on_add, on_update, on_delete or on_event"
        )
    for name, method in calls.items():
        if not callable(method):
            raise TypeError(f"{name} of {handler!r} cannot be called")
    if "on_add" in calls and not _takes_initial(calls["on_add"]):
        calls["on_add"] = _without_initial(calls["on_add"])
    return calls


def _takes_initial(function: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return False  # a function written in C that does not say, such as `set.add`
    return any(p.name == "initial" or p.kind is p.VAR_KEYWORD for p in parameters)


def _without_initial(function: Callable[..., Any]) -> Callable[..., Any]:
    def added(domain: Domain, *, initial: bool) -> object:
        del initial
        return function(domain)

    return added


class Registration:
    """One handler at work, made by `DomainInformer.add_event_handler`.

    Promise: its handler is called for one thing at a time, in order. After
    `aclose` has returned it is not running and will not run.

    Attributes:
        kind: what it is called in statistics.
        name: what its handler is called there and in the log.
        errors: how many exceptions the handler has raised.
    """

    kind: ClassVar[str] = "handler"

    def __init__(
        self,
        name: str,
        calls: Calls,
        deltas: DeltaFifo,
        new_events: Callable[[], EventFifo],
    ) -> None:
        self.name: str = name
        self._calls = calls
        self._deltas = deltas
        self._new_events = new_events
        self._events = new_events()
        self._delta: Delta | Synced | None = None
        self._event: DomainEvent | None = None
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._synced = self._loop.create_future()
        self._initial = True
        self._closing = False
        self._calls_left = CALLS
        self._breathe_at = self._loop.time() + STRETCH
        self.errors: int = 0
        self._task = self._loop.create_task(self._run(), name=f"virtinformer handler {name}")
        self._task.add_done_callback(self._ended)

    def __len__(self) -> int:
        """How many deltas and events wait for the handler."""
        ahead = (self._event is not None) + (self._delta is not None)
        return len(self._deltas) + len(self._events) + ahead

    def push(self, change: Change) -> None:
        """Take in a change (called by the informer)."""
        self._deltas.push(change)
        if "on_event" in self._calls:
            self._events.push(change)
        self._news.set()

    async def wait_synced(self) -> None:
        """Wait until the handler was called for everything known when it was registered.

        Raises:
            NotSynced: if the registration was closed before.
        """
        require_loop(self._loop)
        await asyncio.shield(self._synced)

    async def aclose(self) -> None:
        """Stop calling the handler; a call under way is cancelled.

        When a handler closes its own registration, the call under way goes on
        to its end.
        """
        require_loop(self._loop)
        task = self.stop(asyncio.current_task())
        if task is not None:
            await asyncio.wait([task])

    def stop(self, closer: asyncio.Task[Any] | None) -> asyncio.Task[None] | None:
        """Begin to close; return the task whose end is to be waited for, if any.

        Args:
            closer: who will wait. The handler's own task cannot wait for itself.
        """
        # Also for a handler that swallows its cancellation.
        self._closing = True
        if closer is self._task:
            return None
        self._task.cancel()
        return self._task

    def abandon(self, seconds: float) -> None:
        """Wait no longer for a handler that does not end (called by the informer)."""
        self._fail_synced()
        _logger.critical(
            "Handler %s swallows its cancellation: it still runs, %g s after it was told "
            "to end, and the informer is closed without it. Let it raise CancelledError again",
            self.name,
            seconds,
        )

    def when_closed(self, function: Callable[[Registration], None]) -> None:
        """Have a function called when the handler will not be called any more."""
        self._task.add_done_callback(lambda _: function(self))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def _fail_synced(self) -> None:
        if not self._synced.done():
            self._synced.set_exception(
                NotSynced(f"the registration of {self.name} was closed before it was synced")
            )
            # Nobody may have been waiting; then the exception is no news.
            self._synced.exception()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._fail_synced()
        if not task.cancelled() and task.exception() is not None:
            _logger.critical("The task of handler %s died", self.name, exc_info=task.exception())

    async def _run(self) -> None:
        while not self._closing:
            item = self._next()
            if item is None:
                self._news.clear()
                await self._news.wait()
                continue
            if item is SKIPPED:
                # A predicate for which nothing holds must not keep the loop to itself.
                await asyncio.sleep(0)
                continue
            await self._deliver(item)
            await self._breathe()

    async def _breathe(self) -> None:
        """Let the others of the loop run, every few calls or, where those take long, each time."""
        self._calls_left -= 1
        if self._calls_left > 0 and self._loop.time() < self._breathe_at:
            return
        await asyncio.sleep(0)
        self._calls_left = CALLS
        self._breathe_at = self._loop.time() + STRETCH

    def _next(self) -> Delta | Synced | DomainEvent | Skipped | None:
        """What comes next by version; an event before the delta that it is folded into.

        One of each is taken out ahead, to be compared: neither kind can keep the
        other from being delivered.
        """
        delta = self._delta or self._deltas.pop()
        event = self._event or self._pop_event()
        self._delta = None if delta is SKIPPED else delta
        self._event = None if event is SKIPPED else event
        if delta is SKIPPED or event is SKIPPED:
            # What comes next of that kind may be the earlier one.
            return SKIPPED
        if event is None or (delta and delta.resource_version < event.resource_version):
            self._delta = None
            return delta
        self._event = None
        return event

    def _pop_event(self) -> DomainEvent | Skipped | None:
        event = self._events.pop()
        if event is None:
            self._report_overflow()
        return event

    async def _deliver(self, item: Delta | Synced | DomainEvent) -> None:
        match item:
            case Synced():
                self._initial = False
                if not self._synced.done():
                    self._synced.set_result(None)
            case Added(domain=domain):
                await self._call("on_add", item, domain, initial=self._initial)
            case Updated(old=old, domain=new):
                await self._call("on_update", item, old, new)
            case Deleted(domain=last):
                await self._call("on_delete", item, last)
            case DomainEvent():
                await self._call("on_event", item, item)

    async def _call(
        self, method: str, about: Delta | DomainEvent, *args: object, **options: object
    ) -> None:
        function = self._calls.get(method)
        if function is None:
            return
        try:
            await called(self._complain, function, *args, **options)
        except Exception as error:  # noqa: BLE001 - whatever a handler raises goes no further
            self._failed(method, about, error)
        except (asyncio.CancelledError, BaseExceptionGroup) as error:
            if ends_task(error):
                raise
            # Not ours: the handler waited for something that was cancelled.
            self._failed(method, about, error)

    def _complain(self, blocked: float) -> None:
        _logger.warning(
            "Handler %s blocked the event loop for %.1f s: let it await, "
            "or do its work in asyncio.to_thread",
            self.name,
            blocked,
        )

    def _failed(self, method: str, about: Delta | DomainEvent, error: BaseException) -> None:
        self.errors += 1
        _logger.error(
            "%s of handler %s failed for %s",
            method,
            self.name,
            about,
            exc_info=(type(error), error, error.__traceback__),
        )

    def _report_overflow(self) -> None:
        if self._events.overflowed is None:
            return
        self.errors += 1
        _logger.error(
            "Handler %s was too slow: it is not called for events from version %d to now",
            self.name,
            self._events.overflowed,
        )
        self._events = self._new_events()

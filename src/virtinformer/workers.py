"""Workers: what a queue has to be worked on is worked on, by several at once.

Who is next, and who may run at all, is decided by `_core.workqueue`; here it is
done. Everything happens on one event loop and nothing waits: each time something
has changed about the queue, `look` begins as much work as there are workers free.
Each piece of work is a task of its own, so none inherits anything from the one before.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import math
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

import anyio
import attrs

from ._core.workqueue import WorkQueue
from .calling import called, despite_cancellation, ends_program

__all__ = ["OUTCOMES", "PATIENCE", "Result", "Work", "Workers"]

_logger = logging.getLogger("virtinformer.controller")

OUTCOMES: Final[tuple[str, ...]] = ("success", "requeue_after", "error")
"""How a call can end."""

PATIENCE: Final = 5.0
"""Seconds that work is given to end after it was cancelled."""


def _a_time_to_come(_result: Result, _field: attrs.Attribute[float], value: float | None) -> None:
    if value is not None and not 0 <= value < math.inf:
        raise ValueError(f"requeue_after must be 0 or more seconds, or None, not {value!r}")


@attrs.frozen
class Result:
    """What a reconcile returns if it wants more than to be called at the next change.

    Attributes:
        requeue_after: seconds after which the domain is to be looked at again,
            0.0 or more. If anything else makes it be looked at before, that
            counts as well, and it is not looked at twice. ``None``: not by itself.

    Raises:
        ValueError: if that is no finite time to come.
    """

    requeue_after: float | None = attrs.field(default=None, validator=_a_time_to_come)


Work = Callable[[UUID], Awaitable[Result | None] | Result | None]


class Workers:
    """Call a function for what a queue has, until they are told to stop.

    Promise: no more than `limit` calls run at once; what one raises is logged, and
    tried again when the queue says so; after `aclose` none runs.

    Args:
        name: what the function is called in the log.
        work: plain or async.
        queue: what there is to do; whoever adds to it calls `look`.
        limit: how many may be at work at once.
        stopped: once it is set nothing is begun any more.
        outcomes: counts how many calls ended how, see `OUTCOMES`.
        describe: what a key is called in the log.

    Attributes:
        fatal: what a call raised to end the whole program.
    """

    def __init__(
        self,
        name: str,
        work: Work,
        queue: WorkQueue[UUID],
        limit: int,
        stopped: asyncio.Event,
        outcomes: Counter[str],
        describe: Callable[[UUID], str],
    ) -> None:
        self._name = name
        self._work = work
        self._queue = queue
        self._limit = limit
        self._stopped = stopped
        self._outcomes = outcomes
        self._describe = describe
        self._loop = asyncio.get_running_loop()
        # Work runs in the context of whoever runs the workers, not in that of what added it.
        self._context = contextvars.copy_context()
        self._running: dict[asyncio.Task[Result | None], UUID] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.fatal: BaseException | None = None

    def look(self) -> None:
        """Begin what may begin, and come back when the next is due."""
        # The queue counts: where tasks are eager, a call looks again before it is a task.
        while self._queue.running < self._limit and not self._stopped.is_set():
            key = self._queue.get(self._loop.time())
            if key is None:
                self._set_timer(self._queue.deadline)
                return
            self._begin(key)

    def _begin(self, key: UUID) -> None:
        task = self._loop.create_task(
            self._call(key),
            name=f"virtinformer reconcile {self._name} {key}",
            context=self._context.copy(),
        )
        self._running[task] = key
        task.add_done_callback(self._ended)

    async def _call(self, key: UUID) -> Result | None:
        return await called(self._complain, self._work, key)

    def _ended(self, task: asyncio.Task[Result | None]) -> None:
        """Draw the consequences of a call, and begin the next."""
        key = self._running.pop(task)
        now = self._loop.time()
        try:
            self._succeeded(key, task.result(), now)
        except BaseException as error:  # noqa: BLE001 - whatever it raises goes no further
            self._failed(key, error, now)
        self._queue.done(key, now)
        self.look()

    def _succeeded(self, key: UUID, result: Result | None, now: float) -> None:
        if not isinstance(result, Result | None):
            raise TypeError(f"a reconcile must return None or a Result, not {result!r}")
        self._queue.forget(key)
        again = result.requeue_after if result is not None else None
        if again is not None:
            self._queue.add_after(key, again, now)
        self._outcomes["success" if again is None else "requeue_after"] += 1

    def _failed(self, key: UUID, error: BaseException, now: float) -> None:
        if ends_program(error):
            self.fatal = error
            self._stopped.set()
        elif not (isinstance(error, asyncio.CancelledError) and self._stopped.is_set()):
            self._outcomes["error"] += 1
            rest = self._queue.retry(key, now)
            _logger.error(
                "Reconcile %s failed for %s, %d in a row; it is tried again in %.1f s",
                self._name,
                self._describe(key),
                self._queue.failures(key),
                rest,
                exc_info=(type(error), error, error.__traceback__),
            )

    def _complain(self, blocked: float) -> None:
        _logger.warning(
            "Reconcile %s blocked the event loop for %.1f s: let it await, "
            "or do its work in asyncio.to_thread",
            self._name,
            blocked,
        )

    def _set_timer(self, when: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if when is None else self._loop.call_at(when, self.look)

    async def aclose(self, grace: float) -> None:
        """Begin nothing any more, and wait for what runs; after the grace period it is cancelled.

        To cancel this ends the grace period.

        Args:
            grace: seconds.
        """
        self._stopped.set()
        self._set_timer(None)
        # Shielded from anyio's cancellation, which comes again and again. asyncio's comes
        # again only if somebody is in a hurry.
        with anyio.CancelScope(shield=True):
            try:
                if self._running:
                    await asyncio.wait(self._running, timeout=grace)
            finally:
                await despite_cancellation(asyncio.ensure_future(self._cancel()))

    async def _cancel(self) -> None:
        for task, key in self._running.items():
            _logger.warning("Reconcile %s of %s is cancelled", self._name, self._describe(key))
            task.cancel()
        if not self._running:
            return
        _, left = await asyncio.wait(self._running, timeout=PATIENCE)
        for task in left:
            _logger.critical(
                "Reconcile %s of %s swallows its cancellation: it still runs, %g s after it was "
                "told to end, and the controller has stopped without it. Let it raise "
                "CancelledError again",
                self._name,
                self._describe(self._running[task]),
                PATIENCE,
            )

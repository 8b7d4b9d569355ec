"""A clock that jumps: asyncio without waiting, and the same every time.

An event loop sleeps for one reason: nothing is ready, and the next timer is
some way off. `VirtualLoop` does not sleep then but moves its clock to that
timer. An hour of backoff passes in microseconds, every timer fires at its
time, and as no real clock is read, two runs of one program are the same.

If nothing is ready and there is no timer either, nothing can ever happen
again. A real loop would wait for ever; this one raises, and says which tasks
wait and where.

Work that the loop hands to a thread (``asyncio.to_thread``) takes no virtual
time: the clock stands still until it is done. Other news from outside —
sockets, processes, threads that the loop did not start — is looked at but
never waited for: use a real loop for those.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple

__all__ = ["VirtualLoop", "run"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on virtual time, as ``asyncio.run`` does on real time.

    Raises:
        RuntimeError: if every task waits for something that cannot happen.
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock begins at 0.0 and jumps to the next timer when idle.

    It is a loop factory as it stands: ``asyncio.Runner(loop_factory=VirtualLoop)``,
    or a value of pytest-asyncio's ``pytest_asyncio_loop_factories``.

    Raises (out of whatever runs the loop):
        RuntimeError: when idle with no timer; the message names the waiting tasks.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._in_threads = 0
        super().__init__(_Selector(self._idle))

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """As asyncio has it; the clock stands still until the future is done."""
        future = super().run_in_executor(executor, func, *args)
        self._in_threads += 1
        future.add_done_callback(self._back_from_thread)
        return future

    async def shutdown_default_executor(
        self,
        *args: Any,  # noqa: ANN401 - nothing in Python 3.11, a timeout since 3.12
        **options: Any,  # noqa: ANN401
    ) -> None:
        """As asyncio has it; it too waits for a thread."""
        self._in_threads += 1
        try:
            await super().shutdown_default_executor(*args, **options)
        finally:
            self._in_threads -= 1

    def _back_from_thread(self, _future: asyncio.Future[Any]) -> None:
        self._in_threads -= 1

    def _idle(self, timeout: float | None) -> bool:
        """Nothing is ready: whether to wait for a thread; otherwise move the clock."""
        if self._in_threads:
            return True
        if timeout is None:
            raise RuntimeError(self._deadlock())
        self._now += timeout
        return False

    def _deadlock(self) -> str:
        waiting = [f"  {_place(task)}" for task in asyncio.all_tasks(self)]
        head = "deadlock on virtual time: nothing is ready and no timer is set, but there wait"
        return "\n".join([head, *sorted(waiting)])


class _Selector(selectors.DefaultSelector):
    """Looks for news from outside without waiting for it."""

    def __init__(self, idle: Callable[[float | None], bool]) -> None:
        super().__init__()
        self._idle = idle

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        return super().select() if self._idle(timeout) else []


def _place(task: asyncio.Task[Any]) -> str:
    frames = task.get_stack(limit=1)
    where = f"{frames[0].f_code.co_filename}:{frames[0].f_lineno}" if frames else "its start"
    return f"{task.get_name()} ({task.get_coro()!r}) at {where}"

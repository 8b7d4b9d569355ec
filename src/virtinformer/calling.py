"""Calling other people's functions, plain or async, with an eye on the event loop.

Handlers and controllers call what may do anything: wait for ever, raise, pass on
somebody else's cancellation, or keep the loop to itself, which is the one thing
that a task of its own does not contain. So that is measured, and complained of.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator
from functools import partial
from typing import Any, Final, Generic, TypeVar

__all__ = ["called", "despite_cancellation", "ends_program", "ends_task"]

T = TypeVar("T")

BLOCKING: Final = 0.1
"""Seconds after which a function that does not give way to the event loop is complained of."""


Complain = Callable[[float], None]
"""Told for how many seconds the event loop was kept."""


async def called(
    complain: Complain,
    function: Callable[..., Awaitable[T] | T],
    *args: object,
    **options: object,
) -> T:
    """What a function returns, or, if that is to be awaited, what comes of it.

    Args:
        complain: told each time the function keeps the event loop to itself for too long.
        function: is called.
        *args: with these.
        **options: and with these.
    """
    result = _timed(complain, function, *args, **options)
    # Most return nothing; to find that out of anything else takes longer.
    is_awaitable = result is not None and inspect.isawaitable(result)
    return await _Watched(_awaited(result), complain) if is_awaitable else result


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable


class _Watched(Generic[T]):
    """A coroutine that is complained of each time it keeps the loop to itself for too long."""

    def __init__(self, coroutine: Coroutine[Any, Any, T], complain: Complain) -> None:
        self._coroutine = coroutine
        self._complain = complain

    def __await__(self) -> Generator[Any, Any, T]:
        resume: Callable[[], Any] = partial(self._coroutine.send, None)
        while True:
            try:
                waits_for = _timed(self._complain, resume)
            except StopIteration as end:
                result: T = end.value
                return result
            try:
                resume = partial(self._coroutine.send, (yield waits_for))
            except BaseException as error:  # noqa: BLE001 - it is the coroutine's to handle
                resume = partial(self._coroutine.throw, error)


def _timed(
    complain: Complain, function: Callable[..., Any], *args: object, **options: object
) -> Any:  # noqa: ANN401 - whatever it returns
    began = time.perf_counter()
    try:
        return function(*args, **options)
    finally:
        blocked = time.perf_counter() - began
        if blocked > BLOCKING:
            complain(blocked)


def ends_task(error: BaseException) -> bool:
    """Whether the task itself is cancelled, or the whole program is to end."""
    task = asyncio.current_task()
    return task is None or bool(task.cancelling()) or ends_program(error)


def ends_program(error: BaseException) -> bool:
    """Whether it is, or contains, what Ctrl-C and ``sys.exit`` raise."""
    exits = (KeyboardInterrupt, SystemExit)
    if isinstance(error, BaseExceptionGroup):
        return error.subgroup(exits) is not None
    return isinstance(error, exits)


async def despite_cancellation(work: asyncio.Future[T]) -> T:
    """Wait for work to be done, and only then be cancelled."""
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return work.result()

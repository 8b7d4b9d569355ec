"""The live table of ``virtinformer watch``: a `Picture` that is always current.

It has the whole terminal while it lasts, and gives it back as it was; also for as
long as it is stopped by Ctrl-Z.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from typing import Final

from rich.live import Live

import virtinformer as vi

from .board import Board
from .output import Output
from .picture import Picture, console_of

__all__ = ["show"]

FRAME: Final = 0.1
"""Seconds between two pictures at the least: more is no use to an eye."""

SHARE: Final = 4.0
"""So many times as long as a picture took there is none."""

TICK: Final = 1.0
"""Seconds between two pictures at the most: the ages go on."""


async def show(
    informer: vi.DomainInformer,
    where: Callable[[vi.Domain], bool] | None,
    output: Output,
    host: str,
) -> None:
    """Show the table, until cancelled."""
    loop = asyncio.get_running_loop()
    board = Board()
    news = asyncio.Event()
    console = console_of(output)

    def picture() -> Picture:
        now = loop.time()
        return Picture(
            board.entries(now),
            informer.health,
            informer.resource_version,
            host,
            output.encoding,
            *console.size,
            now,
            datetime.now(UTC),
        )

    async with informer.watch(where=where) as deltas:
        feeder = loop.create_task(_feed(board, deltas, news))
        try:
            with (
                Live(console=console, screen=True, auto_refresh=False) as live,
                _resized(loop, news.set),
                _suspended(loop, live, news.set),
            ):
                while not feeder.done():
                    began = loop.time()
                    with output.writing():
                        live.update(picture(), refresh=True)
                    # Where drawing takes long, most of the time is still for the informer.
                    rest = max(FRAME, SHARE * (loop.time() - began))
                    await _until(news, min(TICK, board.fading(loop.time()) or TICK))
                    await asyncio.sleep(rest)
            feeder.result()
        finally:
            feeder.cancel()


async def _feed(
    board: Board,
    deltas: AsyncIterator[vi.Added | vi.Updated | vi.Deleted | vi.Synced],
    news: asyncio.Event,
) -> None:
    loop = asyncio.get_running_loop()
    try:
        async for delta in deltas:
            board.take(delta, loop.time())
            news.set()
    finally:
        news.set()


async def _until(news: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await news.wait()
    news.clear()


@contextlib.contextmanager
def _resized(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> Iterator[None]:
    """While it lasts, another size of the terminal is news."""
    with _handled(loop, signal.SIGWINCH, call):
        yield


@contextlib.contextmanager
def _suspended(
    loop: asyncio.AbstractEventLoop, live: Live, call: Callable[[], None]
) -> Iterator[None]:
    """While it lasts, Ctrl-Z gives the terminal back before it stops us, as in an editor."""

    def suspend() -> None:
        live.stop()
        os.kill(os.getpid(), signal.SIGSTOP)
        live.start()
        call()

    with _handled(loop, signal.SIGTSTP, suspend):
        yield


@contextlib.contextmanager
def _handled(
    loop: asyncio.AbstractEventLoop, number: signal.Signals, call: Callable[[], None]
) -> Iterator[None]:
    try:
        loop.add_signal_handler(number, call)
    except (RuntimeError, ValueError):  # not in the main thread: then it is not ours to handle
        yield
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(number)

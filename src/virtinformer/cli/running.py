"""A command from its start to its exit status.

Whatever ends a command early has the status that a shell expects: 128 and the
number of the signal, also where the signal is only a reader that has gone. Every
error is one line on standard error.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import traceback
from collections.abc import Callable, Coroutine, Iterator
from types import FrameType
from typing import Any, Final, NoReturn, TypeVar

import click

import virtinformer as vi

from .output import Output
from .settings import Settings
from .text import one_line

__all__ = ["FAILED", "TIMED_OUT", "run"]

T = TypeVar("T")

FAILED: Final = 1
"""The exit status of every error but a wrong use, which is 2."""

TIMED_OUT: Final = 124
"""The exit status when the time is over, as of ``timeout`` (GNU coreutils)."""

_OPTIONS: Final = {
    "or read_only=True": "or try --readonly",
    "Pass auth=, a function that answers the host's prompts, with valid credentials": (
        "Give credentials in libvirt's auth.conf: https://libvirt.org/auth.html"
    ),
    "or give connect() a greater history": "or read faster",
}
"""What the library advises a program, and what a person can do instead."""

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """What ends a command from outside: a signal, or that nobody reads its output.

    Promise: the command is cancelled, so that it closes what it opened. One that is
    in the middle of a write is torn out of it, and a second signal does not ask.
    """

    def __init__(self, output: Output) -> None:
        self.signal: signal.Signals | None = None
        self._output = output
        self._task: asyncio.Task[Any] | None = None

    @contextlib.contextmanager
    def heeded(self) -> Iterator[None]:
        """While it lasts, signals come here. They cannot if it is not the main thread's."""
        before: dict[signal.Signals, Any] = {}
        with contextlib.suppress(ValueError):
            before = {number: signal.signal(number, self._on_signal) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do the work, until it is done or interrupted."""
        self._task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        pipe = self._output.pipe()
        if pipe is not None:
            # Tells when the last reader closes it. Not every system can; then a write will.
            with contextlib.suppress(OSError, NotImplementedError):
                loop.add_reader(pipe, self._on_unread, loop, pipe)
        try:
            return await work
        finally:
            if pipe is not None:
                loop.remove_reader(pipe)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        again = self.signal is not None
        self.signal = self.signal or signal.Signals(number)
        if again or self._task is None:
            raise KeyboardInterrupt
        self._output.interrupt()
        self._task.get_loop().call_soon_threadsafe(self._task.cancel)

    def _on_unread(self, loop: asyncio.AbstractEventLoop, pipe: int) -> None:
        loop.remove_reader(pipe)
        self.signal = self.signal or signal.SIGPIPE
        if self._task is not None:
            self._task.cancel()


def run(work: Callable[[Output], Coroutine[Any, Any, T]]) -> T:
    """Run a command to its end, and turn what ends it early into an exit status.

    Args:
        work: the command; given what it is to speak through.
    """
    settings = Settings.current()
    settings.log()
    output = settings.output()
    interruption = Interruption(output)
    try:
        with interruption.heeded():
            return asyncio.run(interruption.run(work(output)))
    except BaseException as error:  # noqa: BLE001 - each is told or raised again
        if output.is_writing:
            output.abandon()
        _end(error, interruption, debug=settings.debug)


def _end(error: BaseException, interruption: Interruption, *, debug: bool) -> NoReturn:
    match error:
        case KeyboardInterrupt() | asyncio.CancelledError():
            raise click.exceptions.Exit(128 + (interruption.signal or signal.SIGINT)) from None
        case BrokenPipeError():
            raise click.exceptions.Exit(128 + signal.SIGPIPE) from None
        case click.ClickException() | click.exceptions.Exit():
            raise error
        case Exception():
            if debug:
                traceback.print_exception(error)
            raise click.ClickException(_message(error, debug=debug)) from error
    raise error


def _message(error: Exception, *, debug: bool) -> str:
    if isinstance(error, vi.VirtInformerError | ValueError):
        return _for_people(str(error))
    if isinstance(error, OSError):
        return one_line(f"cannot write: {error.strerror or error}")
    hint = "" if debug else "; run it again with --debug, and please report what that shows"
    return one_line(f"a fault in virtinformer itself: {type(error).__name__}: {error}{hint}")


def _for_people(message: str) -> str:
    for ours, theirs in _OPTIONS.items():
        message = message.replace(ours, theirs)
    return one_line(message)

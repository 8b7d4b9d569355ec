"""The informer of a command, opened; and what a person is told meanwhile.

The first sync takes as long as the host does. Whoever waits at a terminal for
more than half a second sees what for, on standard error, in one line that is gone
when it is over. While a command goes on, that the host is away is said there, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final, TextIO

import virtinformer as vi

from .duration import age
from .output import is_terminal
from .settings import Settings
from .text import encodable, one_line

__all__ = ["note", "opened"]

PATIENCE: Final = 0.5
"""Seconds before a wait is worth a word."""

PACE: Final = 0.1
"""Seconds between two pictures of the progress."""

LOOK: Final = 0.5
"""Seconds between two looks at whether the host is still there."""

_WHEEL: Final = "|/-\\"
_ERASE: Final = "\r\x1b[K"


@contextlib.asynccontextmanager
async def opened(
    settings: Settings, *, vigil: bool = False, resync_period: float | None = 60.0
) -> AsyncIterator[vi.DomainInformer]:
    """An informer that is synced, and closed in the end.

    Args:
        settings: which host, and how.
        vigil: whether to tell on standard error when the host goes away and comes back.
        resync_period: for `virtinformer.connect`.
    """
    informer = settings.informer(resync_period)
    async with contextlib.AsyncExitStack() as stack:
        with Progress(informer, settings.host_name if is_terminal() else None).shown():
            await stack.enter_async_context(informer)
        if vigil:
            stack.enter_context(Vigil(informer, note).kept())
        yield informer


def note(text: str) -> None:
    """Tell a person something beside the output: on standard error, one line."""
    stream = sys.stderr
    if stream is None:  # closed by whoever started us
        return
    with contextlib.suppress(OSError):
        stream.write(f"{encodable(one_line(text), stream.encoding or 'ascii')}\n")
        stream.flush()


def reason_of(error: Exception | None) -> str:
    """Why, in the host's own words, without the advice that the library adds."""
    return "" if error is None else one_line(str(error.__cause__ or error))


class Progress:
    """A line about an informer that opens. Promise: it is gone when the informer is open.

    Args:
        informer: it.
        host: what to call it; ``None``: say nothing.
        stream: where to draw; standard error.
    """

    def __init__(
        self, informer: vi.DomainInformer, host: str | None, stream: TextIO | None = None
    ) -> None:
        self._informer = informer
        self._host = host
        self._stream = stream or sys.stderr
        self._turns = 0
        self._timer: asyncio.TimerHandle | None = None

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Show it while the body runs, if that takes long."""
        if self._host is None:
            yield
            return
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(PATIENCE, self._draw, loop)
        try:
            yield
        finally:
            self._timer.cancel()
            if self._turns:
                self._write(_ERASE)

    def _draw(self, loop: asyncio.AbstractEventLoop) -> None:
        # Two columns are left free: in the last one a terminal may begin a new line.
        width = shutil.get_terminal_size().columns - 2
        line = one_line(f"{_WHEEL[self._turns % len(_WHEEL)]} {self.text}")
        self._turns += 1
        self._write(f"{_ERASE}{encodable(line, self._stream.encoding or 'ascii')[:width]}")
        self._timer = loop.call_later(PACE, self._draw, loop)

    @property
    def text(self) -> str:
        """What is being waited for."""
        health = self._informer.health
        seconds = age(PATIENCE + self._turns * PACE)
        if health.connected:
            return f"Reading the domains of {self._host} … {seconds}"
        if health.last_error is not None:
            return f"Not connected yet, {seconds}: {reason_of(health.last_error)}"
        return f"Connecting to {self._host} … {seconds}"

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._stream.write(text)
            self._stream.flush()


class Vigil:
    """Tells when the host goes away, and when it is back and all is known again.

    Args:
        informer: whose health is looked at.
        tell: given a sentence.
    """

    def __init__(self, informer: vi.DomainInformer, tell: Callable[[str], None]) -> None:
        self._informer = informer
        self._tell = tell
        self._away = False
        self._reconnects = 0

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Look from time to time while the body runs."""
        loop = asyncio.get_running_loop()
        timer = loop.call_later(LOOK, self._rounds, loop)
        self._cancel: Callable[[], None] = timer.cancel
        try:
            yield
        finally:
            self._cancel()

    def _rounds(self, loop: asyncio.AbstractEventLoop) -> None:
        self.look()
        self._cancel = loop.call_later(LOOK, self._rounds, loop).cancel

    def look(self) -> None:
        """Tell what has changed since the last look."""
        health = self._informer.health
        back = health.connected and health.synced
        if not self._away and (not health.connected or health.reconnects > self._reconnects):
            self._away = True
            self._tell(f"The host is away: {reason_of(health.last_error)}. Trying again.")
        if self._away and back:
            self._away = False
            self._reconnects = health.reconnects
            self._tell("The host is back; what changed meanwhile has been told.")

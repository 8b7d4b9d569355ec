"""libvirt's event loop: one per process, on one thread.

libvirt delivers events, keepalive and close notices through an *event loop
implementation* that has to be registered before the first connection is
opened, once for the process; a second registration is silently ignored. This
module registers libvirt's default one and runs it for ever on a daemon thread.

Two things can be wrong, and neither shows as an error of libvirt; both would
show as events that never come:

*Somebody else registered first* (``libvirtaio``, ``virEventRegisterImpl``). A
timeout can be added exactly when some implementation is registered, so that is
asked before we register; and after, a timeout of zero must run its callback on
our thread. If it runs elsewhere or not at all, the loop is not ours.

*The process was forked* after the thread was started: the child has the locks
and sockets of the parent, and no thread. That cannot be mended, only refused.

*Every call disturbs it.* While a call is under way, its thread reads the connection's
socket in the loop's place; so a call takes the socket from the loop and gives it back,
and both wake the loop's thread, to nothing, with the interpreter's lock to be waited for.
For a row of thousands of calls that is more work than the calls themselves. So whoever
makes them has the loop turn slowly meanwhile (`slowly`): what a turn is for may come a
millisecond or two later.

The binding never lets go of the callback of a timeout: it hands libvirt no function
to free it with. So timeouts are added once for the process, and used again.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Final

import libvirt

from ..exceptions import EventLoopError

__all__ = ["beats", "ensure_running", "fence", "slowly"]

log = logging.getLogger("virtinformer.libvirt")

THREAD_NAME: Final = "virtinformer-events"
HEARTBEAT_MS: Final = 1000
VERDICT_SECONDS: Final = 2.0
REST_SECONDS: Final = 0.002
"""Between two turns, while many calls are made."""

_FOREIGN: Final = (
    "libvirt's event loop belongs to somebody else ({where}), so events would not arrive. "
    "Open the informer before anything calls libvirtaio.virEventRegisterAsyncIOImpl(), "
    "libvirt.virEventRegisterImpl() or virEventRunDefaultImpl(), or leave these out"
)
_FORKED: Final = (
    "this process was forked from one in which libvirt's event thread ran, and has no such "
    "thread: start the process with multiprocessing's 'spawn' method instead of 'fork'"
)


class _EventLoop:
    """The process's event loop. Promise: once `ensure` has returned, events are delivered.

    What it found out is kept: an implementation can be registered only once, so
    a refusal is final.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner: int | None = None
        self._refusal: str | None = None

    def ensure(self) -> None:
        # Before the lock: in a forked child, the thread that held it may not exist.
        if self._owner not in (None, os.getpid()):
            raise EventLoopError(_FORKED)
        with self._lock:
            if self._owner is None:
                self._judge(self._start())
        if self._refusal is not None:
            raise EventLoopError(self._refusal)

    def _start(self) -> threading.Thread:
        # At once, since a child that is forked meanwhile finds the lock taken for ever; but
        # not for good, since whoever asks again may be given the thread.
        self._owner = os.getpid()
        try:
            return self._start_thread()
        except Exception as error:
            self._owner = None
            raise EventLoopError(f"libvirt's event loop cannot be started: {error}") from error

    def _start_thread(self) -> threading.Thread:
        libvirt.registerErrorHandler(_be_silent, None)
        if not _is_registered():
            libvirt.virEventRegisterDefaultImpl()
        thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)
        thread.start()
        return thread

    def _judge(self, thread: threading.Thread) -> None:
        seen = _run_once(VERDICT_SECONDS)
        if seen is thread:
            # Keeps the loop turning where there is nothing else to wait for.
            libvirt.virEventAddTimeout(HEARTBEAT_MS, _beat, None)
            _bell.hang()
        else:
            where = f"run by thread {seen.name!r}" if seen else "another was registered first"
            self._refusal = _FOREIGN.format(where=where)

    def _run(self) -> None:
        while self._refusal is None:
            try:
                libvirt.virEventRunDefaultImpl()
            except Exception:
                log.exception("libvirt's event loop failed; going on")
            if _haste.calls:
                time.sleep(REST_SECONDS)


class _Haste:
    """How many threads make calls in a row."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.calls = 0

    def __enter__(self) -> None:
        with self._lock:
            self.calls += 1

    def __exit__(self, *exc_info: object) -> None:
        with self._lock:
            self.calls -= 1


class _Bell:
    """Rings on libvirt's event loop for whoever waits, as soon as it turns.

    One timeout, which is off while nobody waits.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._timer: int | None = None
        self._waiting: list[threading.Event] = []

    def hang(self) -> None:
        self._timer = libvirt.virEventAddTimeout(-1, self._ring, None)

    def wait(self, seconds: float) -> bool:
        if self._timer is None:
            return False
        rung = threading.Event()
        with self._lock:
            self._waiting.append(rung)
            libvirt.virEventUpdateTimeout(self._timer, 0)
        return rung.wait(seconds)

    def _ring(self, timer: int, opaque: object) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
            libvirt.virEventUpdateTimeout(timer, -1)
        for rung in waiting:
            rung.set()


def _is_registered() -> bool:
    """Whether any implementation is: without one, no timeout can be added."""
    try:
        timer = libvirt.virEventAddTimeout(-1, _beat, None)
    except libvirt.libvirtError:
        return False
    with suppress(libvirt.libvirtError):  # a foreign one may fail in any way it likes
        libvirt.virEventRemoveTimeout(timer)
    return True


def _run_once(seconds: float) -> threading.Thread | None:
    """Which thread runs a callback; ``None`` if none does in time."""
    seen: list[threading.Thread] = []
    done = threading.Event()

    def callback(timer: int, opaque: object) -> None:
        libvirt.virEventRemoveTimeout(timer)
        seen.append(threading.current_thread())
        done.set()

    try:
        libvirt.virEventAddTimeout(0, callback, None)
    except libvirt.libvirtError:
        return None
    done.wait(seconds)
    return seen[0] if seen else None


def _beat(timer: int, opaque: object) -> None:
    """Nothing else to do: to have been woken is all."""
    for listener in tuple(beats):
        listener()


def _be_silent(context: object, error: object) -> None:
    """Drop what libvirt would print to stderr: it raises the same as an exception."""


beats: Final[set[Callable[[], None]]] = set()
"""What is called every `HEARTBEAT_MS`, on the event loop. It must neither block nor raise."""

_haste: Final = _Haste()
_bell: Final = _Bell()
_loop: Final = _EventLoop()


def ensure_running() -> None:
    """Have libvirt's event loop run in this process. Idempotent, from any thread.

    Raises:
        EventLoopError: if another implementation was registered first, if the
            process was forked from one with an event thread, or if no thread
            can be started (then it may be tried again).
    """
    _loop.ensure()


def fence(seconds: float = 1.0) -> bool:
    """Wait until every callback that is running now has returned.

    Returns:
        Whether it was so in time. Not to be called from a callback.
    """
    return _bell.wait(seconds)


def slowly() -> AbstractContextManager[None]:
    """Within it, many calls are made in a row; the event loop makes room for them."""
    return _haste

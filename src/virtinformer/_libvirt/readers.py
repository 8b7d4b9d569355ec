"""Threads for calls that block.

libvirt has no asynchronous calls. A call may hang for as long as the daemon
does, and nothing can take it back; so it must run on a thread that nobody has to
wait for. That rules out `concurrent.futures.ThreadPoolExecutor` (the interpreter
waits for its threads at exit) and ``anyio.to_thread`` (its threads outlive the
informer). Hence this: daemon threads, a queue, and an end.

How many threads may call on one connection, `Readers` is told: see `connection`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

__all__ = ["Job", "Readers"]

log = logging.getLogger("virtinformer.libvirt")

Job = Callable[[], None]


class Readers:
    """A few threads that run jobs, first come, first served.

    Promise: `submit` and `close` never wait for a job; a closed pool begins no
    job; an idle thread ends at once when the pool is closed, a busy one after
    its job, and the last of them does what `close` was given to do. Jobs handle
    their own exceptions; one that does not is logged.
    """

    def __init__(self, name: str, size: int) -> None:
        self._name = name
        self._size = size
        self._jobs: deque[Job] = deque()
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._working = 0
        self._idle = 0
        self._closed = False
        self._last: Job = _nothing

    def submit(self, job: Job) -> None:
        """Have `job` run soon; dropped if the pool is closed.

        Raises:
            RuntimeError: if there is no thread, and none can be started.
        """
        with self._changed:
            if self._closed:
                return
            if self._idle <= len(self._jobs) and len(self._threads) < self._size:
                self._add_thread()
            self._jobs.append(job)
            self._changed.notify()

    def close(self, last: Job | None = None) -> None:
        """Drop the jobs that have not begun, and let the threads end.

        The last of them then runs `last`; the caller does if there is none.
        So the end needs no new thread, which might not be had.
        """
        with self._changed:
            if self._closed:
                return
            self._closed, self._last = True, last or _nothing
            self._jobs.clear()
            self._changed.notify_all()
            is_empty = self._working == 0
        if is_empty:
            self._run(self._take_last())

    def join(self, timeout: float | None = None) -> bool:
        """Wait, after `close`, until all threads have ended; whether they have in time."""
        deadline = None if timeout is None else time.monotonic() + timeout
        for thread in tuple(self._threads):
            thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _add_thread(self) -> None:
        name = f"{self._name}-{len(self._threads)}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            if not self._threads:
                raise
            log.warning("%s goes on with %d threads: %s", self._name, len(self._threads), error)
        else:
            # Only now: nobody serves, or can be waited for, that was not started.
            self._threads.append(thread)
            self._working += 1

    def _work(self) -> None:
        try:
            while (job := self._next()) is not None:
                self._run(job)
                # Else what it holds would be held until the next one comes.
                del job
        finally:
            self._leave()

    def _leave(self) -> None:
        with self._changed:
            self._working -= 1
            is_last = self._closed and self._working == 0
        if is_last:
            self._run(self._take_last())

    def _run(self, job: Job) -> None:
        try:
            job()
        except Exception:
            log.exception("a job of %s raised", self._name)

    def _take_last(self) -> Job:
        last, self._last = self._last, _nothing
        return last

    def _next(self) -> Job | None:
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._jobs or self._closed)
            self._idle -= 1
            return self._jobs.popleft() if self._jobs else None


def _nothing() -> None:
    """What the last thread does if nothing is left to do."""

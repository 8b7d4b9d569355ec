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
    its job. Jobs handle their own exceptions; one that does not is logged.
    """

    def __init__(self, name: str, size: int) -> None:
        self._name = name
        self._size = size
        self._jobs: deque[Job] = deque()
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._closed = False

    def submit(self, job: Job) -> None:
        """Have `job` run soon; dropped if the pool is closed."""
        with self._changed:
            if self._closed:
                return
            self._jobs.append(job)
            if self._idle < len(self._jobs) and len(self._threads) < self._size:
                self._add_thread()
            self._changed.notify()

    def close(self) -> None:
        """Drop the jobs that have not begun, and let the threads end."""
        with self._changed:
            self._closed = True
            self._jobs.clear()
            self._changed.notify_all()

    def join(self, timeout: float | None = None) -> bool:
        """Wait, after `close`, until all threads have ended; whether they have in time."""
        deadline = None if timeout is None else time.monotonic() + timeout
        for thread in tuple(self._threads):
            thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _add_thread(self) -> None:
        name = f"{self._name}-{len(self._threads)}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            try:
                job()
            except Exception:
                log.exception("a job of %s raised", self._name)
            # Else what it holds would be held until the next one comes.
            del job

    def _next(self) -> Job | None:
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._jobs or self._closed)
            self._idle -= 1
            return self._jobs.popleft() if self._jobs else None

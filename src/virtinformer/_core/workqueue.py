"""What is to be worked on: keys, in order, each once.

The theory is that of client-go's work queue (``util/workqueue/queue.go``, "fair,
stingy"), here without a clock, a lock or a thread: `now` is an argument of
whatever depends on it, and never goes back.

Three collections hold a key. It is *dirty* if it is to be worked on, *running*
from `get` to `done`, and *later* if it is to become dirty at a time. A key that
is dirty and not running stands in the queue, once::

                        add, or its time comes                  get
    later ◀─┐ ┌────────────────────────────────▶ in the queue ─────▶ running
            │ │                                        ▲                │
            │ unknown ◀────────────────────────────────│─────────── done, clean
            └ add_after, retry                         └─────────── done, dirty

- A key is dirty or it is not: however often it is added before it is taken, it
  is taken once. One run sees everything that was.
- A key that is added while it runs is dirty again, but does not stand in the
  queue before it is `done`, and then at its end: no key runs twice at once, none
  is forgotten, and one that is always dirty does not keep others from their turn.
- A key has one appointment at most, the earliest it was given, and none while it
  is dirty: to be added means to run sooner, not once more.
- An appointment that has come puts its key at the end of the queue as it was at
  that moment: those who waited before are ahead, those who came later are behind.
- A key that failed rests. Whatever adds it meanwhile, it does not run before its
  backoff is over, and then once. client-go lets a change cut the backoff short;
  but on a hypervisor the failed attempt often *is* a change (a start that fails
  tells of it), and the backoff would never hold. `forget` ends the rest.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

import attrs

from .backoff import Backoff
from .histogram import Durations, Histogram
from .timetable import Timetable

__all__ = ["BACKOFF", "QueueStatistics", "WorkQueue"]

K = TypeVar("K", bound=Hashable)

BACKOFF: Final = Backoff()
"""How long keys that fail rest where nobody says otherwise."""


@attrs.frozen
class QueueStatistics:
    """Totals since the queue was made, and sizes now; named after client-go's metrics.

    Attributes:
        depth: how many keys are to be worked on and are not yet.
        delayed: how many keys have an appointment.
        running: how many keys are being worked on.
        adds: how often a key became one to be worked on.
        retries: how often a key failed and was to be tried again.
        wait: how long keys had to wait, from when they were to be worked on
            until they were (client-go: ``queue_duration_seconds``).
        work: how long the work took (``work_duration_seconds``).
        unfinished: seconds for which those that are being worked on have been,
            together (``unfinished_work_seconds``). It grows without end where
            something is stuck.
        longest_running: seconds for which the longest of them has been.
    """

    depth: int
    delayed: int
    running: int
    adds: int
    retries: int
    wait: Histogram
    work: Histogram
    unfinished: float
    longest_running: float


@attrs.frozen
class _Trouble:
    failures: int
    rests_until: float


class WorkQueue(Generic[K]):
    """Keys to be worked on, in order, each once; pure, so that any shell can be put around it.

    Promise: a key is never worked on twice at once; one that is added is taken
    after that at least once, and one that is added while it is worked on exactly
    once more; keys are taken in the order in which they became due, so that
    every one has its turn; one that failed rests, longer each time.

    Whoever takes a key with `get` must give it back with `done`, and say before
    what came of it: `forget` if all went well, `retry` if it failed, `add_after` if it
    is to be looked at again.

    Args:
        random: gives numbers from 0.0 up to 1.0, for jitter.
        backoff: how long keys that fail rest.
    """

    def __init__(self, random: Callable[[], float], backoff: Backoff = BACKOFF) -> None:
        self._random = random
        self._backoff = backoff
        self._queue: deque[K] = deque()
        self._dirty: dict[K, float] = {}
        self._running: dict[K, float] = {}
        self._later: Timetable[K] = Timetable()
        self._troubles: dict[K, _Trouble] = {}
        self._adds = 0
        self._retries = 0
        self._wait = Durations()
        self._work = Durations()

    def __len__(self) -> int:
        """How many keys are to be worked on and are not yet."""
        return len(self._dirty)

    @property
    def running(self) -> int:
        """How many keys are being worked on."""
        return len(self._running)

    @property
    def deadline(self) -> float | None:
        """When `get` may have something to give that it has not now; ``None`` for never."""
        return self._later.next

    def add(self, key: K, now: float) -> None:
        """Have a key worked on."""
        self._put(key, now, now)

    def add_after(self, key: K, delay: float, now: float) -> None:
        """Have a key worked on after `delay` seconds, or sooner, if anything else wants that.

        Raises:
            ValueError: if the delay is no finite number.
        """
        if not math.isfinite(delay):
            raise ValueError(f"the delay must be a finite number of seconds, not {delay}")
        self._put(key, now + delay, now)

    def get(self, now: float) -> K | None:
        """Take the key that is next, to work on it; ``None`` if there is none."""
        self._ripen(now)
        if not self._queue:
            return None
        key = self._queue.popleft()
        self._wait.observe(now - self._dirty.pop(key))
        self._running[key] = now
        return key

    def done(self, key: K, now: float) -> None:
        """Give back a key that was taken: the work on it has ended.

        Raises:
            ValueError: if it was not taken.
        """
        self._require_taken(key)
        self._work.observe(now - self._running.pop(key))
        if key in self._dirty:
            self._queue.append(key)

    def retry(self, key: K, now: float) -> float:
        """Have a key that was taken, and failed, worked on again when it has rested.

        Returns:
            for how many seconds it rests.

        Raises:
            ValueError: if it was not taken.
        """
        self._require_taken(key)
        failures = self.failures(key) + 1
        delay = self._backoff.delay(failures, self._random)
        self._troubles[key] = _Trouble(failures, now + delay)
        self._retries += 1
        # What was to come sooner waits as long, and what was to come later comes with it.
        self._dirty.pop(key, None)
        self._later.set(key, now + delay)
        return delay

    def forget(self, key: K) -> None:
        """Forget that a key failed: it rests no longer, and its next failure is its first."""
        self._troubles.pop(key, None)

    def failures(self, key: K) -> int:
        """How often in a row a key failed."""
        trouble = self._troubles.get(key)
        return trouble.failures if trouble is not None else 0

    def statistics(self, now: float) -> QueueStatistics:
        """What was counted since the queue was made, and sizes now.

        It changes nothing, and may be called from another thread.
        """
        overdue = self._later.overdue(now)
        ages = [now - began for began in list(self._running.values())]
        return QueueStatistics(
            depth=len(self._dirty) + overdue,
            delayed=len(self._later) - overdue,
            running=len(ages),
            adds=self._adds + overdue,
            retries=self._retries,
            wait=self._wait.histogram,
            work=self._work.histogram,
            unfinished=sum(ages),
            longest_running=max(ages, default=0.0),
        )

    def _put(self, key: K, due: float, now: float) -> None:
        # Those whose time came before are ahead of it.
        self._ripen(now)
        trouble = self._troubles.get(key)
        if trouble is not None:
            due = max(due, trouble.rests_until)
        if due <= now:
            self._later.cancel(key)
            self._soil(key, now)
        elif key not in self._dirty:
            appointed = self._later.when(key)
            self._later.set(key, due if appointed is None else min(due, appointed))

    def _ripen(self, now: float) -> None:
        while (when := self._later.next) is not None and when <= now:
            self._soil(next(self._later.due(now)), when)

    def _soil(self, key: K, since: float) -> None:
        if key in self._dirty:
            return
        self._adds += 1
        self._dirty[key] = since
        if key not in self._running:
            self._queue.append(key)

    def _require_taken(self, key: K) -> None:
        if key not in self._running:
            raise ValueError(f"{key!r} is not being worked on: take it with get() first")

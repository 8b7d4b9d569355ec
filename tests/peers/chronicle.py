"""Writes the history of an informer of another make, which may live on a thread of its own.

The order of the lines is that in which they were written, under one lock: a handler that
was called before the store was read stands before that read, whichever thread it is on.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Self
from uuid import UUID

import virtinformer as vi
from tests.guarantees.history import Fact, History, Line, Logged, Looked
from tests.peers.pods import Pod

__all__ = ["Chronicle"]

_HEALTH = vi.Health(
    connected=True,
    synced=True,
    epoch=1,
    last_contact=None,
    staleness=0.0,
    last_error=None,
    reconnects=0,
)
"""Informers of another make have no such thing; no validator that is used here reads it."""


class Chronicle(logging.Handler):
    """A history, written from any thread; while its context is open also what is logged.

    Args:
        logger: whose warnings and errors belong to the history.

    Attributes:
        history: what was written.
        lock: is held by whoever reads something and writes it down.
    """

    lock: threading.RLock

    def __init__(self, logger: str) -> None:
        super().__init__(logging.WARNING)
        self.lock = threading.RLock()
        self.history = History()
        self._logger = logging.getLogger(logger)
        self._domains: dict[Pod, vi.Domain] = {}
        self._greatest = 0
        self._last = vi.Snapshot({}, 0)
        self._began = time.monotonic()

    def write(self, who: str, fact: Fact) -> Line:
        """Add a line, now."""
        with self.lock:
            return self.history.write(time.monotonic() - self._began, who, fact)

    def domain(self, pod: Pod) -> vi.Domain:
        """A pod, as the history tells it; always the same object for the same pod."""
        with self.lock:
            return self._domains.setdefault(pod, pod.domain())

    def view(self, pods: Iterable[Pod]) -> vi.Snapshot:
        """What was read from a store; the same object as before if that is the same.

        A list from the store of a peer has no version. It is given the greatest that was
        ever seen in the store, which never makes one look worse than it is.
        """
        found: dict[UUID, vi.Domain] = {pod.uid: self.domain(pod) for pod in pods}
        if found != dict(self._last):
            versions = [domain.resource_version for domain in found.values()]
            self._greatest = max([self._greatest, *versions])
            self._last = vi.Snapshot(found, self._greatest)
        return self._last

    def looked(self, who: str, view: vi.Snapshot) -> Line:
        """Somebody read the store."""
        return self.write(who, Looked(view, _HEALTH))

    # ------------------------------------------------------------ the log

    def __enter__(self) -> Self:
        self._logger.addHandler(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._logger.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Write down what is logged (called by `logging`)."""
        self.write("log", Logged(record.levelname, record.getMessage()))

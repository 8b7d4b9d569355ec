"""Further hands for a long list: connections of their own, for as long as it takes.

One connection is one queue to the daemon, and with an older libvirt only one call at
a time may be in it (see `connection`). A list of many domains is read three times as
fast over four connections as over one. They are opened when such a list is made, and closed
when it is through: lists of the whole host are rare (the periodic resync comes in slices,
for which one connection does), and an idle connection is one that can break and has to be
watched.

That is done only where another connection is to the same host, and costs nothing but a
millisecond: on a local socket of a daemon, and where nobody can be asked for a password.
The daemon may ask by itself, through polkit, whoever is not root and wants to write to the
system's daemon; so it is left alone.

A helper may fail or hang in any way; nobody waits for it but the end of the session.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections.abc import Callable
from typing import Final

import libvirt

from .connection import Address, Connection
from .errors import detached
from .readers import Job

__all__ = ["HELPERS", "Helpers", "may_be_helped"]

log = logging.getLogger("virtinformer.libvirt")

HELPERS: Final = 3

_LOCAL: Final = re.compile(
    r"(?:bhyve|ch|lxc|qemu|vz|xen)(?:\+unix)?:///(system|session)(?:\?[^#]*)?\Z", re.IGNORECASE
)


def may_be_helped(address: Address) -> bool:
    """Whether further connections are to the same host, and nobody is asked for them."""
    local = _LOCAL.match(address.uri)
    if local is None or address.auth is not None:
        return False
    return local.group(1).lower() == "session" or address.read_only or os.geteuid() == 0


class Helpers:
    """Threads with connections of their own, which come to do one piece of work.

    Promise: no method waits for a call to libvirt. There are never more than `HELPERS` of
    them, those included that hang; each closes its connection before it goes. After `close`
    none comes, and the last one to go does what `close` was given to do.

    Args:
        name: of the threads.
        address: where to connect to.
    """

    def __init__(self, name: str, address: Address) -> None:
        self._name = name
        self._address = address
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._working = 0
        self._closed = False
        self._last: Job | None = None

    def call(self, work: Callable[[libvirt.virConnect], None]) -> None:
        """Have each helper that is free connect, and do `work` on its connection."""
        if not may_be_helped(self._address):
            return
        with self._lock:
            if self._closed:
                return
            for _ in range(HELPERS - self._working):
                self._start(work)

    def close(self, last: Job) -> None:
        """Let no more of them come. The last one to go does `last`; the caller if there is none."""
        with self._lock:
            self._closed = True
            if self._working:
                self._last = last
                return
        last()

    def join(self, timeout: float) -> None:
        """Wait for their threads, after `close`."""
        deadline = time.monotonic() + timeout
        for thread in tuple(self._threads):
            thread.join(max(0.0, deadline - time.monotonic()))

    def _start(self, work: Callable[[libvirt.virConnect], None]) -> None:
        name = f"{self._name}-{self._working}"
        thread = threading.Thread(target=self._help, args=([work],), name=name, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            log.debug("%s cannot come: %s", self._name, error)
        else:
            self._threads.add(thread)
            self._working += 1

    def _help(self, errand: list[Callable[[libvirt.virConnect], None]]) -> None:
        connection = Connection(self._address)
        try:
            connection.open()
            # Taken out, since what it holds must be free before the last thing is done.
            errand.pop()(connection.host)
        except Exception as error:  # noqa: BLE001 - the list goes on without it
            log.debug("%s goes: %s", self._name, detached(error, self._address.uri))
        finally:
            errand.clear()
            connection.close()
            self._leave()

    def _leave(self) -> None:
        # Not before whoever started it has noted it, and meanwhile holds the lock.
        with self._lock:
            self._working -= 1
            if not self._closed:
                self._threads.discard(threading.current_thread())
            last = None if self._working else self._last
        if last is not None:
            last()

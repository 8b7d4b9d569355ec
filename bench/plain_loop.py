"""The loop that people write: list the domains, then ask each, one after another.

It runs in a process of its own, as such a program does: where libvirt's event loop runs, too,
each of its calls takes a third longer, since the event loop's thread is woken by each.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator

import libvirt

__all__ = ["CONNECT", "READ", "contender"]

CONNECT, READ = "connect", "read"


async def contender(uri: str) -> AsyncGenerator[float | None, str]:
    """The contender: asked to `CONNECT` (and read), or to `READ` on a connection that stands."""
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    with contextlib.closing(libvirt.open(uri)) as connection:
        request = yield None
        while True:
            request = yield _connected(uri) if request == CONNECT else _read_all(connection)


def _read_all(connection: libvirt.virConnect) -> float:
    """Read everything about every domain; the seconds that it took."""
    began = time.perf_counter()
    whole = [
        (domain.XMLDesc(), domain.state(), domain.isPersistent(), domain.autostart())
        for domain in connection.listAllDomains()
    ]
    took = time.perf_counter() - began
    assert whole
    return took


def _connected(uri: str) -> float:
    """Connect, and read everything; the seconds that it took."""
    began = time.perf_counter()
    with contextlib.closing(libvirt.open(uri)) as connection:
        _read_all(connection)
        return time.perf_counter() - began

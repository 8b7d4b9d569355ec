"""The loop that people write: list the domains, then ask each, one after another."""

from __future__ import annotations

import contextlib
import time

import libvirt

__all__ = ["connected", "read_all"]


def read_all(connection: libvirt.virConnect) -> float:
    """Read everything about every domain; the seconds that it took."""
    began = time.perf_counter()
    whole = [
        (domain.XMLDesc(), domain.state(), domain.isPersistent(), domain.autostart())
        for domain in connection.listAllDomains()
    ]
    took = time.perf_counter() - began
    assert whole
    return took


def connected(uri: str) -> float:
    """Connect, and read everything; the seconds that it took."""
    began = time.perf_counter()
    with contextlib.closing(libvirt.open(uri)) as connection:
        read_all(connection)
        return time.perf_counter() - began

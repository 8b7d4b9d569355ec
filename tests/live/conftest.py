"""A shared host that others can be made like."""

from __future__ import annotations

import pytest

from tests.daemons import Daemon


@pytest.fixture(scope="session")
def qemu(qemu: Daemon) -> Daemon:
    """The shared host, once it has found out what its QEMU can do: `Daemon(like=…)` copies that."""
    host = qemu.connect()
    try:
        host.getCapabilities()
    finally:
        host.close()
    return qemu

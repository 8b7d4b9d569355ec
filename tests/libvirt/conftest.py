"""What tests of the source on libvirt share."""

from __future__ import annotations

import libvirt
import pytest


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What each `virConnectClose` returned: how many references were left."""
    left: list[int] = []
    close = libvirt.virConnect.close

    def recorded(host: libvirt.virConnect) -> int:
        left.append(close(host))
        return left[-1]

    monkeypatch.setattr(libvirt.virConnect, "close", recorded)
    return left

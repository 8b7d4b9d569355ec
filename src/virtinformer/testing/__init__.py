"""Test controllers without libvirt: a made-up host, and time that does not pass.

::

    from virtinformer.testing import FakeHost, run

    async def scenario():
        host = FakeHost(seed=1)
        async with host.connect() as informer:
            web = host.define("web")
            host.drop_next_events(1)
            host.start(web)
            await informer.wait_for(web, lambda domain: domain.active)

    run(scenario())
"""

from __future__ import annotations

from .._core.model import Observation
from .faults import Faults, Latency, Span
from .host import FakeHost
from .log import HostEvent, LogEntry
from .source import FakeSource
from .virtualtime import VirtualLoop, run

__all__ = [
    "FakeHost",
    "FakeSource",
    "Faults",
    "HostEvent",
    "Latency",
    "LogEntry",
    "Observation",
    "Span",
    "VirtualLoop",
    "run",
]

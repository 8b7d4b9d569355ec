"""The made-up host tells of a life what libvirt with QEMU told of it."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest

from tests import traces
from tests.loops import virtual_time
from tests.testing.watcher import Attached
from virtinformer._core.messages import EventReceived
from virtinformer.testing import FakeHost

Step = Callable[[FakeHost, UUID, str], object]


CALLS: dict[str, Step] = {
    "defineXML": lambda host, uuid, name: host.define(name, uuid=uuid),
    "defineXML memory changed": lambda host, uuid, name: host.define(name, uuid=uuid, memory=4096),
    "defineXML identical": lambda host, uuid, name: host.define(name, uuid=uuid, memory=4096),
    "create": lambda host, uuid, _: host.start(uuid),
    "create from save": lambda host, uuid, _: host.restore(uuid),
    "createXML": lambda host, uuid, name: host.create_transient(name, uuid=uuid),
    "createXML START_PAUSED": lambda host, uuid, name: host.create_transient(
        name, uuid=uuid, paused=True
    ),
    "resume": lambda host, uuid, _: host.resume(uuid),
    "destroy": lambda host, uuid, _: host.destroy(uuid),
    "undefine": lambda host, uuid, _: host.undefine(uuid),
    "rename": lambda host, uuid, _: host.rename(uuid, "after"),
    "managedSave": lambda host, uuid, _: host.managed_save(uuid),
    "setAutostart 1": lambda host, uuid, _: host.set_autostart(uuid, True),
    "setMemory config": lambda host, uuid, _: host.set_memory(uuid, 4096),
    "setVcpus max config": lambda host, uuid, _: None,
    "setMetadata config": lambda host, uuid, _: host.set_metadata(uuid, "a note"),
    "attach rng config": lambda host, uuid, _: host.attach_device(uuid, "rng0"),
}
"""What the recorded calls are on the made-up host."""


@virtual_time
@pytest.mark.parametrize("name", traces.NAMES)
async def test_one_life_makes_the_same_events(name: str) -> None:
    trace = traces.load(name)
    first = trace.events[0]
    host = FakeHost()
    async with Attached(host) as watcher:
        for call in trace.calls:
            CALLS[call.name](host, first.uuid, first.name)
            await watcher.read(first.uuid)
        made = [
            (event.kind, event.type, event.detail, event.id >= 0, event.name, event.uuid)
            for event in watcher.all(EventReceived)
        ]
    assert made == [
        (event.kind, event.type, event.detail, event.id >= 0, event.name, event.uuid)
        for event in trace.events
    ]


def test_all_traces_are_there() -> None:
    assert len(traces.NAMES) == 8


@pytest.mark.parametrize("name", traces.NAMES)
def test_a_trace_has_calls_and_events_in_the_order_of_time(name: str) -> None:
    trace = traces.load(name)
    times = [event.time for event in trace.events]
    assert times == sorted(times)
    assert trace.lifecycle
    assert all(call.error is None for call in trace.calls)

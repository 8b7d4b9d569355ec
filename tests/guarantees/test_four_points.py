"""The four points of the message of 2016, on what libvirt with QEMU really sent.

A recorded life is lived again on a made-up host, live: the truth changes where
the recorded calls changed it, silently, and the recorded events come at their
recorded times, in their recorded order.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

import attrs
import pytest

import virtinformer as vi
from tests import traces
from tests.guarantees.witness import (
    Walk,
    Witness,
    deltas_of,
    now,
    place_of,
    replay,
    requests,
    types,
)
from tests.loops import virtual_time
from virtinformer.testing import FakeHost, Faults

pytestmark = virtual_time

BEFORE: Final = 0.0005
"""So many seconds before the event that tells of a change the change is made."""

Change = Callable[[FakeHost, UUID, str], object]

FIRST: Final[dict[str, Change]] = {
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
    "managedSave": lambda host, uuid, _: host.suspend(uuid),
    "setAutostart 1": lambda host, uuid, _: host.set_autostart(uuid, True),
    "setMemory config": lambda host, uuid, _: host.set_memory(uuid, 4096),
    "setVcpus max config": lambda host, uuid, _: host.mutate(uuid, config_xml="<domain/>"),
    "setMetadata config": lambda host, uuid, _: host.mutate(uuid, xml="<domain/>"),
    "attach rng config": lambda host, uuid, _: host.mutate(
        uuid, config_xml="<domain><rng/></domain>"
    ),
}
"""What a call had changed when its first event came, or when it returned if it had none."""

LAST: Final[dict[str, Change]] = {
    "managedSave": lambda host, uuid, _: finish_saving(host, uuid),
}
"""What it had changed when its last event came, beyond that."""


def finish_saving(host: FakeHost, uuid: UUID) -> None:
    host.resume(uuid)
    host.managed_save(uuid)


@attrs.define
class Replayed:
    """A life that was lived again, and what subscribers saw of it."""

    host: FakeHost
    uuid: UUID
    informer: vi.DomainInformer
    events: list[vi.DomainEvent]
    times: list[float]
    deltas: list[vi.Added | vi.Updated | vi.Deleted]


def silently(host: FakeHost, change: Change, event: traces.Event) -> None:
    host.hold_events()
    change(host, event.uuid, event.name)
    host.release_events([])


def emit(host: FakeHost, event: traces.Event) -> None:
    host.emit(
        event.uuid,
        event.kind,
        type=event.type,
        detail=event.detail,
        name=event.name,
        id=event.id,
        args=event.args,
    )


def schedule(host: FakeHost, trace: traces.Trace) -> float:
    """Set a timer for everything that happened; how long it will take."""
    loop = asyncio.get_running_loop()
    began = loop.time() + 0.1
    ends = [*(call.began for call in trace.calls[1:]), float("inf")]
    for call, end in zip(trace.calls, ends, strict=True):
        own = [event for event in trace.events if call.began <= event.time < end]
        first = own[0] if own else trace.events[0]
        moment = own[0].time if own else call.returned
        loop.call_at(began + moment - BEFORE, silently, host, FIRST[call.name], first)
        if call.name in LAST:
            loop.call_at(began + own[-1].time - BEFORE, silently, host, LAST[call.name], first)
    for event in trace.events:
        loop.call_at(began + event.time, emit, host, event)
    return max(event.time for event in trace.events) + 0.1


@asynccontextmanager
async def replayed(name: str, *, eager_reads: bool = False) -> AsyncIterator[Replayed]:
    trace = traces.load(name)
    host = FakeHost(eager_reads=eager_reads)
    for _ in range(1, min((event.id for event in trace.events if event.id > 0), default=1)):
        host.destroy(host.create_transient("one that ran before"))
    async with (
        host.connect(resync_period=None) as informer,
        Witness(informer.events()) as events,
        Witness(informer.watch(initial=False)) as deltas,
    ):
        await asyncio.sleep(schedule(host, trace) + 2)
        uuid = trace.events[0].uuid
        yield Replayed(host, uuid, informer, events.seen, events.times, deltas_of(deltas.seen))


@pytest.mark.parametrize("eager_reads", [False, True])
@pytest.mark.parametrize("name", traces.NAMES)
async def test_every_recorded_life_is_a_walk_with_nothing_inferred_and_nothing_lost(
    name: str, eager_reads: bool
) -> None:
    async with replayed(name, eager_reads=eager_reads) as life:
        recorded = traces.load(name)
        assert len(life.events) == len(recorded.events)
        assert not any(event.inferred for event in life.events)
        walk = Walk()
        walk.follow(life.events)
        assert walk.place(life.uuid) == place_of(life.host.truth(life.uuid))
        assert life.informer.statistics().events_superseded == 0


# ---------------------------------------------------------------- 1. Started before Defined


async def test_1_defined_is_told_before_started() -> None:
    async with replayed("define_then_start") as life:
        assert types(life.events)[:3] == ["Defined", "Started", "Resumed"]


async def test_1_also_if_libvirt_sends_started_before_defined() -> None:
    trace = traces.load("define_then_start")
    defined, resumed, started, *_ = trace.events
    host = FakeHost()
    async with host.connect(resync_period=None) as informer, Witness(informer.events()) as events:
        host.hold_events()
        host.define(defined.name, uuid=defined.uuid)
        host.start(defined.uuid)
        host.release_events([])
        for event in (resumed, started, defined):
            emit(host, event)
            await asyncio.sleep(0.001)
        await asyncio.sleep(1)
        assert types(events.seen) == ["Defined", "Started", "Resumed"]


async def test_1_a_domain_that_is_started_and_defined_later_is_told_so() -> None:
    async with replayed("start_then_define") as life:
        expected = ["Started", "Resumed", "Defined", "Undefined", "Shutdown", "Stopped"]
        assert types(life.events) == expected
        added, *updates, deleted = life.deltas
        assert isinstance(added, vi.Added)
        assert [update.domain.persistent for update in updates] == [True, False]
        assert isinstance(deleted, vi.Deleted)
        assert deleted.reason is vi.DeletionReason.STOPPED


# ---------------------------------------------------------------- 2. Resumed before Started


async def test_2_a_plain_start_is_started_then_resumed() -> None:
    recorded = [event.type for event in traces.load("define_then_start").lifecycle]
    assert recorded[1:3] == [4, 2], "libvirt sends Resumed, then Started"
    async with replayed("define_then_start") as life:
        expected = ["Defined", "Started", "Resumed", "Shutdown", "Stopped", "Undefined"]
        assert types(life.events) == expected
        assert [len(delta.events) for delta in life.deltas] == [1, 2, 1, 1, 1]


async def test_2_a_start_paused_is_started_then_suspended() -> None:
    async with replayed("create_start_paused") as life:
        expected = ["Started", "Suspended", "Resumed", "Shutdown", "Stopped"]
        assert types(life.events) == expected
        assert life.deltas[0].domain.state is vi.DomainState.PAUSED


async def test_2_managed_save_and_restore_follow_the_life_cycle() -> None:
    async with replayed("managed_save_restore") as life:
        steps = [t for t in types(life.events) if t not in ("MigrationIteration", "JobCompleted")]
        first = ["Defined", "Started", "Resumed", "Suspended", "Stopped"]
        second = ["Started", "Resumed", "Shutdown", "Stopped", "Undefined"]
        assert steps == first + second
        reasons = {(event.type, event.reason) for event in life.events}
        assert {("Stopped", "Saved"), ("Started", "Restored")} <= reasons


async def test_2_the_order_costs_an_event_in_order_no_time() -> None:
    async with replayed("create_start_paused") as life:
        recorded = traces.load("create_start_paused").events
        told = [time - life.times[0] for time in life.times]
        sent = [event.time - recorded[0].time for event in recorded]
        assert all(abs(one - other) < 0.006 for one, other in zip(told, sent, strict=True))


# ---------------------------------------------------------------- 3. Defined before it is there


async def test_3_a_domain_that_cannot_be_looked_up_yet_is_added_when_it_can() -> None:
    host = FakeHost(faults=Faults(lookup_lag=(0.1, 0.1)))
    async with (
        host.connect(resync_period=None) as informer,
        Witness(informer.watch(initial=False)) as deltas,
    ):
        web = host.define("web")
        domain = await informer.wait_for(web, lambda _: True)
        assert domain.name == "web"
        await deltas.until(len)
        assert types(deltas_of(deltas.seen)[0].events) == ["Defined"]


@pytest.mark.parametrize("pairs", [1, 200])
async def test_3_defined_and_undefined_at_once_is_told_and_leaves_nothing(pairs: int) -> None:
    host = FakeHost()
    async with (
        host.connect(resync_period=None) as informer,
        Witness(informer.watch(initial=False)) as deltas,
        Witness(informer.events()) as events,
    ):
        for number in range(pairs):
            host.undefine(host.define(f"d{number}"))
        await asyncio.sleep(5)
        assert deltas.seen == []
        assert informer.snapshot() == {}
        assert len(events.seen) == 2 * pairs
        walk = Walk()
        walk.follow(events.seen)
        assert {event.domain_name for event in events.seen} == {f"d{n}" for n in range(pairs)}
        assert len(requests(host, "Read")) <= 2 * pairs


async def test_3_the_mirror_case_a_transient_that_is_gone_before_its_end_is_told() -> None:
    async with replayed("create_transient") as life:
        assert types(life.events) == ["Started", "Resumed", "Shutdown", "Stopped"]
        assert [type(delta) for delta in life.deltas] == [vi.Added, vi.Deleted]
        assert life.deltas[-1].domain.name == "transient"


# ---------------------------------------------------------------- 4. Nothing is versioned


@pytest.mark.parametrize("name", traces.NAMES)
async def test_4_every_event_has_a_version_and_the_whole_domain_as_of_it(name: str) -> None:
    async with replayed(name) as life:
        versions = [event.resource_version for event in life.events]
        assert versions == sorted(set(versions))
        gone = life.deltas[-1].resource_version
        for event in life.events:
            assert event.domain.uuid == life.uuid
            assert event.domain.resource_version >= min(event.resource_version, gone)
            assert event.domain.xml
            record = event.to_dict(xml=True)
            keys = {"event_type", "timestamp", "reason", "domain_name", "domain_id"}
            assert keys | {"resource_version", "state", "xml"} <= record.keys()


async def test_4_an_event_is_told_from_the_list_it_precedes_or_follows() -> None:
    trace = traces.load("define_then_start")
    uuid = trace.events[0].uuid
    host = FakeHost()
    async with (
        host.connect(resync_period=None) as informer,
        Witness(informer.events()) as events,
        Witness(informer.watch()) as deltas,
    ):
        taken: list[vi.Snapshot] = []
        end = now() + schedule(host, trace) + 1
        while now() < end:
            taken.append(informer.snapshot())
            await asyncio.sleep(0.0007)
    gone = deltas.seen[-1].resource_version
    for snapshot in taken:
        held = snapshot[uuid].resource_version if uuid in snapshot else snapshot.resource_version
        for event in events.seen:
            precedes = event.resource_version <= snapshot.resource_version
            assert precedes == (held >= event.resource_version)
        assert (uuid in snapshot) == (1 <= snapshot.resource_version < gone)
        older = [d for d in deltas.seen if d.resource_version <= snapshot.resource_version]
        assert replay(older) == snapshot


async def test_4_a_rename_is_one_update_of_one_domain() -> None:
    async with replayed("rename") as life:
        assert types(life.events) == ["Defined", "Undefined", "Defined", "Undefined"]
        assert [event.domain_name for event in life.events] == [
            "before",
            "before",
            "after",
            "after",
        ]
        added, renamed, deleted = life.deltas
        assert isinstance(renamed, vi.Updated)
        assert (renamed.old.name, renamed.domain.name) == ("before", "after")
        assert added.domain.incarnation == deleted.domain.incarnation


async def test_4_a_redefinition_while_running_is_a_generation_and_an_identical_one_is_not() -> None:
    async with replayed("redefine_while_running") as life:
        generations = [e.domain.generation for e in life.events if e.type == "Defined"]
        assert generations == [1, 2, 2]
        redefined = life.deltas[2]
        assert redefined.changed == {"config_xml"}
        assert isinstance(redefined, vi.Updated)


async def test_4_undefining_a_running_domain_makes_it_transient_and_deletes_nothing() -> None:
    async with replayed("start_then_define") as life:
        undefined = next(event for event in life.events if event.type == "Undefined")
        assert not undefined.domain.persistent
        assert undefined.domain.active

"""Every public call in typical use, for the type checkers. It is NOT meant to be run.

`assert_type` says what a user's editor is to know of a result. What must be refused stands here as
well, with a `type: ignore`: strict mypy complains of one that is not needed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, assert_never, assert_type
from uuid import UUID
from xml.etree.ElementTree import Element

from prometheus_client import CollectorRegistry, generate_latest

import virtinformer as vi
from virtinformer import predicates as p
from virtinformer.prometheus import ControllerCollector, InformerCollector
from virtinformer.testing import (
    FakeHost,
    FakeSource,
    Faults,
    HostEvent,
    Latency,
    LogEntry,
    Observation,
    Span,
    VirtualLoop,
    run,
)

WEB = UUID(int=1)


# ------------------------------------------------------------------ connect


def ask(kind: str, prompt: str, default: str | None) -> str | None:
    return {"username": "me"}.get(kind, default)


def without_xml(domain: vi.Domain) -> vi.Domain:
    return domain


def by_role(domain: vi.Domain) -> Iterable[Hashable]:
    return [domain.name.partition("-")[0]]


async def connecting() -> None:
    async with vi.connect("test:///default") as informer:
        assert_type(informer, vi.DomainInformer)
    assert_type(
        vi.connect(
            "qemu:///system",
            resync_period=None,
            reorder_window=0.2,
            read_only=True,
            indexers={"role": by_role},
            transform=without_xml,
            event_ids=[0, 1],
            history=10,
            connect_timeout=5,
            keepalive=(1.0, 2),
            auth=ask,
        ),
        vi.DomainInformer,
    )
    vi.connect("qemu:///system", keepalive=None)
    vi.connect("qemu:///system", "qemu:///session")  # type: ignore[call-arg, arg-type]
    vi.connect("qemu:///system", keepalive=5)  # type: ignore[arg-type]


# ------------------------------------------------------------------ reading


def reading(informer: vi.DomainInformer) -> None:
    assert_type(informer.get(WEB), vi.Domain | None)
    assert_type(informer.get_by_name("web"), vi.Domain | None)
    assert_type(informer.list(), list[vi.Domain])
    assert_type(informer.list(lambda domain: domain.active), list[vi.Domain])
    assert_type(informer.list(p.active & ~p.name("tmp-*")), list[vi.Domain])
    assert_type(informer.by_index("role", "web"), Sequence[vi.Domain])
    assert_type(informer.resource_version, int)
    informer.get("web")  # type: ignore[arg-type]

    snapshot = informer.snapshot()
    assert_type(snapshot, vi.Snapshot)
    assert_type(snapshot.resource_version, int)
    assert_type(snapshot[WEB], vi.Domain)
    assert_type(snapshot.get(WEB), vi.Domain | None)
    as_mapping: Mapping[UUID, vi.Domain] = snapshot
    for uuid, domain in as_mapping.items():
        assert_type(uuid, UUID)
        the_domain(domain)
    del snapshot[WEB]  # type: ignore[attr-defined]


def the_domain(domain: vi.Domain) -> None:
    assert_type(domain.uuid, UUID)
    assert_type(domain.name, str)
    assert_type(domain.id, int)
    assert_type(domain.state, vi.DomainState)
    assert_type(domain.persistent, bool)
    assert_type(domain.autostart, bool)
    assert_type(domain.xml, str)
    assert_type(domain.config_xml, str | None)
    assert_type(domain.resource_version, int)
    assert_type(domain.generation, int)
    assert_type(domain.incarnation, int)
    assert_type(domain.observed_at, datetime)
    assert_type(domain.settled, bool)
    assert_type(domain.active, bool)
    assert_type(domain.element, Element)
    domain.name = "other"  # type: ignore[misc]


def states_and_reasons(domain: vi.Domain) -> bool:
    reasons = (
        vi.RunningReason.BOOTED,
        vi.PausedReason.USER,
        vi.ShutdownReason.UNKNOWN,
        vi.ShutoffReason.DESTROYED,
        vi.CrashedReason.PANICKED,
        vi.StateReason.UNKNOWN,
    )
    return domain.state is vi.DomainState.RUNNING and domain.reason in reasons


def health_and_statistics(informer: vi.DomainInformer) -> None:
    health = informer.health
    assert_type(health, vi.Health)
    assert_type(health.connected, bool)
    assert_type(health.synced, bool)
    assert_type(health.epoch, int)
    assert_type(health.last_contact, datetime | None)
    assert_type(health.staleness, float)
    assert_type(health.last_error, Exception | None)
    assert_type(health.reconnects, int)
    statistics = informer.statistics()
    assert_type(statistics, vi.Statistics)
    assert_type(statistics.events_received, int)
    assert_type(statistics.deltas[vi.DeltaSource.RESYNC], int)
    assert_type(statistics.queues, tuple[vi.SubscriberQueue, ...])
    assert_type(statistics.read_time, vi.Histogram)
    assert_type(informer.name, str)


# ------------------------------------------------------------------ streams


async def watching(informer: vi.DomainInformer) -> None:
    assert_type(informer.watch(), vi.DeltaStream)
    async for delta in informer.watch(since=7, where=p.name("web-*"), initial=False):
        assert_type(delta, vi.Added | vi.Updated | vi.Deleted | vi.Synced)
        match delta:
            case vi.Added(domain=domain):
                assert_type(domain, vi.Domain)
            case vi.Updated(old=old, domain=new):
                assert_type((old, new), tuple[vi.Domain, vi.Domain])
            case vi.Deleted(domain=last, reason=reason):
                assert_type((last, reason), tuple[vi.Domain, vi.DeletionReason])
            case vi.Synced(resource_version=version):
                assert_type(version, int)
            case _:
                assert_never(delta)
        if not isinstance(delta, vi.Synced):
            assert_type(delta.source, vi.DeltaSource)
            assert_type(delta.events, tuple[vi.DomainEvent, ...])
            assert_type(delta.changed, frozenset[str])
            assert_type(delta.diff(), str)
    async with informer.watch() as deltas:
        assert_type(await anext(deltas), vi.Added | vi.Updated | vi.Deleted | vi.Synced)
        assert_type(len(deltas), int)
        await deltas.aclose()


async def listening(informer: vi.DomainInformer) -> None:
    async with informer.events(since=7, where=p.event("Started")) as events:
        assert_type(events, vi.EventStream)
        async for event in events:
            assert_type(event, vi.DomainEvent)
            assert_type(event.type, str)
            assert_type(event.reason, str)
            assert_type(event.timestamp, datetime)
            assert_type(event.domain_name, str)
            assert_type(event.domain_id, UUID)
            assert_type(event.domain, vi.Domain)
            assert_type(event.resource_version, int)
            assert_type(event.inferred, bool)
            assert_type(event.details, Mapping[str, Any])
            assert_type(event.to_dict(xml=True), dict[str, Any])


# ------------------------------------------------------------------ handlers


class Audit:
    async def on_add(self, domain: vi.Domain, *, initial: bool) -> None: ...

    def on_event(self, event: vi.DomainEvent) -> None: ...


async def handling(informer: vi.DomainInformer) -> None:
    @informer.on_add
    async def added(domain: vi.Domain, *, initial: bool) -> None: ...

    @informer.on_update
    def updated(old: vi.Domain, new: vi.Domain) -> None: ...

    @informer.on_delete
    def deleted(domain: vi.Domain) -> int:
        return 0

    @informer.on_event
    async def happened(event: vi.DomainEvent) -> None: ...

    # Decorated functions keep their types.
    await added(vi_domain(), initial=True)
    assert_type(deleted(vi_domain()), int)

    registration = informer.add_event_handler(Audit(), where=lambda domain: domain.persistent)
    assert_type(registration, vi.Registration)
    await registration.wait_synced()
    assert_type(registration.errors, int)
    await registration.aclose()
    async with informer.add_event_handler(Audit()) as registration:
        assert_type(len(registration), int)


def vi_domain() -> vi.Domain:
    raise NotImplementedError


# ------------------------------------------------------------------ barriers


async def waiting(informer: vi.DomainInformer) -> None:
    assert_type(await informer.refresh(WEB), vi.Domain | None)
    assert_type(await informer.sync(), int)
    assert_type(await informer.wait_for(WEB, lambda domain: domain.active), vi.Domain)
    assert_type(await informer.wait_for(WEB, p.state("running")), vi.Domain)


# ------------------------------------------------------------------ controllers


async def reconcile(uuid: UUID, informer: vi.DomainInformer) -> vi.Result | None:
    domain = informer.get(uuid)
    return None if domain is None else vi.Result(requeue_after=30.0)


def reconcile_at_once(uuid: UUID, informer: vi.DomainInformer) -> None: ...


async def wanted() -> set[UUID]:
    return {WEB}


async def controlling(informer: vi.DomainInformer) -> None:
    vi.Controller(informer, reconcile_at_once)
    controller = vi.Controller(
        informer,
        reconcile,
        workers=4,
        where=p.name("web-*") & p.generation_changed,
        keys=wanted,
        backoff=vi.Backoff(initial=0.1, maximum=60.0),
        resync_period=300.0,
        grace=5.0,
        name="web",
        random=lambda: 0.5,
    )
    work = asyncio.create_task(controller.run())
    controller.enqueue(WEB)
    statistics = controller.statistics()
    assert_type(statistics, vi.ControllerStatistics)
    assert_type(statistics.reconciles, Mapping[str, int])
    assert_type(statistics.queue, vi.QueueStatistics)
    assert_type(statistics.queue.depth, int)
    assert_type(statistics.queue.wait, vi.Histogram)
    assert_type(statistics.queue.wait.buckets, tuple[tuple[float, int], ...])
    controller.stop()
    await work
    vi.Controller(informer, reconcile, workers="4")  # type: ignore[arg-type]
    vi.Controller(informer, lambda uuid: None)  # type: ignore[arg-type, misc]


def queueing() -> None:
    queue: vi.WorkQueue[str] = vi.WorkQueue(lambda: 0.5, vi.Backoff())
    queue.add("web", now=0.0)
    queue.add_after("db", 5.0, now=0.0)
    assert_type(queue.get(now=1.0), str | None)
    assert_type(queue.retry("web", now=2.0), float)
    queue.forget("web")
    queue.done("web", now=3.0)
    assert_type(queue.deadline, float | None)
    assert_type(queue.failures("web"), int)
    assert_type(queue.running, int)
    assert_type(len(queue), int)
    queue.add(WEB, now=0.0)  # type: ignore[arg-type]


# ------------------------------------------------------------------ predicates


def choosing() -> None:
    assert_type(p.name("web-*", "db-*") & p.active | ~p.persistent, p.Predicate)
    assert_type(p.uuid(WEB, str(WEB)), p.Predicate)
    assert_type(p.state(vi.DomainState.CRASHED, "paused"), p.Predicate)
    assert_type(p.metadata("https://example.org/owner", "name", "me"), p.Predicate)
    assert_type(p.changed("state", "xml"), p.Predicate)
    assert_type(p.event("Started") | p.lifecycle_only, p.Predicate)
    assert_type(p.state_changed & p.autostart, p.Predicate)
    assert_type(p.active & (lambda domain: domain.id > 5), p.Predicate)
    assert_type(p.active(vi_domain()), bool)
    with contextlib.suppress(p.PredicateError):
        p.parse("state=running")


# ------------------------------------------------------------------ metrics


def measuring(informer: vi.DomainInformer, controller: vi.Controller) -> None:
    registry = CollectorRegistry()
    informers = InformerCollector(informer)
    informers.add(informer, uri="qemu:///system")
    informers.remove(informer)
    registry.register(informers)
    controllers = ControllerCollector()
    controllers.add(controller)
    registry.register(controllers)
    assert_type(generate_latest(registry), bytes)


# ------------------------------------------------------------------ exceptions


async def failing() -> None:
    try:
        async with vi.connect("qemu:///system"):
            pass
    except vi.ConnectError as error:
        assert_type(error.permanent, bool)
    except (vi.EventLoopError, vi.NotSynced, vi.ReadError, vi.VersionExpired) as error:
        raised(error)


def raised(error: vi.VirtInformerError) -> None: ...


# ------------------------------------------------------------------ tests of users


async def scenario() -> int:
    span: Span = (0.0, 0.1)
    host = FakeHost(
        "north",
        seed=1,
        faults=Faults(event_loss=0.1, read_delay=span),
        latency=Latency(read=0.1),
        list_limit=100,
        keepalive=5.0,
        eager_reads=True,
    )
    assert_type(host.define("web"), UUID)
    assert_type(host.create_transient("tmp"), UUID)
    assert_type(host.domains, dict[UUID, Observation])
    assert_type(host.truth(WEB), Observation | None)
    host.start(WEB, paused=True)
    host.set_autostart(WEB, True)
    host.drop_next_events(2, WEB)
    host.hold_events()
    assert_type(host.held_events, tuple[HostEvent, ...])
    host.release_events([1, 0])
    host.fail_next_reads(1, error=OSError())
    host.truncate_next_list([WEB])
    host.disconnect()
    host.restart()
    host.hang()
    host.unhang()
    host.faults = Faults()
    assert_type(host.log[0], LogEntry)
    source: FakeSource = host.source()
    async with vi.DomainInformer(source, resync_period=None) as informer:
        await informer.sync()
    async with host.connect(resync_period=1.0) as informer:
        assert_type(informer, vi.DomainInformer)
    return host.open_connections


assert_type(run(scenario()), int)
asyncio.Runner(loop_factory=VirtualLoop)

"""The guarantees, under everything that a host, a network and a subscriber may do.

Hypothesis makes up a history: domains change, events come late, twice, in the
wrong order or never, reads are slow, torn or refused, lists are cut short,
connections die. After every step the promises of the core are checked; at the
end the host becomes honest, one resync passes, and then the store must be the
truth.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from functools import partial
from itertools import chain
from typing import Any
from uuid import UUID

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from virtinformer._core.barriers import FIRST_SYNC
from virtinformer._core.fifo import DeltaFifo, EventFifo, Skipped
from virtinformer._core.messages import (
    Cancel,
    Deliver,
    Effect,
    EventReceived,
    Gone,
    Input,
    Observed,
    Read,
    Reject,
    Require,
    Resolve,
    Start,
    Tick,
)
from virtinformer._core.model import (
    CONTENT,
    Added,
    Change,
    Deleted,
    DeletionReason,
    Delta,
    Domain,
    DomainEvent,
    Synced,
    Updated,
)
from virtinformer._core.predicate import Where
from virtinformer._core.record import Record
from virtinformer._core.reflector import Phase, Reflector
from virtinformer._core.store import Snapshot, Store
from virtinformer._core.tracker import RACES
from virtinformer._core.vocabulary import DomainState, EventKind, LifecycleType, event_words

from .host import REFUSED, WALL, Host, Reading, number_of
from .lifecheck import NOWHERE, Walk, places_of

UUIDS = tuple(UUID(int=n) for n in (1, 2, 3))
PERIOD = 60.0
WINDOW = 0.1

PREDICATES: dict[str, Where | None] = {
    "all": None,
    "running": lambda domain: domain.state is DomainState.RUNNING,
    "persistent": lambda domain: domain.persistent,
    "first": lambda domain: domain.uuid == UUIDS[0],
}


class Subscriber:
    """Replays what it gets, and knows what it must be given next."""

    def __init__(self, fifo: DeltaFifo, where: Where | None, view: dict[UUID, Domain]) -> None:
        self.fifo = fifo
        self.where = where
        self.view = view
        self.synced: int | None = None
        self.version = 0

    def pop(self) -> bool:
        delta = self.fifo.pop()
        match delta:
            case None:
                return False
            case Synced(resource_version=version):
                assert self.synced is None, "synced twice"
                self.synced = self.version = version
                return True
            case Skipped():
                return True
        if self.synced is not None:
            assert delta.resource_version > self.version
            self.version = delta.resource_version
        self._replay(delta)
        return True

    def _replay(self, delta: Delta) -> None:
        uuid = delta.domain.uuid
        match delta:
            case Added(domain=domain):
                assert uuid not in self.view, "added, and known already: a deletion is missing"
                self.view[uuid] = domain
            case Updated(old=old, domain=domain):
                assert self.view[uuid] == old, "`old` is not what was given last"
                assert old.incarnation == domain.incarnation
                self.view[uuid] = domain
            case Deleted(domain=domain, reason=reason):
                assert uuid in self.view, "deleted, and not known"
                assert self.view[uuid].incarnation == domain.incarnation
                assert reason is not DeletionReason.FILTERED or self.where is not None
                del self.view[uuid]
        if self.where is not None and not isinstance(delta, Deleted):
            assert self.where(delta.domain)

    def check(self) -> None:
        waiting = self.fifo._pending
        places = chain(waiting._looked_at, waiting._line)
        deltas = [place.entry[1].delta for place in places if place.entry is not None]
        for uuid in UUIDS:
            mine = [delta for delta in deltas if delta.domain.uuid == uuid]
            assert len([d for d in mine if not isinstance(d, Deleted)]) <= 1
            # The last two lives: of an earlier one the subscriber was told, or it is in between.
            assert len(mine) <= 2
        versions = [delta.resource_version for delta in deltas]
        assert versions == sorted(versions)


class Listener:
    """Gets events."""

    def __init__(self, fifo: EventFifo, expected: list[DomainEvent]) -> None:
        self.fifo = fifo
        self.expected = expected

    def pop(self) -> bool:
        event = self.fifo.pop()
        if event is None:
            assert not self.expected
            return False
        assert event is self.expected.pop(0)
        return True


@attrs.define
class Pass:
    """A barrier, and the number of the host's last change when it was put up."""

    uuid: UUID | None
    number: int


class CoreMachine(RuleBasedStateMachine):
    """The core, a host, subscribers, and the promises."""

    def __init__(self) -> None:
        super().__init__()
        self.sound = True
        self.host = Host()
        self.store = Store({}, history=12)
        self.now = 1000.0
        self.reflector = Reflector(
            self.store,
            resync_period=PERIOD,
            reorder_window=WINDOW,
            random=random.Random(0).random,
        )
        self.hidden: dict[UUID, str] = {}
        self.omitted: set[UUID] = set()
        self.asked: set[UUID] = set()
        self.view: dict[UUID, Domain] = {}
        self.views: dict[int, dict[UUID, Domain]] = {0: {}}
        self.version = 0
        self.floor: dict[UUID, int] = {}
        self.gone: dict[UUID, list[int]] = {}
        self.last_event: dict[UUID, int] = {}
        self.newest: set[int] = set()
        self.answers: Counter[UUID] = Counter()
        self.ended: dict[UUID, int] = {}
        self.walks: dict[UUID, Walk] = {}
        self.events: list[DomainEvent] = []
        self.subscribers: list[Subscriber] = []
        self.listeners: list[Listener] = []
        self.passes: dict[int, Pass] = {}
        self.tokens = 0
        self.first = True
        self.ended_last: UUID | None = None

    # ------------------------------------------------------------------ the driver

    def receive(self, inputs: Iterable[Input]) -> None:
        inputs = list(inputs)
        for input_ in inputs:
            if isinstance(input_, EventReceived) and input_.epoch == self.reflector.epoch:
                self.last_event[input_.uuid] = input_.stamp
            if isinstance(input_, Observed) and input_.epoch == self.reflector.epoch:
                if not input_.listed:
                    self.asked.discard(input_.uuid)
                    self.answers[input_.uuid] += 1
                if input_.began > self.last_event.get(input_.uuid, 0):
                    self.newest.add(input_.ended)
                if isinstance(input_.result, Gone):
                    number = self.host.looked[input_.ended]
                    self.gone.setdefault(input_.uuid, []).append(number)
        self.sound = False
        epoch = self.reflector.epoch
        effects = self.reflector.receive(inputs, self.now)
        if self.reflector.epoch != epoch:
            self.asked.clear()
        for effect in effects:
            self.perform(effect)
        self.check()
        self.sound = True

    def perform(self, effect: Effect) -> None:
        match effect:
            case Deliver(change=change):
                self.delivered(change)
            case Resolve(token=token):
                self.resolved(token)
            case Reject(token=token, error=error):
                assert error is REFUSED
                assert token != FIRST_SYNC
                del self.passes[token]
            case _:
                if isinstance(effect, Read):
                    assert effect.uuid not in self.asked, "two reads of one domain"
                    self.asked.add(effect.uuid)
                self.host.perform(effect)

    def feed(self, count: int | None = None) -> None:
        inbox = self.host.inbox
        count = len(inbox) if count is None else min(count, len(inbox))
        self.receive([inbox.popleft() for _ in range(count)])

    # ------------------------------------------------------------------ promises

    def delivered(self, change: Change) -> None:
        self.check_versions(change)
        delta = change.delta
        if delta is not None:
            self.check_delta(delta)
        elif change.events:
            assert change.events[0].domain_id not in self.view
        for event in change.events:
            self.walks.setdefault(event.domain_id, Walk()).step(event)
        if self.first and isinstance(delta, Added):
            self.begin_in_the_middle(delta.domain)
        self.ended_last = delta.domain.uuid if isinstance(delta, Deleted) else None
        self.views[change.resource_version] = dict(self.view)
        for subscriber in self.subscribers:
            subscriber.fifo.push(change)
            subscriber.check()
        for listener in self.listeners:
            listener.fifo.push(change)
            listener.expected += change.events
        self.events += change.events

    def begin_in_the_middle(self, domain: Domain) -> None:
        """The past of what the first list found is contained in it, and nobody was told.

        Not so of one that was defined again under its UUID: its walk goes on.
        The two look alike if the list found what was deleted just before.
        """
        places = places_of(domain)
        if self.ended_last == domain.uuid:
            places |= self.walks[domain.uuid].places
        self.walks[domain.uuid] = Walk(places)

    def check_versions(self, change: Change) -> None:
        versions = [event.resource_version for event in change.events]
        assert versions == sorted(set(versions))
        assert all(self.version < version <= change.resource_version for version in versions)
        assert not versions or versions[-1] == change.resource_version
        assert change.resource_version > self.version
        self.version = change.resource_version
        for event in change.events:
            assert change.delta is None or event.domain is change.delta.domain

    def check_delta(self, delta: Delta) -> None:
        domain = delta.domain
        uuid = domain.uuid
        assert delta.resource_version == domain.resource_version == self.version
        match delta:
            case Added():
                assert uuid not in self.view
                assert domain.incarnation == domain.resource_version
                assert domain.generation == 1
                self.check_age(domain)
                self.view[uuid] = domain
            case Updated(old=old):
                assert self.view[uuid] is old
                assert domain.incarnation == old.incarnation
                grown = domain.generation - old.generation
                assert grown == (domain.config_xml != old.config_xml)
                assert delta.changed or delta.events
                self.check_age(domain)
                self.view[uuid] = domain
            case Deleted():
                last = self.view.pop(uuid)
                assert attrs.evolve(last, resource_version=domain.resource_version) == domain
                self.check_gone(uuid)

    def check_age(self, domain: Domain) -> None:
        """G2: nothing older than what was known is stored."""
        number = number_of(domain)
        assert number >= self.floor.get(domain.uuid, 0), "went back in time"
        self.floor[domain.uuid] = number
        ended = round(domain.observed_at.timestamp() - WALL)
        before = self.ended.get(domain.uuid, 0)
        if ended != before:
            assert self.host.began[ended] > before, "overlaps the read accepted before"
            # Past so many lost races one is stored all the same, marked.
            raced = self.answers[domain.uuid] >= RACES and not domain.settled
            assert ended in self.newest or raced, "an event came since"
            self.ended[domain.uuid] = ended
            self.answers[domain.uuid] = 0

    def check_gone(self, uuid: UUID) -> None:
        """G4: a look-up that began after what is stored was true has found it gone."""
        found = [n for n in self.gone.get(uuid, ()) if n > self.floor[uuid]]
        assert found, "deleted, and no look-up said so"
        self.floor[uuid] = min(
            number
            for number, seen in self.host.past[uuid]
            if seen is None and number > self.floor[uuid]
        )

    def resolved(self, token: int) -> None:
        """G7: the store reflects all that was complete."""
        passed = self.passes.pop(token)
        if token == FIRST_SYNC:
            self.first = False
            if self.reflector.counters.read_errors:
                return  # it passes without the domains that the host refuses to show
        for uuid in UUIDS if passed.uuid is None else [passed.uuid]:
            since, seen = self.host.at(uuid, passed.number)
            stored = self.store.get(uuid)
            if stored is not None:
                assert number_of(stored) >= since, "does not reflect what was complete"
            elif passed.uuid is not None or uuid not in self.omitted:
                later = [s for n, s in self.host.past.get(uuid, ()) if n > passed.number]
                assert seen is None or None in later, "is not there and was"

    def check(self) -> None:
        snapshot = self.store.snapshot()
        assert dict(snapshot) == self.view
        assert snapshot.resource_version == self.version
        assert self.reflector.deadline is None or self.reflector.deadline > self.now
        for record in self.records():
            self.check_held(record)

    def check_held(self, record: Record) -> None:
        """G5: what is in order is not delayed, and what is not is held for a moment only."""
        newer = record.not_answered_by(record.began)
        for item in record.answered_by(record.began):
            event = item.event
            assert newer or item.deadline > self.now, "held too long"
            assert event.is_lifecycle, "news were held"
            assert not self.is_in_order(record, event), "held, and in order"

    def is_in_order(self, record: Record, event: EventReceived) -> bool:
        walk = self.walks.get(record.uuid, Walk())
        other_run = event.id >= 0 <= record.position.id != event.id
        not_defined_yet = (
            event.type == LifecycleType.STARTED
            and NOWHERE in walk.places
            and self.seen_last(record).persistent
        )
        type_, reason = event_words(event.kind, event.type, event.detail)
        # It was seen to be there: what it became is told by an event on its way.
        not_begun_anew = NOWHERE in walk.after(type_, reason) and not isinstance(
            self.seen_last(record), Gone | None
        )
        excused = other_run or not_defined_yet or not_begun_anew
        return walk.surely_allows(type_, reason) and not excused

    def seen_last(self, record: Record) -> Any:
        if record.accepted is not None:
            return record.accepted.result
        return self.store.get(record.uuid)

    def records(self) -> list[Record]:
        return list(self.reflector._tracker._records.values())

    # ------------------------------------------------------------------ what happens to domains

    @initialize(names=st.lists(st.sampled_from(UUIDS), unique=True))
    def begin(self, names: list[UUID]) -> None:
        for uuid in names:
            self.host.define(uuid, f"n{uuid.int}")
        self.passes[FIRST_SYNC] = Pass(None, self.host.number)
        self.receive([Start()])

    @rule(uuid=st.sampled_from(UUIDS), choice=st.integers(0, 59))
    def change(self, uuid: UUID, choice: int) -> None:
        operations = self.operations(uuid)
        operations[choice % len(operations)]()

    def operations(self, uuid: UUID) -> list[Any]:
        host = self.host
        now = host.truth.get(uuid)
        name = f"n{uuid.int}"
        if uuid in self.hidden:
            return [lambda: self.reveal(uuid)]
        if now is None:
            return [
                lambda: host.define(uuid, name),
                lambda: host.create(uuid, name),
                lambda: host.create(uuid, name, paused=True),
                lambda: self.hide(uuid, name),
            ]
        life: list[Any] = [
            lambda: host.define(uuid, name),
            lambda: host.emit(uuid, LifecycleType.DEFINED, 1, id=now.id),
            lambda: host.evolve(uuid, autostart=not now.autostart),
            lambda: host.emit(uuid, 0, kind=EventKind.METADATA_CHANGE, id=now.id),
            lambda: host.emit(uuid, 17, 3, id=now.id),
        ]
        if now.persistent:
            life += [lambda: host.undefine(uuid), lambda: self.redefine(uuid, name)]
        if now.id < 0:
            life += [
                lambda: host.start(uuid),
                lambda: host.start(uuid, paused=True),
                lambda: host.rename(uuid, f"m{uuid.int}" if now.name == name else name),
            ]
        else:
            life += [*self.moves(uuid), lambda: self.restart(uuid, name)]
        return life

    def moves(self, uuid: UUID) -> list[Any]:
        host = self.host
        state = host.truth[uuid].state
        moves: list[Any] = [
            lambda: host.stop(uuid),
            lambda: host.stop(uuid, shutdown=False),
            lambda: host.evolve(uuid, state=DomainState(42)),
        ]
        table = {
            DomainState.RUNNING: [
                (DomainState.PAUSED, LifecycleType.SUSPENDED, 0),
                (DomainState.RUNNING, LifecycleType.RESUMED, 3),
                (DomainState.PMSUSPENDED, LifecycleType.PMSUSPENDED, 0),
                (DomainState.SHUTDOWN, LifecycleType.SHUTDOWN, 1),
                (DomainState.CRASHED, LifecycleType.CRASHED, 0),
            ],
            DomainState.PAUSED: [
                (DomainState.RUNNING, LifecycleType.RESUMED, 0),
                (DomainState.PAUSED, LifecycleType.SUSPENDED, 7),
            ],
            DomainState.PMSUSPENDED: [(DomainState.RUNNING, LifecycleType.STARTED, 4)],
            DomainState.SHUTDOWN: [(DomainState.RUNNING, LifecycleType.RESUMED, 0)],
        }
        steps = table.get(state, [(DomainState.RUNNING, LifecycleType.RESUMED, 0)])
        return [*moves, *(partial(host.move, uuid, *step) for step in steps)]

    def redefine(self, uuid: UUID, name: str) -> None:
        """Undefine it and define another one under its UUID."""
        self.host.undefine(uuid)
        self.host.define(uuid, name)

    def restart(self, uuid: UUID, name: str) -> None:
        persistent = self.host.truth[uuid].persistent
        self.host.stop(uuid)
        if persistent:
            self.host.start(uuid)
        else:
            self.host.create(uuid, name)

    def hide(self, uuid: UUID, name: str) -> None:
        """Tell of a definition before the domain can be looked up."""
        self.host.emit(uuid, LifecycleType.DEFINED, name=name)
        self.hidden[uuid] = name

    def reveal(self, uuid: UUID) -> None:
        told = len(self.host.callbacks)
        self.host.define(uuid, self.hidden.pop(uuid))
        if len(self.host.callbacks) > told:
            self.host.callbacks.pop()

    # ------------------------------------------------------------------ events

    @precondition(lambda self: self.host.callbacks)
    @rule(index=st.sampled_from([0, 0, 0, 1, 2]), eager=st.booleans(), twice=st.integers(0, 9))
    def callback(self, index: int, eager: bool, twice: int) -> None:
        index %= len(self.host.callbacks)
        copy = self.host.callbacks[index]
        self.host.deliver(index, eager=eager)
        if twice == 9:
            self.host.callbacks.append(copy)

    @precondition(lambda self: self.host.callbacks)
    @rule()
    def lose_event(self) -> None:
        self.host.callbacks.popleft()

    @rule(count=st.integers(1, 6))
    def hear(self, count: int) -> None:
        self.feed(count)

    @rule(count=st.integers(1, 3))
    def catch_up(self, count: int) -> None:
        """For once the host is quick."""
        for _ in range(count):
            self.host.answer_all()
            self.feed()

    # ------------------------------------------------------------------ reads

    def waiting(self) -> list[UUID]:
        return [u for u, f in self.host.flights.items() if f.waiting and f.flying is None]

    def flying(self) -> list[Reading]:
        flights = [f.flying for f in self.host.flights.values() if f.flying is not None]
        return [*flights, *self.host.list_reads, *self.host.zombies]

    @precondition(lambda self: self.waiting())
    @rule(index=st.integers(0, 5))
    def begin_read(self, index: int) -> None:
        waiting = self.waiting()
        self.host.begin(waiting[index % len(waiting)])

    @precondition(lambda self: self.flying())
    @rule(index=st.integers(0, 5))
    def look(self, index: int) -> None:
        flying = self.flying()
        self.host.look(flying[index % len(flying)])

    @precondition(lambda self: self.flying())
    @rule(index=st.integers(0, 5), fail=st.integers(0, 4))
    def end_read(self, index: int, fail: int) -> None:
        flying = self.flying()
        self.host.end(flying[index % len(flying)], REFUSED if fail == 4 else None)

    @precondition(lambda self: self.waiting())
    @rule(times=st.integers(1, 7))
    def refuse(self, times: int) -> None:
        """Refuse to read anything for a while."""
        for _ in range(times):
            for uuid in self.waiting():
                self.host.begin(uuid)
            for reading in self.flying():
                self.host.end(reading, REFUSED)
            self.feed()
            self.wake()

    # ------------------------------------------------------------------ lists

    def listing(self) -> bool:
        return self.host.listing is not None and self.host.listing.began >= 0

    @precondition(lambda self: self.host.listing is not None and not self.listing())
    @rule(without=st.sampled_from([None, None, None, *UUIDS]))
    def begin_list(self, without: UUID | None) -> None:
        self.host.begin_list(without=without)
        if without is not None:
            self.omitted.add(without)

    @precondition(lambda self: self.listing() and self.host.listing.to_read)
    @rule()
    def begin_list_read(self) -> None:
        self.host.begin_list_read()

    @precondition(lambda self: self.listing())
    @rule(fail=st.integers(0, 4))
    def end_list(self, fail: int) -> None:
        self.host.end_list(fail=fail == 4)

    # ------------------------------------------------------------------ connections

    @precondition(lambda self: self.host.connecting)
    @rule(fail=st.integers(0, 4))
    def connect(self, fail: int) -> None:
        self.host.connect(fail=fail == 4)

    @precondition(lambda self: self.host.epoch is not None)
    @rule(chance=st.integers(0, 2))
    def disconnect(self, chance: int) -> None:
        if chance == 2:
            self.host.disconnect()

    # ------------------------------------------------------------------ time

    @rule(seconds=st.sampled_from([0.001, 0.01, 0.06, 0.11, 1.0, 10.0, 61.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.receive([Tick()])

    @precondition(lambda self: self.reflector.deadline is not None)
    @rule()
    def wake(self) -> None:
        if self.reflector.deadline is not None:
            self.now = max(self.now, self.reflector.deadline)
            self.receive([Tick()])

    # ------------------------------------------------------------------ barriers

    @rule(uuid=st.sampled_from([None, *UUIDS]))
    def require(self, uuid: UUID | None) -> None:
        self.tokens += 1
        self.passes[self.tokens] = Pass(uuid, self.host.number)
        self.host.inbox.append(Require(self.tokens, self.host.stamp(), uuid))

    @precondition(lambda self: self.tokens in self.passes and self.tokens)
    @rule()
    def cancel(self) -> None:
        self.receive([*self.taken(), Cancel(self.tokens)])
        self.passes.pop(self.tokens, None)

    def taken(self) -> list[Input]:
        inputs = list(self.host.inbox)
        self.host.inbox.clear()
        return inputs

    # ------------------------------------------------------------------ subscribers

    @precondition(lambda self: len(self.subscribers) < 6)
    @rule(predicate=st.sampled_from(sorted(PREDICATES)), initial=st.booleans())
    def subscribe(self, predicate: str, initial: bool) -> None:
        where = PREDICATES[predicate]
        fifo = DeltaFifo(where)
        known: dict[UUID, Domain] = {}
        if initial:
            fifo.begin_with(self.store.snapshot())
        else:
            known = _seen(self.store.snapshot(), where)
        self.subscribers.append(Subscriber(fifo, where, known))

    @precondition(lambda self: len(self.subscribers) < 6)
    @rule(back=st.integers(0, 12), predicate=st.sampled_from(sorted(PREDICATES)))
    def subscribe_since(self, back: int, predicate: str) -> None:
        versions = sorted(self.views)
        version = versions[max(0, len(versions) - 1 - back)]
        if not self.store.history.reaches_back_to(version):
            return
        where = PREDICATES[predicate]
        fifo = DeltaFifo(where)
        fifo.replay(self.store.history.after(version), self.store.resource_version)
        self.subscribers.append(Subscriber(fifo, where, _seen(self.views[version], where)))
        events = EventFifo(10_000, None, version)
        for change in self.store.history.after(version):
            events.push(change)
        expected = [event for event in self.events if event.resource_version > version]
        self.listeners.append(Listener(events, expected))

    @precondition(lambda self: self.subscribers)
    @rule(index=st.integers(0, 5), count=st.integers(1, 6))
    def pop(self, index: int, count: int) -> None:
        subscriber = self.subscribers[index % len(self.subscribers)]
        for _ in range(count):
            subscriber.pop()

    @precondition(lambda self: self.listeners)
    @rule(index=st.integers(0, 5), count=st.integers(1, 6))
    def listen(self, index: int, count: int) -> None:
        listener = self.listeners[index % len(self.listeners)]
        for _ in range(count):
            listener.pop()

    # ------------------------------------------------------------------ the end

    def teardown(self) -> None:
        if self.sound:
            self.quiesce()

    def quiesce(self) -> None:
        """Let the host be honest for one resync; then everything must be as it is."""
        for uuid in list(self.hidden):
            self.reveal(uuid)
        self.settle()
        wakes = 0
        while self.reflector.phase is not Phase.LIVE:
            wakes = self.count(wakes)
        end = self.now + PERIOD + 1.0
        while self.reflector.deadline is not None and self.reflector.deadline <= end:
            wakes = self.count(wakes)
        self.check_truth()
        self.check_quiet()
        for subscriber in self.subscribers:
            while subscriber.pop():
                pass
            assert subscriber.view == _seen(self.view, subscriber.where)
        for listener in self.listeners:
            while listener.pop():
                pass

    def count(self, wakes: int) -> int:
        """Wake the core once more, which an honest host makes it want only so often."""
        assert wakes < 100, "the core is never at rest"
        self.wake()
        self.settle()
        return wakes + 1

    def settle(self) -> None:
        for _ in range(20):
            self.host.answer_all()
            if not self.host.inbox:
                return
            self.feed()
        raise AssertionError("the core never stops asking")

    def check_truth(self) -> None:
        assert self.store.snapshot().keys() == self.host.truth.keys()
        for uuid, truth in self.host.truth.items():
            domain = self.store.get(uuid)
            assert domain is not None
            for name in CONTENT:
                assert getattr(domain, name) == getattr(truth, name), name

    def check_quiet(self) -> None:
        assert not self.passes, "somebody waits for ever"
        assert self.reflector.waiting_since is None
        assert self.reflector._tracker.timetable.next is None
        for record in self.records():
            assert record.idle, record
            truth = self.host.truth.get(record.uuid)
            assert self.walks.get(record.uuid, Walk()).agrees(truth), record

    @invariant()
    def counts(self) -> None:
        assert self.reflector._tracker.outstanding >= 0
        assert self.reflector.counters.events_told == len(self.events)


def _seen(domains: Snapshot | dict[UUID, Domain], where: Where | None) -> dict[UUID, Domain]:
    return {u: d for u, d in domains.items() if where is None or where(d)}


TestCore = pytest.mark.timeout(60 + settings().max_examples)(CoreMachine.TestCase)
TestCore.settings = settings(max_examples=max(200, settings().max_examples), stateful_step_count=50)

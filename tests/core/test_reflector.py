"""The reflector and its tracker, one rule at a time."""

from __future__ import annotations

import itertools
from typing import Any
from uuid import UUID

import attrs
import pytest

from virtinformer._core import rota as rota_module
from virtinformer._core import tracker as tracker_module
from virtinformer._core.barriers import FIRST_SYNC
from virtinformer._core.fifo import FOLDED_EVENTS
from virtinformer._core.messages import (
    Cancel,
    Connect,
    Connected,
    ConnectFailed,
    Disconnect,
    Disconnected,
    EventReceived,
    List,
    Listed,
    ListFailed,
    Read,
    Reject,
    Require,
    Resolve,
    Start,
    Subscribe,
    Subscribed,
    Tick,
)
from virtinformer._core.model import Added, Deleted, DeletionReason, DeltaSource, Domain, Updated
from virtinformer._core.reflector import ANSWER, STABLE, Phase
from virtinformer._core.rota import SLICE, SLICES
from virtinformer._core.tracker import FAILURES, LOOKUPS, RACES
from virtinformer._core.vocabulary import DomainState, EventKind, LifecycleType

from .driving import ERROR, GONE, A, B, C, Driver, paused, running, shut_off

DEFINED, UNDEFINED, STARTED = (
    LifecycleType.DEFINED,
    LifecycleType.UNDEFINED,
    LifecycleType.STARTED,
)
SUSPENDED, RESUMED, STOPPED, SHUTDOWN = (
    LifecycleType.SUSPENDED,
    LifecycleType.RESUMED,
    LifecycleType.STOPPED,
    LifecycleType.SHUTDOWN,
)


# ---------------------------------------------------------------------- phases


def in_phase(phase: Phase) -> Driver:
    driver = Driver(period=60.0)
    driver.receive(Start())
    if phase is Phase.BACKOFF:
        driver.receive(ConnectFailed(1, ERROR))
    elif phase is not Phase.DISCONNECTED:
        driver.receive(Connected(1))
    if phase in (Phase.LISTING, Phase.LIVE):
        driver.receive(Subscribed(1))
    if phase is Phase.LIVE:
        driver.answer_list({})
    assert driver.phase is phase
    driver.forget()
    return driver


def inputs(driver: Driver, epoch: int) -> dict[type, Any]:
    event = attrs.evolve(driver.make_event(A, DEFINED), epoch=epoch)
    listed = Listed(epoch, driver.stamp(), frozenset({A}))
    examples = (
        Start(),
        Tick(),
        Connected(epoch),
        ConnectFailed(epoch, ERROR),
        Subscribed(epoch),
        Disconnected(epoch, ERROR),
        event,
        driver.make_answer(A, shut_off(), epoch=epoch),
        listed,
        ListFailed(epoch, ERROR),
        Require(1, driver.stamp(), A),
        Cancel(1),
    )
    return {type(example): example for example in examples}


INPUTS = tuple(inputs(Driver(), 1))
NEXT = {
    (Phase.DISCONNECTED, Connected): Phase.SUBSCRIBING,
    (Phase.DISCONNECTED, ConnectFailed): Phase.BACKOFF,
    (Phase.DISCONNECTED, Disconnected): Phase.BACKOFF,
    (Phase.SUBSCRIBING, Subscribed): Phase.LISTING,
    (Phase.SUBSCRIBING, Disconnected): Phase.BACKOFF,
    (Phase.LISTING, Disconnected): Phase.BACKOFF,
    (Phase.LIVE, Disconnected): Phase.BACKOFF,
    (Phase.LISTING, Listed): Phase.LIVE,
}
"""The whole table again, by hand; every other pair stays where it is."""

DOES: dict[tuple[Phase, type], list[type]] = {
    (Phase.DISCONNECTED, Start): [Connect],
    (Phase.DISCONNECTED, Connected): [Subscribe],
    (Phase.SUBSCRIBING, Subscribed): [List],
    (Phase.DISCONNECTED, ConnectFailed): [Disconnect],
    (Phase.DISCONNECTED, Disconnected): [Disconnect],
    (Phase.SUBSCRIBING, Disconnected): [Disconnect],
    (Phase.LISTING, Disconnected): [Disconnect],
    (Phase.LIVE, Disconnected): [Disconnect],
    (Phase.LISTING, Listed): [Read],
    (Phase.LIVE, Require): [Read],
    (Phase.LIVE, EventReceived): [Read],
}
"""What is done at once, beside delivering."""


@pytest.mark.parametrize(("phase", "type_"), list(itertools.product(Phase, INPUTS)))
def test_every_pair_of_the_table(phase: Phase, type_: type) -> None:
    driver = in_phase(phase)
    driver.receive(inputs(driver, driver.epoch)[type_])
    assert driver.phase is NEXT.get((phase, type_), phase)
    asked = (Connect, Subscribe, List, Read, Disconnect)
    assert [type(e) for e in driver.effects if isinstance(e, asked)] == DOES.get((phase, type_), [])


@pytest.mark.parametrize(("phase", "type_"), list(itertools.product(Phase, INPUTS)))
@pytest.mark.parametrize("distance", [-1, 1])
def test_another_epoch_is_dropped_by_its_number(phase: Phase, type_: type, distance: int) -> None:
    driver = in_phase(phase)
    example = inputs(driver, driver.epoch + distance)[type_]
    if not hasattr(example, "epoch"):
        return
    assert driver.receive(example) == []
    assert driver.phase is phase
    assert driver.store.resource_version == 0
    assert len(driver.reflector._tracker._records) == 0


def test_the_numbers_that_the_guarantees_name() -> None:
    assert RACES == 8
    assert LOOKUPS == 4
    assert FOLDED_EVENTS == 64
    assert STABLE == ANSWER == 60.0


def test_before_it_starts_nothing_is_known_and_nothing_owed() -> None:
    reflector = Driver().reflector
    assert reflector.last_contact is None
    assert reflector.last_error is None
    assert reflector.waiting_since is None
    assert reflector.deadline is None
    assert not reflector.connected
    assert not reflector.synced


def test_a_host_that_is_being_connected_to_owes_an_answer() -> None:
    driver = Driver()
    driver.receive(Start())
    began = driver.now
    owed = [driver.reflector.waiting_since]
    driver.pass_time(1.0)
    driver.receive(Connected(1))
    owed += [driver.reflector.waiting_since]
    driver.receive(Subscribed(1))
    owed += [driver.reflector.waiting_since]
    assert owed == [began] * 3


def test_whatever_is_asked_for_is_asked_of_this_connection() -> None:
    driver = Driver()
    for epoch in (1, 2):
        driver.forget()
        driver.connect()
        asked = [effect for effect in driver.effects if not isinstance(effect, Connect)]
        assert asked == [Subscribe(epoch), List(epoch, None)]
        driver.answer_list({A: shut_off()}, reads=[])
        assert driver.of(Read)[-1].epoch == epoch
        driver.disconnect()
        assert driver.of(Disconnect) == [Disconnect(epoch)]
        driver.pass_time(1.0)


def test_the_way_to_live() -> None:
    driver = Driver()
    driver.receive(Start())
    states = [driver.reflector.connected]
    driver.receive(Connected(1))
    states += [driver.reflector.connected, driver.reflector.synced]
    assert driver.reflector.last_contact == driver.now
    driver.receive(Subscribed(1))
    states += [driver.reflector.waiting_since is not None]
    driver.answer_list({A: shut_off()})
    states += [driver.reflector.synced, driver.reflector.waiting_since is not None]
    assert states == [False, True, False, True, True, False]
    kinds = [type(effect) for effect in driver.effects]
    assert kinds[:3] == [Connect, Subscribe, List]
    assert kinds[-1] is Resolve
    [added] = driver.deltas
    assert isinstance(added, Added)
    assert added.source is DeltaSource.INITIAL
    assert driver.reflector.deadline is None


# ---------------------------------------------------------------------- backoff


def waits(driver: Driver, count: int) -> list[float]:
    found = []
    for _ in range(count):
        driver.receive(ConnectFailed(driver.epoch, ERROR))
        deadline = driver.reflector.deadline
        assert deadline is not None
        found.append(deadline - driver.now)
        driver.now = deadline
        assert driver.receive(Tick()) == [Connect(driver.epoch)]
    return found


def test_the_backoff_doubles_up_to_its_ceiling() -> None:
    driver = Driver(random=lambda: 0.0)
    driver.receive(Start())
    assert waits(driver, 12) == pytest.approx(
        [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0, 30.0]
    )


def test_jitter_takes_off_up_to_one_half() -> None:
    driver = Driver(random=lambda: 1.0)
    driver.receive(Start())
    assert waits(driver, 3) == pytest.approx([0.05, 0.1, 0.2])


@pytest.mark.parametrize(("lasted", "wait"), [(STABLE - 1, 0.8), (STABLE + 0.1, 0.1)])
def test_a_stable_connection_makes_the_backoff_begin_anew(lasted: float, wait: float) -> None:
    driver = Driver(random=lambda: 0.0)
    driver.receive(Start())
    waits(driver, 3)
    driver.receive(Connected(driver.epoch))
    driver.receive(Subscribed(driver.epoch))
    driver.answer_list({})
    driver.pass_time(lasted)
    driver.disconnect()
    assert driver.reflector.deadline == pytest.approx(driver.now + wait)


def test_what_went_wrong_is_known() -> None:
    driver = Driver()
    driver.receive(Start())
    driver.receive(ConnectFailed(1, ERROR))
    assert driver.reflector.last_error is ERROR
    driver = Driver().go_live()
    driver.disconnect()
    assert driver.reflector.last_error is ERROR
    driver = Driver()
    driver.receive(Start())
    driver.pass_time(ANSWER)
    assert isinstance(driver.reflector.last_error, TimeoutError)
    assert "60 s" in str(driver.reflector.last_error)


def test_nothing_is_asked_of_a_host_that_is_away() -> None:
    """Nothing rings that was set before: no list, no slice, no patience with an answer."""
    driver = Driver(period=0.01)
    driver.connect()
    driver.fail_list()
    driver.disconnect()
    assert driver.phase is Phase.BACKOFF
    driver.pass_time(0.09)
    assert [type(effect) for effect in driver.effects[-2:]] == [List, Disconnect]
    driver = Driver(period=0.01).go_live()
    driver.disconnect()
    driver.pass_time(0.09)
    assert driver.effects == [Disconnect(1)]


def test_a_host_that_answers_late_and_then_fails_is_given_all_the_time_again() -> None:
    driver = Driver()
    driver.receive(Start())
    waits(driver, 12)
    driver.pass_time(ANSWER - 1.0)
    epoch = driver.epoch
    driver.receive(ConnectFailed(epoch, ERROR))
    phases = []
    for seconds in (29.0, 1.0, ANSWER - 0.1):
        driver.pass_time(seconds)
        phases.append(driver.phase)
    assert phases == [Phase.BACKOFF, Phase.DISCONNECTED, Phase.DISCONNECTED]
    assert driver.epoch == epoch + 1


def test_a_list_that_was_to_be_repeated_is_not_repeated_on_the_next_connection() -> None:
    driver = Driver(random=lambda: 1.0)
    driver.connect()
    for delay in (0.025, 0.05, 0.1):
        driver.fail_list()
        driver.pass_time(delay)
    driver.fail_list()
    driver.disconnect()
    driver.pass_time(0.05)
    driver.connect()
    driver.forget()
    driver.pass_time(1.0)
    assert driver.lists == 0


def test_a_connection_that_breaks_under_its_list_owes_no_list() -> None:
    driver = Driver().go_live({A: shut_off()})
    for _ in range(3):
        driver.disconnect()
        assert driver.reflector.waiting_since is None
        driver.pass_time(31.0)
        driver.connect()
    assert driver.reflector.waiting_since is not None
    assert driver.phase is Phase.LISTING


def test_on_a_new_connection_failed_lists_are_counted_anew() -> None:
    driver = Driver().go_live()
    for _ in range(2):
        driver.reconnect()
        driver.forget()
        driver.require(1, A)
        for _ in range(FAILURES):
            assert driver.rejected == []
            driver.fail_list()
            driver.pass_time(10.0)
        assert driver.rejected == [1]


def test_a_sweep_that_was_due_is_not_due_on_the_next_connection() -> None:
    driver = Driver(period=60.0).go_live({A: shut_off()})
    driver.require(1)
    driver.pass_time(60.0)
    driver.reconnect()
    driver.forget()
    driver.answer_list({A: shut_off()})
    assert driver.lists == 0
    driver.pass_time(60.0)
    assert driver.lists == 1


# ---------------------------------------------------------------------- lists


def test_a_list_deletes_nothing() -> None:
    driver = Driver(period=60.0).go_live({A: shut_off(), B: shut_off("m")})
    driver.pass_time(60.0)
    driver.answer_list({B: shut_off("m")})
    assert driver.deltas == []
    assert driver.reads() == [A]
    driver.answer(A, GONE)
    [deleted] = driver.deltas
    assert isinstance(deleted, Deleted)
    assert deleted.reason is DeletionReason.MISSING
    assert deleted.source is DeltaSource.RESYNC


def test_a_list_that_misses_a_domain_by_mistake() -> None:
    driver = Driver(period=60.0).go_live({A: shut_off()})
    driver.pass_time(60.0)
    driver.answer_list({})
    driver.answer(A, shut_off())
    assert driver.deltas == []


def test_a_failed_list_is_repeated_and_changes_nothing() -> None:
    driver = Driver(random=lambda: 0.0)
    driver.connect()
    driver.fail_list()
    assert driver.reflector.counters.list_errors == 1
    assert driver.reflector.last_error is ERROR
    driver.pass_time(0.05)
    assert driver.lists == 2
    driver.answer_list({A: shut_off()})
    assert driver.phase is Phase.LIVE


def test_a_list_that_fails_again_is_repeated_later() -> None:
    driver = Driver().go_live({A: shut_off()})
    driver.require(1)
    for turn in range(3):
        assert driver.lists == turn + 1
        driver.fail_list()
        driver.pass_time(0.05 * 2**turn - 0.01)
        assert driver.lists == turn + 1
        driver.pass_time(0.01)
    assert driver.reflector.counters.list_errors == 3
    driver.answer_list({A: shut_off()})
    assert driver.resolved == [1]


def test_a_failed_resync_waits_for_the_next_one() -> None:
    driver = Driver(period=60.0).go_live({A: shut_off()})
    driver.pass_time(60.0)
    driver.fail_list()
    driver.pass_time(59.0)
    assert driver.lists == 1
    driver.pass_time(1.0)
    assert driver.lists == 2


def test_a_second_answer_to_a_list_is_ignored() -> None:
    driver = Driver().go_live()
    assert driver.answer_list({}, present={A}) == []


def test_a_reconnect_tells_exactly_the_differences() -> None:
    driver = Driver().go_live({A: shut_off(), B: shut_off("b"), C: shut_off("c")})
    version = driver.store.resource_version
    driver.reconnect()
    assert driver.deltas == []
    driver.answer_list({A: shut_off(), B: running(name="b")})
    assert driver.reads() == [C]
    driver.answer(C, GONE)
    assert driver.kinds == ["Updated", "Deleted"]
    assert {delta.source for delta in driver.deltas} == {DeltaSource.RELIST}
    assert driver.told == ["Started*", "Undefined*"]
    assert driver.deltas[0].resource_version > version
    assert driver.reflector.connections == 2


def test_what_one_connection_did_not_catch_up_with_is_held_for_events_on_the_next() -> None:
    driver = Driver().go_live({A: shut_off()})
    driver.reconnect()
    driver.answer_list({A: shut_off()}, reads=())
    assert not driver.reflector.synced
    driver.reconnect()
    driver.event(A, RESUMED, id=1)
    driver.answer_list({A: running()})
    assert driver.deltas == []
    driver.tell(A, running(), driver.make_event(A, STARTED, id=1))
    assert driver.told == ["Started", "Resumed"]
    assert driver.kinds == ["Updated"]
    assert driver.reflector.synced


def test_reads_that_a_disconnect_cut_off_are_asked_for_again() -> None:
    driver = Driver().go_live({A: shut_off()})
    driver.event(A, DEFINED, 1)
    late = driver.make_answer(A, shut_off(xml="late"))
    driver.reconnect()
    driver.receive(late)
    assert driver.deltas == []
    driver.answer_list({A: shut_off()}, reads=())
    assert driver.of(Read)[-1].epoch == driver.epoch
    driver.answer(A, shut_off(xml="new"))
    assert driver.told == ["Defined"]


# ---------------------------------------------------------------------- reads


def test_an_event_is_answered_by_one_read() -> None:
    driver = Driver().go_live({A: shut_off()})
    driver.receive(driver.make_event(A, DEFINED, 1), driver.make_event(A, DEFINED, 1))
    assert driver.reads() == [A]
    driver.event(A, DEFINED, 1)
    assert driver.reads() == []


def test_a_read_that_began_before_an_event_is_repeated() -> None:
    driver = Driver().go_live({A: shut_off()})
    driver.event(A, DEFINED, 1)
    began = driver.stamp()
    driver.event(A, DEFINED, 1)
    driver.reads()
    driver.answer(A, shut_off(xml="old"), began=began)
    assert driver.deltas == []
    assert driver.reads() == [A]
    driver.answer(A, shut_off(xml="new"))
    assert [delta.domain.xml for delta in driver.deltas] == ["new"]
    assert driver.reflector.counters.reads_raced == 1


def test_after_many_lost_races_a_read_is_stored_unsettled() -> None:
    driver = Driver().go_live({A: shut_off()})
    for turn in range(RACES):
        assert driver.deltas == []
        began = driver.stamp()
        driver.event(A, DEFINED, 1)
        driver.answer(A, shut_off(xml=f"{turn}"), began=began)
    [delta] = driver.deltas
    assert not delta.domain.settled
    assert driver.reads()[-1] == A
    driver.answer(A, shut_off(xml="end"))
    assert driver.deltas[-1].domain.settled
    assert driver.told == ["Defined"] * RACES


def test_a_read_that_overlaps_an_accepted_one_is_dropped() -> None:
    driver = Driver(period=60.0).go_live({A: shut_off()})
    driver.pass_time(60.0)
    began = driver.stamp()
    driver.answer(A, shut_off(xml="new"), listed=True)
    driver.answer(A, shut_off(xml="old"), began=began)
    assert [delta.domain.xml for delta in driver.deltas] == ["new"]


def test_torn_reads_are_delivered_unsettled_and_read_again() -> None:
    driver = Driver(random=lambda: 0.0).go_live({A: shut_off()})
    driver.tell(A, running(settled=False), driver.make_event(A, STARTED, id=1))
    assert [delta.domain.settled for delta in driver.deltas] == [False]
    driver.reads()
    driver.pass_time(0.04)
    assert driver.reads() == []
    driver.pass_time(0.01)
    assert driver.reads() == [A]
    driver.answer(A, running())
    assert driver.deltas[-1].domain.settled
    assert driver.reflector.counters.reads_torn == 1
    assert driver.reflector.deadline is None


def test_a_refused_read_is_unknown_not_gone() -> None:
    driver = Driver(random=lambda: 0.0).go_live({A: shut_off()})
    driver.event(A, STARTED, id=1)
    for turn in range(FAILURES):
        assert driver.reads() == [A]
        driver.answer(A, ERROR)
        if turn < FAILURES - 1:
            assert driver.told == []
            driver.pass_time(0.05 * 2**turn)
    assert driver.told == ["Started"]
    driver.pass_time(10.0)
    driver.answer(A, running())
    stored = [(delta.domain.state, delta.domain.settled) for delta in driver.deltas]
    assert stored == [(DomainState.SHUTOFF, False), (DomainState.RUNNING, True)]
    assert driver.reflector.last_error is ERROR
    assert driver.reflector.counters.read_errors == FAILURES


def test_events_of_an_unknown_domain_that_cannot_be_read() -> None:
    driver = Driver().go_live()
    driver.event(A, DEFINED)
    for _ in range(FAILURES):
        driver.answer(A, ERROR)
        driver.pass_time(10.0)
    assert driver.told == ["Defined"]
    assert driver.deltas == []
    driver.answer(A, shut_off())
    assert driver.kinds == ["Added"]


# ---------------------------------------------------------------------- look-ups


def test_a_new_domain_that_is_not_found_is_looked_up_again() -> None:
    driver = Driver().go_live()
    driver.event(A, DEFINED)
    for delay in [0.005, 0.02, 0.08, 0.32]:
        assert driver.reads() == [A]
        driver.answer(A, GONE)
        assert driver.changes == []
        driver.pass_time(delay - 0.001)
        assert driver.reads() == []
        driver.pass_time(0.002)
    assert driver.reads() == [A]
    driver.answer(A, GONE)
    assert driver.told == ["Defined"]
    assert driver.deltas == []
    assert LOOKUPS == 4


def test_a_new_domain_that_is_found_in_the_end() -> None:
    driver = Driver().go_live()
    driver.event(A, DEFINED)
    driver.answer(A, GONE)
    driver.pass_time(0.01)
    driver.answer(A, shut_off())
    assert driver.kinds == ["Added"]
    assert driver.told == ["Defined"]


def test_defined_and_undefined_at_once() -> None:
    """No look-up ever finds it: two events, of a domain that is known by its events alone."""
    driver = Driver().go_live()
    events = [driver.make_event(A, DEFINED), driver.make_event(A, UNDEFINED)]
    driver.tell(A, GONE, *events)
    assert driver.told == ["Defined", "Undefined"]
    assert driver.deltas == []
    phantom = driver.events[0].domain
    assert (phantom.name, phantom.generation, phantom.settled) == ("n", 0, False)
    assert phantom.state is DomainState.NOSTATE
    assert driver.reflector.deadline is None


def test_tombstones_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracker_module, "TOMBSTONES", 3)
    driver = Driver().go_live()
    for n in range(10):
        uuid = UUID(int=n)
        events = [driver.make_event(uuid, DEFINED), driver.make_event(uuid, UNDEFINED)]
        driver.tell(uuid, GONE, *events)
    records = driver.reflector._tracker._records.values()
    assert {record.uuid for record in records} == {UUID(int=n) for n in (7, 8, 9)}


def test_no_tombstone_is_taken_away_under_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracker_module, "TOMBSTONES", 0)
    driver = Driver(period=60.0).go_live({A: shut_off()})
    driver.pass_time(60.0)
    old = driver.make_answer(A, shut_off(), listed=True)
    driver.tell(A, GONE, driver.make_event(A, UNDEFINED))
    driver.receive(old)
    assert driver.kinds == ["Deleted"]
    assert driver.store.get(A) is None
    driver.answer_list({})
    assert len(driver.reflector._tracker._records) == 0


def test_who_waits_for_an_unknown_domain_is_not_buried_while_the_host_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tracker_module, "TOMBSTONES", 0)
    driver = Driver().go_live()
    driver.disconnect()
    driver.require(1, A)
    driver.pass_time(1.0)
    driver.connect()
    driver.answer_list({})
    assert driver.reads() == [A]
    driver.answer(A, GONE)
    assert driver.resolved == [1]


def test_an_event_that_is_held_is_not_buried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracker_module, "TOMBSTONES", 0)
    driver = Driver().go_live()
    driver.tell(A, GONE, driver.make_event(A, SHUTDOWN, id=1))
    driver.require(1, A)
    driver.answer(A, GONE)
    assert driver.resolved == [1]
    driver.pass_time(1.0)
    assert driver.told == []
    assert driver.reflector.counters.events_superseded == 1


def test_an_answer_that_is_to_come_is_not_buried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list was quicker: it found that the domain is gone, and the read is still under way."""
    monkeypatch.setattr(tracker_module, "TOMBSTONES", 0)
    driver = Driver(period=60.0).go_live({A: shut_off()})
    driver.pass_time(60.0)
    driver.event(A, UNDEFINED)
    assert driver.reads() == [A]
    driver.answer(A, GONE, listed=True)
    driver.answer_list({})
    assert driver.kinds == ["Deleted"]
    driver.answer(A, GONE)
    assert driver.reflector.waiting_since is None


def test_a_late_event_of_a_deleted_domain_knows_what_it_was() -> None:
    driver = Driver().go_live({A: running(persistent=False)})
    driver.tell(A, GONE, driver.make_event(A, STOPPED))
    driver.tell(A, GONE, driver.make_event(A, 0, kind=EventKind.AGENT_LIFECYCLE))
    assert driver.kinds == ["Deleted"]
    late = driver.events[-1]
    assert late.type == "AgentLifecycle"
    assert late.domain.xml == "live"
    assert late.resource_version > driver.deltas[0].resource_version


def test_a_tombstone_that_is_needed_again_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracker_module, "TOMBSTONES", 0)
    driver = Driver().go_live({A: shut_off()})
    event = driver.make_event(A, UNDEFINED)
    driver.receive(event, driver.make_answer(A, GONE), driver.make_event(A, DEFINED))
    assert A in driver.reflector._tracker._records
    driver.answer(A, shut_off())
    assert driver.kinds == ["Deleted", "Added"]


# ---------------------------------------------------------------------- what is told


@pytest.mark.parametrize(
    ("seen", "events", "reason"),
    [
        (shut_off(), [UNDEFINED], DeletionReason.UNDEFINED),
        (running(persistent=False), [SHUTDOWN, STOPPED], DeletionReason.STOPPED),
        (running(persistent=False), [STOPPED], DeletionReason.STOPPED),
        (shut_off(), [], DeletionReason.MISSING),
    ],
)
def test_why_it_was_deleted(seen: Any, events: list[int], reason: DeletionReason) -> None:
    driver = Driver().go_live({A: seen})
    made = [driver.make_event(A, type_, id=1 if type_ == SHUTDOWN else -1) for type_ in events]
    if not made:
        driver.require(1, A)
    driver.tell(A, GONE, *made)
    deleted = driver.deltas[-1]
    assert isinstance(deleted, Deleted)
    assert deleted.reason is reason
    assert len(deleted.events) == len(events)


def test_a_rename_is_one_update() -> None:
    driver = Driver().go_live({A: shut_off("before")})
    events = [
        driver.make_event(A, UNDEFINED, 1, name="before"),
        driver.make_event(A, DEFINED, 2, name="after"),
    ]
    driver.tell(A, shut_off("after"), *events)
    [updated] = driver.deltas
    assert isinstance(updated, Updated)
    assert updated.changed == {"name"}
    assert [(e.type, e.reason, e.domain_name) for e in updated.events] == [
        ("Undefined", "Renamed", "before"),
        ("Defined", "Renamed", "after"),
    ]


def test_a_redefinition_under_one_uuid_deletes_nothing_that_was_not_found_missing() -> None:
    driver = Driver().go_live({A: shut_off()})
    first = driver.store.get(A)
    assert first is not None
    events = [driver.make_event(A, UNDEFINED), driver.make_event(A, DEFINED)]
    driver.tell(A, shut_off(), *events)
    [updated] = driver.deltas
    assert isinstance(updated, Updated)
    assert updated.domain.incarnation == first.incarnation
    assert [event.type for event in updated.events] == ["Undefined", "Defined"]
    assert driver.reflector.counters.deltas[DeltaSource.EVENT] == 1


def test_a_redefinition_that_was_looked_up_in_between_is_two_domains() -> None:
    driver = Driver().go_live({A: shut_off()})
    driver.tell(A, GONE, driver.make_event(A, UNDEFINED))
    driver.tell(A, shut_off(), driver.make_event(A, DEFINED))
    deleted, added = driver.deltas
    assert isinstance(deleted, Deleted)
    assert isinstance(added, Added)
    assert added.domain.incarnation == added.resource_version > deleted.domain.incarnation
    assert [event.type for event in deleted.events] == ["Undefined"]
    assert [event.type for event in added.events] == ["Defined"]


def test_an_identical_redefinition_is_an_event_and_a_version() -> None:
    driver = Driver().go_live({A: shut_off()})
    driver.tell(A, shut_off(), driver.make_event(A, DEFINED, 1))
    [delta] = driver.deltas
    assert isinstance(delta, Updated)
    assert delta.changed == frozenset()
    assert delta.domain.generation == delta.old.generation == 1
    assert delta.domain.resource_version == delta.old.resource_version + 1


def test_the_generation_grows_with_the_configuration_alone() -> None:
    driver = Driver().go_live({A: running()})
    driver.tell(A, running(xml="other"), driver.make_event(A, 0, kind=EventKind.TUNABLE))
    driver.tell(A, running(config_xml="other"), driver.make_event(A, DEFINED, 1, id=1))
    assert [delta.domain.generation for delta in driver.deltas] == [1, 2]


def test_every_event_has_a_version_of_its_own() -> None:
    driver = Driver().go_live({A: shut_off()})
    events = [driver.make_event(A, RESUMED, id=1), driver.make_event(A, STARTED, id=1)]
    driver.tell(A, running(), *events)
    [delta] = driver.deltas
    assert [event.resource_version for event in delta.events] == [2, 3]
    assert delta.resource_version == delta.domain.resource_version == 3
    assert driver.store.resource_version == 3


def test_a_held_event_keeps_the_observation_back_for_a_window() -> None:
    driver = Driver(window=0.1).go_live({A: shut_off()})
    driver.tell(A, running(), driver.make_event(A, RESUMED, id=1))
    assert driver.deltas == []
    assert driver.reflector.deadline == pytest.approx(driver.now + 0.1)
    driver.pass_time(0.1)
    assert driver.kinds == ["Updated"]
    assert driver.told == ["Started*", "Resumed"]
    assert driver.reflector.deadline is None


def test_the_predecessor_ends_the_wait() -> None:
    driver = Driver(window=0.1).go_live({A: shut_off()})
    driver.tell(A, running(), driver.make_event(A, RESUMED, id=1))
    driver.pass_time(0.05)
    driver.tell(A, running(), driver.make_event(A, STARTED, id=1))
    assert driver.told == ["Started", "Resumed"]
    assert driver.kinds == ["Updated"]


def test_a_predecessor_that_came_in_time_is_waited_for_though_its_read_is_slow() -> None:
    driver = Driver(window=0.1).go_live({A: shut_off()})
    driver.tell(A, running(), driver.make_event(A, RESUMED, id=1))
    driver.pass_time(0.09)
    driver.event(A, STARTED, id=1)
    driver.pass_time(5.0)
    driver.answer(A, running())
    assert driver.told == ["Started", "Resumed"]


def test_a_refresh_does_not_wait_for_the_window() -> None:
    driver = Driver(window=0.1).go_live({A: shut_off()})
    driver.tell(A, running(), driver.make_event(A, RESUMED, id=1))
    driver.require(1, A)
    driver.answer(A, running())
    assert driver.resolved == [1]
    assert driver.store.get(A) is not None
    assert driver.deltas[0].domain.state is DomainState.RUNNING
    assert driver.told == []
    driver.pass_time(0.1)
    assert driver.told == ["Started*", "Resumed"]


def test_an_event_that_tells_of_a_change_found_before_it() -> None:
    """A refresh was quicker than the event: nothing is inferred, since it comes in time."""
    driver = Driver(window=0.1).go_live({A: shut_off()})
    driver.require(1, A)
    driver.answer(A, running())
    assert driver.deltas[0].source is DeltaSource.REFRESH
    driver.pass_time(0.05)
    driver.tell(A, running(), driver.make_event(A, STARTED, id=1))
    driver.pass_time(1.0)
    assert driver.told == ["Started"]


def test_an_event_that_never_comes_is_inferred() -> None:
    driver = Driver(window=0.1).go_live({A: shut_off()})
    driver.require(1, A)
    driver.answer(A, running())
    driver.pass_time(0.09)
    assert driver.told == []
    driver.pass_time(0.01)
    assert driver.told == ["Started*"]
    assert driver.reflector.counters.events_inferred == 1


def test_superseded_events_are_counted() -> None:
    driver = Driver().go_live({A: shut_off()})
    driver.tell(A, shut_off(), driver.make_event(A, SHUTDOWN, id=1))
    driver.pass_time(0.1)
    assert driver.told == []
    assert driver.deltas == []
    assert driver.reflector.counters.events_superseded == 1


def test_a_window_of_nothing() -> None:
    driver = Driver(window=0.0).go_live({A: shut_off()})
    driver.tell(A, running(), driver.make_event(A, RESUMED, id=1))
    assert driver.told == ["Started*", "Resumed"]


def test_events_before_the_first_sync_are_contained_in_the_list() -> None:
    driver = Driver()
    driver.connect()
    driver.receive(driver.make_event(A, STARTED, id=1), driver.make_event(B, DEFINED))
    driver.answer_list({A: running()})
    assert driver.told == []
    assert FIRST_SYNC not in driver.resolved
    driver.pass_time(0.0)
    for _ in range(LOOKUPS + 1):
        driver.answer(B, GONE)
        driver.pass_time(0.5)
    assert driver.kinds == ["Added"]
    assert driver.reflector.synced


def test_the_first_sync_is_that_of_one_connection() -> None:
    """What an earlier one had left to be read is no more than a part of what is to be read now."""
    driver = Driver()
    driver.connect()
    driver.answer_list({A: shut_off(), B: shut_off("b")}, reads=[B])
    driver.reconnect()
    driver.answer(A, shut_off(), listed=True)
    assert driver.resolved == []
    driver.answer_list({A: shut_off(), B: shut_off("b")})
    assert driver.resolved == [FIRST_SYNC]


def test_the_first_sync_asks_again_for_what_is_read_since_just_before_its_list() -> None:
    """Whoever waits for a read gets one: a stamp is either too old for both, or for neither."""
    driver = Driver()
    driver.connect()
    driver.receive(driver.make_event(A, UNDEFINED))
    began = driver.stamp()
    driver.answer_list({})
    driver.forget()
    driver.answer(A, GONE, began=began)
    assert (driver.resolved, driver.reads()) == ([], [A])
    driver.answer(A, GONE)
    assert driver.resolved == [FIRST_SYNC]


def test_the_first_sync_holds_nothing_back() -> None:
    driver = Driver(window=10.0)
    driver.connect()
    driver.answer_list({A: shut_off(), B: shut_off("b")}, reads=[A])
    driver.reconnect()
    driver.receive(driver.make_event(A, SUSPENDED, id=1))
    driver.answer_list({A: paused(), B: shut_off("b")})
    assert driver.resolved == [FIRST_SYNC]
    shown = driver.store.get(A)
    assert shown is not None
    assert shown.state is DomainState.PAUSED


def test_what_a_torn_first_read_missed_may_still_be_told() -> None:
    driver = Driver(window=0.1)
    driver.connect()
    driver.answer_list({A: running(settled=False)})
    driver.pass_time(0.05)
    driver.answer(A, paused())
    driver.pass_time(0.05)
    driver.tell(A, paused(), driver.make_event(A, SUSPENDED, id=1))
    driver.pass_time(1.0)
    assert driver.told == ["Suspended"]


def test_a_transform_is_applied_before_anything_is_compared() -> None:
    def slim(domain: Domain) -> Domain:
        return attrs.evolve(domain, xml="", config_xml=None)

    driver = Driver(transform=slim).go_live({A: shut_off()})
    driver.require(1, A)
    driver.answer(A, shut_off(xml="another"))
    assert driver.deltas == []
    driver.tell(A, shut_off(config_xml="x"), driver.make_event(A, DEFINED, 1))
    assert driver.deltas[0].domain.generation == 1
    assert driver.deltas[0].domain.xml == ""


# ---------------------------------------------------------------------- resync


@pytest.mark.parametrize("count", [1, SLICE, SLICE + 1, 5 * SLICE, SLICES * SLICE * 2])
@pytest.mark.parametrize("jitter", [0.0, 1.0])
def test_each_domain_is_read_within_one_period(count: int, jitter: float) -> None:
    host = {UUID(int=n): shut_off(f"n{n}") for n in range(count)}
    driver = Driver(period=60.0, random=lambda: jitter).go_live(host)
    read: list[UUID] = []
    sizes = []
    for _ in range(min(SLICES, -(-count // SLICE))):
        driver.forget()
        deadline = driver.reflector.deadline
        assert deadline is not None
        driver.pass_time(deadline - driver.now)
        [effect] = driver.of(List)
        assert effect.only is not None
        read += effect.only
        sizes.append(len(effect.only))
        driver.receive(Listed(driver.epoch, driver.stamp(), frozenset(host) - effect.only))
        for uuid in driver.reads():
            driver.answer(uuid, host[uuid])
    assert set(read) == set(host)
    assert len(read) < len(host) + SLICES
    assert driver.now <= 160.0
    assert max(sizes) <= max(SLICE, -(-count // SLICES))


def test_where_many_domains_vanish_the_others_are_read_before_their_slice_is_due(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fewer domains are fewer slices, and more time between them; the period stays."""
    monkeypatch.setattr(rota_module, "SLICE", 1)
    uuids = [UUID(int=100 + number) for number in range(SLICES)]
    driver = Driver(period=60.0).go_live({uuid: shut_off(f"{uuid}") for uuid in uuids})
    *gone, last_but_one, last = uuids
    for uuid in gone:
        driver.pass_time(60.0 / SLICES)
        assert driver.of(List)[-1].only == frozenset({uuid})
        driver.answer_list({uuid: shut_off(f"{uuid}") for uuid in uuids}, reads=[uuid])
    for uuid in gone:
        driver.tell(uuid, GONE, driver.make_event(uuid, UNDEFINED))
    driver.pass_time(60.0 / SLICES)
    assert driver.of(List)[-1].only == frozenset({last_but_one, last})


def test_a_silent_change_is_found_by_the_resync() -> None:
    driver = Driver(period=60.0).go_live({A: shut_off()})
    driver.pass_time(60.0)
    driver.answer_list({A: shut_off(autostart=True)})
    [delta] = driver.deltas
    assert delta.source is DeltaSource.RESYNC
    assert delta.changed == {"autostart"}


def test_a_resync_finds_a_domain_of_which_nobody_told() -> None:
    driver = Driver(period=60.0).go_live()
    driver.pass_time(60.0)
    driver.answer_list({A: shut_off()}, reads=())
    assert driver.reads() == [A]
    driver.answer(A, shut_off())
    assert driver.kinds == ["Added"]
    driver.pass_time(0.1)
    assert driver.told == ["Defined*"]


def test_a_resync_does_not_begin_under_another_list() -> None:
    driver = Driver(period=60.0).go_live({A: shut_off()})
    driver.require(1)
    assert driver.lists == 1
    driver.pass_time(60.0)
    assert driver.lists == 1
    driver.answer_list({A: shut_off()})
    driver.pass_time(60.0)
    assert driver.lists == 2


@pytest.mark.parametrize(("random", "pause"), [(0.0, 60.0), (0.5, 57.0), (1.0, 54.0)])
def test_a_resync_is_early_by_up_to_a_tenth(random: float, pause: float) -> None:
    driver = Driver(period=60.0, random=lambda: random).go_live({A: shut_off()})
    assert driver.reflector.deadline == pytest.approx(driver.now + pause)


def test_no_resync_where_none_is_wanted() -> None:
    driver = Driver(period=None).go_live({A: shut_off()})
    driver.pass_time(3600.0)
    assert driver.effects == []
    assert driver.reflector.deadline is None


# ---------------------------------------------------------------------- barriers


def test_sync_reads_the_whole_host() -> None:
    driver = Driver().go_live({A: shut_off(), B: shut_off("b")})
    driver.require(1)
    driver.answer_list({A: shut_off(autostart=True), B: shut_off("b")}, reads=[A])
    assert driver.resolved == []
    assert driver.reads() == [B]
    driver.answer(B, GONE)
    assert driver.resolved == [1]
    assert driver.kinds == ["Updated", "Deleted"]
    assert {delta.source for delta in driver.deltas} == {DeltaSource.REFRESH}


def test_sync_does_not_wait_for_a_domain_that_was_gone_before() -> None:
    driver = Driver().go_live({A: shut_off()})
    driver.tell(A, GONE, driver.make_event(A, UNDEFINED))
    driver.require(1)
    driver.answer_list({})
    assert driver.resolved == [1]


def test_sync_needs_a_list_that_began_after_it() -> None:
    driver = Driver().go_live({A: shut_off()})
    driver.require(1)
    began = driver.stamp()
    driver.require(2)
    driver.answer(A, shut_off(), listed=True)
    driver.receive(Listed(driver.epoch, began, frozenset({A})))
    assert driver.resolved == [1]
    assert driver.lists == 2
    driver.answer_list({A: shut_off()})
    assert driver.resolved == [1, 2]


def test_sync_stores_what_is_held_back() -> None:
    driver = Driver(window=10.0).go_live({A: shut_off()})
    driver.tell(A, running(), driver.make_event(A, RESUMED, id=1))
    driver.require(1)
    driver.answer_list({A: running()})
    assert driver.resolved == [1]
    assert driver.kinds == ["Updated"]


def test_refresh_is_not_answered_by_a_read_that_began_before_it() -> None:
    driver = Driver().go_live({A: shut_off()})
    driver.event(A, DEFINED, 1)
    began = driver.stamp()
    driver.require(1, A)
    driver.answer(A, shut_off(), began=began)
    assert driver.resolved == []
    driver.answer(A, shut_off(autostart=True))
    assert driver.resolved == [1]
    domain = driver.store.get(A)
    assert domain is not None
    assert domain.autostart


def test_refresh_of_a_domain_that_is_not_there() -> None:
    driver = Driver().go_live()
    driver.require(1, A)
    driver.answer(A, GONE)
    assert driver.resolved == [1]
    assert driver.changes == []


def test_refresh_fails_if_the_host_refuses() -> None:
    driver = Driver().go_live({A: shut_off(), B: shut_off("b")})
    driver.require(1, A)
    driver.require(2)
    driver.answer_list({A: shut_off(), B: shut_off("b")}, reads=[B])
    for _ in range(FAILURES):
        assert driver.rejected == []
        driver.answer(A, ERROR)
        driver.pass_time(10.0)
    assert sorted(driver.rejected) == [1, 2]
    assert driver.resolved == []
    assert driver.store.get(A) is not None


def test_sync_fails_if_the_host_does_not_list() -> None:
    driver = Driver().go_live({A: shut_off()})
    driver.require(1)
    driver.require(2, A)
    for _ in range(FAILURES):
        assert driver.rejected == []
        driver.fail_list()
        driver.pass_time(10.0)
    assert driver.of(Reject) == [Reject(1, ERROR)]
    driver.answer(A, shut_off())
    assert driver.resolved == [2]


def test_the_first_sync_fails_for_no_broken_domain() -> None:
    driver = Driver()
    driver.connect()
    for _ in range(FAILURES + 1):
        driver.fail_list()
        driver.pass_time(10.0)
    driver.answer_list({A: shut_off(), B: shut_off("b")}, reads=[B])
    for _ in range(FAILURES):
        assert driver.resolved == []
        driver.answer(A, ERROR)
        driver.pass_time(10.0)
    assert driver.resolved == [FIRST_SYNC]
    assert driver.rejected == []


def test_a_cancelled_barrier_is_not_answered() -> None:
    driver = Driver().go_live({A: shut_off()})
    driver.require(1, A)
    driver.receive(Cancel(1), Cancel(99))
    driver.answer(A, shut_off())
    assert driver.resolved == []


def test_barriers_outlast_a_disconnect() -> None:
    driver = Driver().go_live({A: shut_off()})
    driver.require(1)
    driver.require(2, A)
    driver.reconnect()
    assert driver.resolved == []
    driver.answer_list({A: shut_off()})
    assert sorted(driver.resolved) == [1, 2]


def test_a_source_may_read_eagerly() -> None:
    """The read began right after the event, before it was asked for."""
    driver = Driver().go_live({A: shut_off()})
    event = driver.make_event(A, STARTED, id=1)
    outcome = driver.make_answer(A, running())
    driver.receive(event, outcome)
    assert driver.told == ["Started"]
    assert driver.reads() == []
    assert driver.reflector.waiting_since is None


# ---------------------------------------------------------------------- many domains


def test_a_long_list_is_compared_a_stretch_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracker_module, "STRETCH", 2)
    host = {UUID(int=n): shut_off(f"n{n}") for n in range(1, 6)}
    driver = Driver()
    driver.connect()
    listed = Listed(driver.epoch, driver.stamp(), frozenset(host))
    reflector = driver.reflector
    reflector.receive([listed], driver.now)
    assert reflector.phase is Phase.LISTING
    # An answer that comes again meanwhile is none.
    reflector.receive([listed, ListFailed(driver.epoch, ERROR)], driver.now)
    assert reflector.deadline == driver.now
    driver.receive(Tick())
    assert driver.phase is Phase.LIVE
    assert (reflector.counters.lists, reflector.counters.list_errors) == (1, 0)
    assert sorted(driver.reads()) == sorted(host)


def test_neither_half_of_a_comparison_is_done_in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """First whom the list names, then whoever is known."""
    monkeypatch.setattr(tracker_module, "STRETCH", 2)
    driver = Driver()
    driver.connect()
    present = frozenset(UUID(int=n) for n in range(1, 11))
    listed = Listed(driver.epoch, driver.stamp(), present)
    driver.now += 3.0  # it took so long
    reflector = driver.reflector
    effects = reflector.receive([listed], driver.now)
    assert len(reflector._tracker._records) == 2
    turns = 1
    while reflector.phase is Phase.LISTING:
        assert reflector.deadline == driver.now
        effects += reflector.receive([Tick()], driver.now)
        turns += 1
    assert turns == 5 + 5 + 1
    assert len(reflector._tracker._records) == 10
    # It came back for the rest, and not for another list.
    assert not any(isinstance(effect, List) for effect in effects)
    assert reflector.counters.list_time.histogram.sum == pytest.approx(3.0)


def test_further_look_ups_are_counted() -> None:
    driver = Driver().go_live()
    driver.event(A, DEFINED)
    for count in (1, 2):
        driver.answer(A, GONE)
        assert driver.reflector.counters.lookups_repeated == count
        driver.pass_time(1.0)


def test_nobody_is_held_whose_state_is_stored() -> None:
    driver = Driver(window=0.5).go_live({A: shut_off()})
    driver.event(A, RESUMED)  # the predecessor is on its way
    driver.answer(A, running())
    assert list(driver.reflector._tracker._held) == [driver.record(A)]
    driver.event(A, STARTED)
    driver.answer(A, running())
    assert driver.told == ["Started", "Resumed"]
    assert driver.reflector._tracker._held == {}


def test_what_is_compared_with_a_list_is_forgotten_with_its_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tracker_module, "STRETCH", 1)
    driver = Driver().go_live({A: shut_off(), B: shut_off("b")})
    driver.reconnect()
    driver.reflector.receive([Listed(driver.epoch, driver.stamp(), frozenset({A}))], driver.now)
    driver.disconnect()
    driver.pass_time(10.0)
    assert driver.reads() == []
    driver.receive(Connected(driver.epoch))
    driver.receive(Subscribed(driver.epoch))
    driver.answer_list({A: shut_off(), B: shut_off("b")})
    assert driver.phase is Phase.LIVE
    assert driver.deltas == []


def test_a_read_of_nothing_new_is_repeated_for_who_came_after_it_began() -> None:
    driver = Driver().go_live({A: shut_off()})
    driver.require(1, A)
    began = driver.stamp()
    driver.require(2, A)
    driver.forget()
    driver.answer(A, shut_off(), began=began)
    assert (driver.resolved, driver.reads()) == ([1], [A])
    driver.answer(A, shut_off())
    assert driver.resolved == [1, 2]
    assert driver.deltas == []


def test_how_long_reads_took_is_counted_where_it_is_known() -> None:
    driver = Driver().go_live({A: shut_off()})
    for took in (0.25, None):
        driver.require(1, A)
        driver.receive(attrs.evolve(driver.make_answer(A, shut_off()), took=took))
    time = driver.reflector.counters.read_time.histogram
    assert (time.count, time.sum) == (1, 0.25)


def test_slices_do_not_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rota_module, "LARGEST", 2)
    monkeypatch.setattr(rota_module, "SLICE", 1)
    host = {UUID(int=n): shut_off(f"n{n}") for n in range(3 * SLICES)}
    driver = Driver(period=60.0).go_live(host)
    driver.pass_time(60.0 / SLICES)
    sizes = [len(effect.only or ()) for effect in driver.of(List)]
    assert sizes
    assert max(sizes) <= 2


def test_those_who_are_gone_do_not_wait_for_their_turn_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rota_module, "SLACK", 2)
    driver = Driver(period=None).go_live({A: shut_off()})
    for number in range(20):
        driver.tell(uuid := UUID(int=100 + number), shut_off(), driver.make_event(uuid, DEFINED))
        driver.tell(uuid, GONE, driver.make_event(uuid, UNDEFINED))
    rota = driver.reflector._rota
    assert rota.known == 1
    assert len(rota._line) <= 2 * rota.known + 2
    assert A in {record.uuid for record in rota._line}

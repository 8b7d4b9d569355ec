"""The tracker: when a domain is read again, what is counted, and what an error says."""

from __future__ import annotations

import pytest

from virtinformer._core.messages import Listed, Read, Reject, Require
from virtinformer._core.model import DeltaSource
from virtinformer._core.tracker import FAILURES, LOOKUPS, RACES
from virtinformer._core.vocabulary import EventKind, LifecycleType

from .driving import ERROR, GONE, A, B, Driver, paused, running, shut_off

DEFINED, STARTED, RESUMED = (
    LifecycleType.DEFINED,
    LifecycleType.STARTED,
    LifecycleType.RESUMED,
)
STOPPED, SHUTDOWN, UNDEFINED = (
    LifecycleType.STOPPED,
    LifecycleType.SHUTDOWN,
    LifecycleType.UNDEFINED,
)


def seconds_to_the_next_read(driver: Driver) -> float:
    """Wait for it."""
    began = driver.now
    driver.reads()
    while not driver.reads():
        assert driver.reflector.deadline is not None
        assert driver.reflector.deadline > driver.now
        driver.pass_time(driver.reflector.deadline - driver.now)
    return driver.now - began


# ---------------------------------------------------------------------- again


def test_the_longer_a_host_refuses_the_later_it_is_asked_again() -> None:
    driver = Driver().go_live({A: shut_off()})
    driver.event(A, DEFINED, 1)
    waits = []
    for _ in range(10):
        driver.answer(A, ERROR)
        waits.append(seconds_to_the_next_read(driver))
    assert waits == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0])
    driver.answer(A, shut_off())
    driver.event(A, DEFINED, 1)
    driver.answer(A, ERROR)
    assert seconds_to_the_next_read(driver) == pytest.approx(0.05)


def test_the_longer_reads_are_torn_the_later_the_next_one_is() -> None:
    driver = Driver().go_live({A: shut_off()})
    driver.event(A, DEFINED, 1)
    waits = []
    for _ in range(4):
        driver.answer(A, shut_off(settled=False))
        waits.append(seconds_to_the_next_read(driver))
    assert waits == pytest.approx([0.05, 0.1, 0.2, 0.4])
    driver.answer(A, shut_off())
    driver.event(A, DEFINED, 1)
    driver.answer(A, shut_off(settled=False))
    assert seconds_to_the_next_read(driver) == pytest.approx(0.05)


def test_with_a_new_domain_there_is_as_much_patience() -> None:
    driver = Driver().go_live()
    for turn in range(RACES):
        assert driver.deltas == [], turn
        began = driver.stamp()
        driver.event(A, DEFINED, 1)
        driver.answer(A, shut_off(), began=began)
    assert [delta.domain.settled for delta in driver.deltas] == [False]
    driver.event(B, DEFINED)
    driver.answer(B, shut_off("b", settled=False))
    assert seconds_to_the_next_read(driver) == pytest.approx(0.05)


def test_a_read_is_asked_for_by_what_it_has_to_be_newer_than() -> None:
    driver = Driver().go_live({A: shut_off()})
    first, second = driver.make_event(A, DEFINED, 1), driver.make_event(A, DEFINED, 1)
    driver.receive(second, first)
    assert driver.of(Read) == [Read(driver.epoch, A, second.stamp)]


def test_what_a_slice_could_not_read_whole_is_read_by_itself() -> None:
    driver = Driver(period=60.0).go_live({A: shut_off(), B: shut_off("b")})
    driver.pass_time(60.0)
    driver.answer_list({A: shut_off(), B: shut_off("b")}, reads=[A])
    assert driver.reads() == [B]


def test_what_a_slice_was_not_to_read_is_left() -> None:
    driver = Driver(period=60.0).go_live({A: shut_off()})
    driver.pass_time(60.0)
    driver.event(B, DEFINED)
    driver.answer(B, shut_off("b"))
    driver.reads()
    driver.answer_list({A: shut_off(), B: shut_off("b")}, reads=[A])
    assert driver.reads() == []


@pytest.mark.parametrize(
    ("type_", "exists"),
    [
        (DEFINED, True),
        (STARTED, True),
        (RESUMED, True),
        (LifecycleType.SUSPENDED, True),
        (LifecycleType.PMSUSPENDED, True),
        (UNDEFINED, False),
        (STOPPED, False),
        (SHUTDOWN, False),
        (LifecycleType.CRASHED, False),
    ],
)
def test_only_an_event_of_a_living_domain_has_it_looked_up_again(
    type_: LifecycleType, exists: bool
) -> None:
    driver = Driver().go_live()
    driver.tell(A, GONE, driver.make_event(A, type_, id=1))
    driver.reads()
    driver.pass_time(0.01)
    assert driver.reads() == ([A] if exists else [])


def test_what_an_event_did_not_explain_has_a_window_of_its_own() -> None:
    """It begins when the event was told that had been waited for, not when that wait began."""
    driver = Driver(window=0.1).go_live({A: shut_off()})
    driver.tell(A, running(), driver.make_event(A, RESUMED, id=1))
    driver.pass_time(0.05)
    driver.tell(A, paused(), driver.make_event(A, STARTED, id=1))
    driver.pass_time(0.09)
    driver.tell(A, paused(), driver.make_event(A, LifecycleType.SUSPENDED, id=1))
    assert driver.told == ["Started", "Resumed", "Suspended"]


def test_an_event_that_is_given_up_does_not_end_the_wait_of_another() -> None:
    """One change of the host is one delta, and the events that tell of it are in it."""
    driver = Driver(window=0.1).go_live({A: shut_off()})
    driver.tell(A, running(), driver.make_event(A, LifecycleType.SUSPENDED, id=9))
    driver.pass_time(0.05)
    driver.tell(A, running(), driver.make_event(A, RESUMED, id=1))
    driver.pass_time(0.07)
    assert driver.reflector.counters.events_superseded == 1
    driver.tell(A, running(), driver.make_event(A, STARTED, id=1))
    assert driver.kinds == ["Updated"]
    assert driver.told == ["Started", "Resumed"]


def shown_before_it_is_explained() -> Driver:
    """Other news of a domain stored that it runs, while its Started is still awaited."""
    driver = Driver(window=0.1).go_live({A: shut_off()})
    driver.tell(A, running(), driver.make_event(A, 0, kind=EventKind.METADATA_CHANGE))
    assert driver.kinds == ["Updated"]
    return driver


def test_what_was_shown_is_not_inferred_for_an_event_that_it_does_not_help() -> None:
    driver = shown_before_it_is_explained()
    driver.pass_time(0.05)
    driver.tell(A, running(), driver.make_event(A, RESUMED, id=9))
    driver.pass_time(0.15)
    assert driver.reflector.counters.events_superseded == 1
    driver.tell(A, running(), driver.make_event(A, STARTED, id=1))
    assert driver.told == ["MetadataChange", "Started"]


def test_past_what_was_shown_the_story_goes_on_to_its_end() -> None:
    driver = shown_before_it_is_explained()
    driver.pass_time(0.05)
    driver.event(A, LifecycleType.CRASHED, id=1)
    driver.pass_time(0.2)
    driver.answer(A, shut_off())
    driver.pass_time(1.0)
    assert driver.told == ["MetadataChange", "Started*", "Crashed", "Stopped*"]


def test_nothing_is_repeated_that_was_read_in_the_meantime() -> None:
    driver = Driver().go_live({A: shut_off()})
    driver.event(A, DEFINED, 1)
    driver.answer(A, ERROR)
    driver.reads()
    driver.answer(A, shut_off())
    assert driver.reflector.deadline is None
    driver.pass_time(60.0)
    assert driver.reads() == []


def test_a_new_life_begins_without_what_came_of_the_last_one() -> None:
    """An event that was held when the end was found, and would be possible in the new life."""
    driver = Driver(window=10.0).go_live({A: running(persistent=False)})
    driver.tell(A, running(persistent=False), driver.make_event(A, STARTED, id=5))
    driver.require(1, A)
    for _ in range(LOOKUPS + 1):
        driver.answer(A, GONE)
        driver.pass_time(0.5)
    assert driver.kinds == ["Deleted"]
    driver.tell(A, shut_off(), driver.make_event(A, DEFINED))
    assert driver.told == ["Stopped*", "Defined"]
    driver.pass_time(10.0)
    assert driver.kinds == ["Deleted", "Added"]


def test_a_read_of_its_own_is_not_told_as_that_of_a_list() -> None:
    driver = Driver(period=60.0).go_live({A: shut_off(), B: shut_off("b")})
    driver.pass_time(60.0)
    driver.require(1, A)
    driver.answer(A, shut_off(autostart=True))
    driver.answer_list({A: shut_off(autostart=True), B: shut_off("b", autostart=True)}, reads=[B])
    found = {delta.domain.uuid: delta.source for delta in driver.deltas}
    assert found == {A: DeltaSource.REFRESH, B: DeltaSource.RESYNC}


# ---------------------------------------------------------------------- read your own writes


def test_a_refresh_that_was_read_already_is_not_held_back_for_an_event() -> None:
    driver = Driver(window=10.0).go_live({A: shut_off()})
    wanted = driver.stamp()
    driver.tell(A, running(), driver.make_event(A, RESUMED, id=1))
    assert driver.deltas == []
    driver.receive(Require(1, wanted, A))
    assert driver.resolved == [1]
    assert [delta.domain.id for delta in driver.deltas] == [1]


def test_whoever_waited_is_told_what_the_host_said() -> None:
    driver = Driver().go_live({A: shut_off()})
    driver.require(1, A)
    for _ in range(FAILURES):
        driver.answer(A, ERROR)
        driver.pass_time(10.0)
    assert driver.of(Reject) == [Reject(1, ERROR)]


# ---------------------------------------------------------------------- without a read


def test_events_of_a_domain_that_cannot_be_read_are_a_walk_without_additions() -> None:
    driver = Driver().go_live({A: running()})
    events = [driver.make_event(A, type_, id=1) for type_ in (STOPPED, SHUTDOWN)]
    driver.receive(*events)
    for _ in range(FAILURES):
        driver.answer(A, ERROR)
        driver.pass_time(10.0)
    assert driver.told == ["Shutdown", "Stopped"]


def test_events_need_not_wait_for_look_ups_that_always_lose_against_them() -> None:
    """And a deletion is not believed of one, however often."""
    driver = Driver().go_live({A: shut_off()})
    for turn in range(1, 3 * RACES + 1):
        began = driver.stamp()
        driver.event(A, DEFINED, 1)
        driver.answer(A, GONE, began=began)
        assert len(driver.told) == turn - turn % RACES
    assert driver.store.get(A) is not None


def test_a_life_that_nobody_saw_has_no_end() -> None:
    driver = Driver().go_live()
    driver.event(A, STARTED, id=1)
    for _ in range(FAILURES):
        driver.answer(A, ERROR)
        driver.pass_time(10.0)
    assert driver.told == ["Started"]
    driver.answer(A, running(persistent=False))
    driver.pass_time(1.0)
    assert driver.told == ["Started"]
    assert driver.kinds == ["Added"]


def test_a_repetition_is_superseded_though_nothing_can_be_read() -> None:
    driver = Driver().go_live({A: shut_off(), B: shut_off("b")})
    for uuid in (A, B):
        driver.event(uuid, STOPPED, id=1)
        for _ in range(FAILURES):
            driver.answer(uuid, ERROR)
            driver.pass_time(10.0)
    assert driver.told == []
    assert driver.reflector.counters.events_superseded == 2


def test_a_change_that_is_found_through_a_superseded_event_is_told_as_the_events() -> None:
    driver = Driver().go_live({A: shut_off()})
    driver.tell(A, shut_off(autostart=True), driver.make_event(A, STOPPED))
    driver.pass_time(0.1)
    [delta] = driver.deltas
    assert delta.events == ()
    assert delta.source is DeltaSource.EVENT


# ---------------------------------------------------------------------- what is owed


def test_the_host_owes_nothing_once_every_read_is_answered() -> None:
    driver = Driver().go_live({A: shut_off(), B: shut_off("b")})
    for uuid in (A, B):
        driver.event(uuid, DEFINED, 1)
    asked = driver.now
    driver.pass_time(1.0)
    driver.answer(A, shut_off())
    assert driver.reflector.waiting_since == asked
    driver.answer(B, shut_off("b"))
    assert driver.reflector.waiting_since is None


def test_a_connection_that_is_gone_owes_nothing() -> None:
    driver = Driver().go_live({A: shut_off()})
    driver.event(A, DEFINED, 1)
    driver.disconnect()
    assert driver.reflector.waiting_since is None
    driver.pass_time(1.0)
    driver.connect()
    driver.answer_list({A: shut_off()})
    assert driver.reflector.waiting_since is None


def test_what_was_said_unasked_settles_no_debt() -> None:
    driver = Driver().go_live({A: shut_off(), B: shut_off("b")})
    driver.event(A, DEFINED, 1)
    asked = driver.now
    driver.pass_time(1.0)
    driver.answer(B, shut_off("b"))
    assert driver.reflector.waiting_since == asked


# ---------------------------------------------------------------------- what is counted


def test_every_event_that_came_and_every_read_that_was_answered_is_counted() -> None:
    driver = Driver().go_live({A: shut_off()})
    for _ in range(3):
        driver.event(A, DEFINED, 1)
        driver.answer(A, shut_off())
    counters = driver.reflector.counters
    assert (counters.events_received, counters.events_told, counters.reads) == (3, 3, 3)
    driver.require(1)
    driver.answer_list({A: shut_off()})
    assert (counters.lists, counters.list_errors, counters.read_errors) == (2, 0, 0)


def test_every_read_that_was_of_no_use_is_counted() -> None:
    driver = Driver().go_live({A: shut_off()})
    for _ in range(2):
        began = driver.stamp()
        driver.event(A, DEFINED, 1)
        driver.answer(A, shut_off(), began=began)
        driver.answer(A, ERROR)
        driver.answer(A, shut_off(settled=False))
        driver.pass_time(10.0)
        driver.answer(A, shut_off())
    counters = driver.reflector.counters
    assert (counters.reads_raced, counters.read_errors, counters.reads_torn) == (2, 2, 2)
    assert counters.reads == 8


def test_every_event_that_was_made_up_or_left_out_is_counted() -> None:
    driver = Driver(window=0.0).go_live({A: shut_off()})
    driver.tell(A, running(1), driver.make_event(A, RESUMED, id=1))
    driver.tell(A, shut_off(), driver.make_event(A, STOPPED))
    driver.tell(A, shut_off(), driver.make_event(A, SHUTDOWN, id=1))
    driver.tell(A, running(2), driver.make_event(A, RESUMED, id=2))
    driver.tell(A, running(2), driver.make_event(A, RESUMED, id=2))
    counters = driver.reflector.counters
    assert driver.told == ["Started*", "Resumed", "Stopped", "Started*", "Resumed"]
    assert counters.events_told == 5
    assert counters.events_inferred == 2
    assert counters.events_superseded == 2


def test_what_a_last_life_repeats_is_counted() -> None:
    driver = Driver().go_live({A: running(persistent=False), B: running(name="b")})
    for uuid in (A, B):
        driver.require(1, uuid)
        driver.answer(uuid, GONE)
        late = [driver.make_event(uuid, type_, id=1) for type_ in (STOPPED, STOPPED, DEFINED)]
        driver.tell(uuid, shut_off(), *late)
    assert driver.kinds == ["Deleted", "Added"] * 2
    assert driver.told == ["Stopped", "Defined", "Stopped", "Undefined*", "Defined"]
    assert driver.reflector.counters.events_superseded == 2


def test_every_delta_is_counted_by_what_it_is_from() -> None:
    driver = Driver(period=60.0)
    driver.connect()
    driver.answer_list({A: shut_off(), B: shut_off("b")})
    driver.pass_time(60.0)
    driver.answer_list({A: shut_off(xml="one"), B: shut_off("b")})
    for xml in ("two", "three"):
        driver.require(1, A)
        driver.answer(A, shut_off(xml=xml))
    driver.tell(A, running(), driver.make_event(A, STARTED, id=1))
    driver.tell(B, GONE, driver.make_event(B, UNDEFINED))
    assert driver.reflector.counters.deltas == {
        DeltaSource.INITIAL: 2,
        DeltaSource.RESYNC: 1,
        DeltaSource.REFRESH: 2,
        DeltaSource.EVENT: 2,
    }


def test_an_event_without_a_delta_counts_as_none() -> None:
    driver = Driver().go_live()
    before = dict(driver.reflector.counters.deltas)
    events = [driver.make_event(A, DEFINED), driver.make_event(A, UNDEFINED)]
    driver.tell(A, GONE, *events)
    assert driver.told == ["Defined", "Undefined"]
    assert sum(driver.reflector.counters.deltas.values()) == sum(before.values())


def test_an_old_list_does_not_ask_for_what_was_read_since() -> None:
    driver = Driver().go_live({A: shut_off()})
    driver.require(1)
    began = driver.stamp()
    driver.event(A, DEFINED, 1)
    driver.answer(A, shut_off())
    driver.reads()
    driver.receive(Listed(driver.epoch, began, frozenset({A})))
    assert driver.reads() == []
    assert driver.resolved == [1]

"""What once went wrong, as the shortest lists of inputs that showed it."""

from __future__ import annotations

from uuid import UUID

from virtinformer._core.barriers import FIRST_SYNC
from virtinformer._core.messages import (
    Connect,
    ConnectFailed,
    Disconnect,
    List,
    Listed,
    Require,
    Start,
)
from virtinformer._core.model import Deleted, DeletionReason
from virtinformer._core.reflector import ANSWER, Phase
from virtinformer._core.rota import SLICE
from virtinformer._core.tracker import FAILURES, RACES
from virtinformer._core.vocabulary import DomainState, EventKind, LifecycleType

from .driving import ERROR, GONE, A, B, Driver, paused, running, shut_off

DEFINED, UNDEFINED, STARTED = (
    LifecycleType.DEFINED,
    LifecycleType.UNDEFINED,
    LifecycleType.STARTED,
)
RESUMED, STOPPED = LifecycleType.RESUMED, LifecycleType.STOPPED


def test_sync_is_not_satisfied_by_a_slice_of_the_resync() -> None:
    """A slice that began after a sync() was asked for reads only some of the domains."""
    host = {UUID(int=n): shut_off(f"n{n}") for n in range(2 * SLICE)}
    driver = Driver(period=60.0).go_live(host)
    driver.pass_time(30.0)
    [slice_] = driver.of(List)
    assert slice_.only is not None
    assert len(slice_.only) == SLICE
    driver.require(7)
    driver.answer_list(host, reads=slice_.only)
    assert driver.resolved == []
    driver.answer_list({**host, UUID(int=2 * SLICE - 1): shut_off(autostart=True)})
    assert driver.resolved == [7]
    last = driver.store.get(UUID(int=2 * SLICE - 1))
    assert last is not None
    assert last.autostart


def test_the_first_sync_waits_for_domains_that_the_list_did_not_read() -> None:
    driver = Driver()
    driver.connect()
    driver.answer_list({A: shut_off()}, reads=())
    assert FIRST_SYNC not in driver.resolved
    driver.answer(A, shut_off())
    assert FIRST_SYNC in driver.resolved


def test_a_domain_gone_while_its_first_state_is_held_back() -> None:
    """A list does not name it, and it is not in the store yet: it must be looked up."""
    driver = Driver().go_live()
    driver.event(A, RESUMED, id=1)
    driver.answer(A, running(persistent=False))
    assert driver.deltas == []
    driver.reads()
    driver.require(7)
    driver.answer_list({})
    assert driver.resolved == []
    assert driver.reads() == [A]
    # A waiting RESUMED says that it exists: it is looked up a few times.
    for _ in range(5):
        driver.answer(A, GONE)
        driver.pass_time(0.4)
    assert driver.resolved == [7]
    assert driver.store.get(A) is None


def test_an_unlikely_look_up_of_a_clean_domain_is_repeated() -> None:
    """An event is held, a slice finds the domain gone: that was dropped and never looked up."""
    driver = Driver(window=10.0, period=60.0).go_live({A: shut_off()})
    driver.pass_time(59.0)
    driver.event(A, RESUMED, id=1)
    driver.answer(A, running())
    driver.reads()
    driver.pass_time(1.0)
    driver.answer(A, GONE, listed=True)
    driver.pass_time(0.01)
    assert driver.reads() == [A]


def test_a_refused_read_does_not_drop_what_was_read_and_held_back() -> None:
    driver = Driver(window=1000.0).go_live({A: shut_off(persistent=True)})
    driver.event(A, RESUMED, id=1)
    driver.answer(A, running())
    driver.event(A, 0, kind=EventKind.METADATA_CHANGE)
    for _ in range(FAILURES):
        driver.answer(A, ERROR)
        driver.pass_time(5.0)
    domain = driver.store.get(A)
    assert domain is not None
    assert domain.state is DomainState.RUNNING
    assert not domain.settled


def test_an_event_alone_deletes_nothing() -> None:
    """UNDEFINED came and the host refuses to say more: unknown is not gone."""
    driver = Driver().go_live({A: shut_off()})
    driver.event(A, UNDEFINED)
    for _ in range(FAILURES):
        driver.answer(A, ERROR)
        driver.pass_time(5.0)
    assert driver.told == ["Undefined"]
    assert driver.kinds == ["Updated"]
    driver.answer(A, GONE)
    assert driver.kinds == ["Updated", "Deleted"]


def test_unknown_state_does_not_make_a_rename_possible_twice() -> None:
    driver = Driver().go_live({A: running(state=DomainState(42), persistent=False)})
    driver.tell(A, running(state=DomainState(42), persistent=False), driver.make_event(A, 1, 1))
    driver.pass_time(1.0)
    assert driver.told == []


def test_news_at_an_absent_position_delete_nothing() -> None:
    """UNDEFINED was told, and it is there; an unknown event must not end the domain again."""
    driver = Driver(window=1000.0).go_live({A: shut_off()})
    driver.event(A, UNDEFINED)
    for _ in range(FAILURES):
        driver.answer(A, ERROR)
        driver.pass_time(5.0)
    driver.forget()
    driver.tell(A, shut_off(), driver.make_event(A, 17))
    assert driver.told == ["Unknown(17)"]
    assert driver.kinds == ["Updated"]


def test_events_are_not_judged_by_a_state_older_than_they_are() -> None:
    """The host refuses to say; by the last known state, off, a RESUMED would be a repetition."""
    driver = Driver().go_live({A: shut_off()})
    driver.event(A, RESUMED, id=1)
    for _ in range(FAILURES):
        driver.answer(A, ERROR)
        driver.pass_time(5.0)
    assert driver.told == ["Started*", "Resumed"]


def test_a_disconnect_does_not_forget_what_is_held() -> None:
    """The read under way was overtaken by a list; an event is held; the connection dies."""
    driver = Driver(period=60.0).go_live({A: shut_off()})
    driver.pass_time(60.0)
    driver.event(A, RESUMED, id=1)
    assert driver.reads() == [A]
    driver.answer(A, running(), listed=True)
    driver.disconnect()
    driver.pass_time(0.1)
    assert driver.told == ["Started*", "Resumed"]


def test_torn_reads_do_not_hold_events_longer() -> None:
    """The retry of a torn read may be seconds away; the window is not."""
    driver = Driver().go_live({A: shut_off()})
    for _ in range(6):
        driver.answer(A, running(settled=False))
        driver.pass_time(2.0)
    driver.forget()
    driver.tell(A, running(2, settled=False), driver.make_event(A, RESUMED, id=2))
    driver.pass_time(0.1)
    assert driver.told[-1] == "Resumed"


def test_a_resync_reads_a_new_domain_within_a_period() -> None:
    """A round was planned a period ahead, without those that were defined meanwhile."""
    driver = Driver(period=60.0).go_live()
    driver.tell(A, shut_off(), driver.make_event(A, DEFINED))
    driver.pass_time(60.0)
    [resync] = driver.of(List)
    assert resync.only == frozenset({A})


def test_a_stale_end_of_an_earlier_life_deletes_nothing() -> None:
    """The present life was found by a relist; then the end of the one before it is told."""
    driver = Driver().go_live({A: running(persistent=False, id=2)})
    driver.tell(A, running(persistent=False, id=2), driver.make_event(A, STOPPED, id=-1))
    driver.pass_time(1.0)
    assert driver.told == []
    assert driver.kinds == []


def test_an_undefined_of_a_domain_whose_start_was_lost_deletes_nothing() -> None:
    driver = Driver().go_live({A: shut_off()})
    event = driver.make_event(A, UNDEFINED, id=1)
    driver.tell(A, running(persistent=False, id=1), event)
    driver.pass_time(1.0)
    assert "Deleted" not in driver.kinds
    domain = driver.store.get(A)
    assert domain is not None
    assert not domain.persistent


def test_a_deletion_that_is_held_back_is_not_folded_away() -> None:
    """Gone was read and held back for an event; then it was there again."""
    driver = Driver(window=10.0).go_live({A: running(persistent=False)})
    driver.tell(A, GONE, driver.make_event(A, LifecycleType.SUSPENDED, id=99))
    for _ in range(4):
        driver.pass_time(0.4)
        driver.answer(A, GONE)
    assert driver.deltas == []
    driver.tell(A, shut_off(), driver.make_event(A, 0, kind=EventKind.METADATA_CHANGE))
    assert driver.kinds == ["Deleted", "Added"]


def test_refresh_fails_where_the_host_never_lists() -> None:
    """No domain is read before the list, so it would wait for ever."""
    driver = Driver().go_live({A: shut_off()})
    driver.reconnect()
    driver.require(5, A)
    for _ in range(FAILURES):
        driver.fail_list()
        driver.pass_time(5.0)
    assert driver.rejected == [5]


def test_what_was_read_already_is_not_waited_for() -> None:
    driver = Driver().go_live({A: shut_off()})
    stamp = driver.stamp()
    driver.tell(A, running(), driver.make_event(A, STARTED, id=1))
    driver.receive(Require(3, stamp, A))
    assert driver.resolved == [3]


def test_a_transient_domain_seen_on_its_way_out() -> None:
    """Off and not persistent: the last event came, and it is gone a moment later."""
    driver = Driver().go_live({A: running(persistent=False)})
    driver.event(A, STOPPED)
    driver.answer(A, shut_off(persistent=False, config_xml=None))
    assert driver.changes == []
    driver.reads()
    driver.pass_time(0.01)
    assert driver.reads() == [A]
    driver.answer(A, GONE)
    assert driver.kinds == ["Deleted"]
    assert driver.told == ["Stopped"]


def test_a_host_that_goes_mute_while_it_is_opened_is_given_up() -> None:
    """libvirt probes no connection that is being opened: nothing else would ever end it."""
    driver = Driver().go_live({A: shut_off()})
    driver.disconnect()
    for _ in range(3):
        backed_off_until = driver.reflector.deadline
        assert backed_off_until is not None
        driver.pass_time(backed_off_until - driver.now)
        assert driver.phase is Phase.DISCONNECTED
        driver.forget()
        mute = driver.epoch
        driver.pass_time(ANSWER)
        assert driver.of(Disconnect) == [Disconnect(mute)]
    assert isinstance(driver.reflector.last_error, TimeoutError)


def test_a_connection_that_breaks_before_it_is_said_to_be_open_is_tried_again() -> None:
    driver = Driver()
    driver.receive(Start())
    driver.disconnect()
    driver.pass_time(1.0)
    assert driver.of(Connect) == [Connect(1), Connect(2)]


def test_a_connection_that_could_not_be_opened_is_freed() -> None:
    driver = Driver()
    driver.receive(Start())
    driver.receive(ConnectFailed(1, ERROR))
    assert driver.of(Disconnect) == [Disconnect(1)]


def test_domains_that_come_by_the_thousand_are_read_within_one_period() -> None:
    """The first round was planned when there was nothing to read."""
    driver = Driver(period=60.0).go_live({})
    driver.pass_time(1.0)
    many = {UUID(int=n): shut_off(f"n{n}") for n in range(1500)}
    for uuid, seen in many.items():
        driver.tell(uuid, seen, driver.make_event(uuid, DEFINED))
    driver.forget()
    began = driver.now
    read: set[UUID] = set()
    while read != set(many):
        deadline = driver.reflector.deadline
        assert deadline is not None
        driver.pass_time(deadline - driver.now)
        read |= driver.of(List)[-1].only or frozenset()
        driver.answer_list(many, reads=read)
    assert driver.now - began <= 60.0


def test_a_sweep_that_met_another_list_is_made_as_soon_as_that_is_over() -> None:
    driver = Driver(period=60.0).go_live({A: shut_off()})
    driver.pass_time(50.0)
    driver.require(1)
    driver.pass_time(15.0)
    driver.forget()
    driver.answer_list({A: shut_off()})
    assert [effect.only for effect in driver.of(List)] == [frozenset({A})]


def test_a_slice_whose_list_failed_is_in_the_next() -> None:
    many = {UUID(int=n): shut_off(f"n{n}") for n in range(3 * SLICE)}
    driver = Driver(period=60.0).go_live(many)
    driver.pass_time(20.0)
    first = driver.of(List)[-1].only
    assert first
    driver.fail_list()
    driver.pass_time(20.0)
    second = driver.of(List)[-1].only
    assert second
    assert first < second


def test_failed_sweeps_do_not_count_against_a_sync() -> None:
    driver = Driver(period=60.0).go_live({A: shut_off()})
    for _ in range(FAILURES):
        driver.pass_time(60.0)
        driver.fail_list()
    driver.require(1)
    driver.fail_list()
    assert driver.rejected == []


def test_an_event_of_this_connection_is_waited_for_after_a_relist() -> None:
    """SHUTDOWN came, the list sees the end already, STOPPED is on its way."""
    driver = Driver().go_live({A: running()})
    driver.reconnect()
    began = driver.stamp()
    driver.receive(driver.make_event(A, LifecycleType.SHUTDOWN, id=1))
    driver.receive(Listed(driver.epoch, began, frozenset({A})))
    driver.answer(A, shut_off())
    driver.tell(A, shut_off(), driver.make_event(A, STOPPED, 1))
    driver.pass_time(1.0)
    assert driver.told == ["Shutdown", "Stopped"]


def test_it_is_not_synced_before_the_last_read_of_a_relist() -> None:
    driver = Driver().go_live({A: shut_off(), B: shut_off()})
    driver.reconnect()
    driver.answer_list({A: shut_off()})
    assert driver.phase is Phase.LIVE
    assert not driver.reflector.synced
    driver.answer(B, GONE)
    assert driver.reflector.synced


def test_a_quiet_hour_is_no_debt() -> None:
    driver = Driver().go_live({A: shut_off()})
    driver.pass_time(3600.0)
    assert driver.reflector.waiting_since is None
    driver.require(1, A)
    assert driver.reflector.waiting_since == driver.now


def test_a_deletion_is_not_believed_of_a_look_up_that_an_event_has_overtaken() -> None:
    """Also where events come faster than reads: then they are told with the last that is known."""
    driver = Driver().go_live({A: shut_off()})
    for _ in range(RACES):
        began = driver.stamp()
        driver.event(A, DEFINED, 1)
        driver.answer(A, GONE, began=began)
    assert driver.kinds == ["Updated"]
    assert not driver.deltas[0].domain.settled
    assert driver.told == ["Defined"] * RACES
    assert driver.reads()[-1] == A
    driver.answer(A, shut_off())
    assert driver.deltas[-1].domain.settled


def test_reads_that_lost_one_and_the_same_race_count_once() -> None:
    """A daemon that hung answers many reads at once, all begun before the last event."""
    driver = Driver().go_live({A: shut_off()})
    begun = [driver.stamp() for _ in range(2 * RACES)]
    driver.event(A, DEFINED, 1)
    for began in begun:
        driver.answer(A, shut_off(xml="stale"), began=began)
    assert driver.deltas == []
    driver.answer(A, shut_off(xml="new"))
    assert [(delta.domain.xml, delta.domain.settled) for delta in driver.deltas] == [("new", True)]


def test_a_detail_that_nobody_knows_is_a_new_reason_also_if_it_is_negative() -> None:
    driver = Driver().go_live({A: paused()})
    driver.tell(A, paused(), driver.make_event(A, LifecycleType.SUSPENDED, -1, id=1))
    assert [(event.type, event.reason) for event in driver.events] == [("Suspended", "Unknown(-1)")]


def test_one_who_asks_delays_no_event() -> None:
    """A refresh() wants a later read; the one that is under way answers for the event."""
    driver = Driver().go_live({A: shut_off()})
    driver.event(A, STARTED, id=1)
    began = driver.stamp()
    for token in range(7, 7 + 2 * RACES):
        driver.require(token, A)
    driver.answer(A, running(), began=began)
    assert driver.told == ["Started"]
    assert driver.deltas[-1].domain.settled
    assert driver.resolved == []
    assert driver.reads()[-1] == A
    driver.answer(A, running())
    assert driver.resolved == list(range(7, 7 + 2 * RACES))


def test_what_a_life_still_owes_is_told_before_the_next_one_begins() -> None:
    """A refresh() finds it gone; its Stopped is lost; within the window it is defined anew."""
    driver = Driver().go_live({A: running(persistent=False)})
    driver.require(7, A)
    driver.answer(A, GONE)
    assert driver.resolved == [7]
    assert driver.kinds == ["Deleted"]
    driver.tell(A, shut_off(), driver.make_event(A, DEFINED))
    assert driver.told == ["Stopped*", "Defined"]
    assert [event.type for event in driver.deltas[-1].events] == ["Defined"]


def test_the_end_of_a_life_that_comes_late_is_told_before_the_next_one_begins() -> None:
    driver = Driver().go_live({A: running(persistent=False)})
    driver.require(7, A)
    driver.answer(A, GONE)
    stopped = driver.make_event(A, STOPPED, id=1)
    driver.tell(A, shut_off(), stopped, driver.make_event(A, DEFINED))
    assert driver.told == ["Stopped", "Defined"]
    assert [event.type for event in driver.deltas[-1].events] == ["Defined"]


def test_events_that_go_on_from_what_was_shown_are_told() -> None:
    """It was shown running because of other news, its Started is lost; then it crashes."""
    driver = Driver().go_live()
    news = driver.make_event(A, 0, kind=EventKind.METADATA_CHANGE)
    driver.tell(A, running(persistent=False), news)
    assert driver.told == ["MetadataChange"]
    crashed = driver.make_event(A, LifecycleType.CRASHED, id=1)
    driver.tell(A, GONE, crashed, driver.make_event(A, STOPPED))
    driver.pass_time(0.1)
    assert driver.told == ["MetadataChange", "Started*", "Crashed", "Stopped"]
    [_, deleted] = driver.deltas
    assert isinstance(deleted, Deleted)
    assert deleted.reason is DeletionReason.STOPPED

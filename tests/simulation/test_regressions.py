"""Worlds that failed once, made short by `tests.simulation.shrink`, as it printed them."""

from __future__ import annotations

from tests.guarantees.contract.evidence import given_to
from tests.simulation.script import Script, Step
from tests.simulation.verdict import judge


def test_a_sync_asks_again_for_what_is_read_since_before_it() -> None:
    # Failed by RuntimeError: the sync() at the end was never answered. Its list did not name the
    # domain yet, and the read that was under way, and came to be stored, had begun before it.
    script = Script(
        [
            Step(0.0, "open"),
            Step(0.5, "latency", read=0.1),
            Step(0.5, "faults", lookup_lag=(0.05, 0.05)),
            Step(1.0, "define", 1, "d1-1"),
            Step(1.02, "sync"),
        ],
        resync_period=None,
    )
    assert judge(script).failures == ()


def test_an_informer_is_not_open_while_it_shows_what_is_long_gone() -> None:
    # Failed by G8. The domain was read for a list that failed, and ended while nobody could be
    # connected; it was there, and synced, when the informer was open.
    script = Script(
        [
            Step(0.0, "define", 1, "d1-1"),
            Step(0.0, "define", 2, "d2-1"),
            Step(0.0, "fail_next_lists", 1),
            Step(0.0, "open"),
            Step(0.03, "disconnect"),
            Step(0.1, "undefine", 1),
            Step(12.0, "restart"),
        ]
    )
    assert judge(script).failures == ()


def test_events_that_go_on_from_what_was_shown_are_told() -> None:
    # Failed by G5. Other news of the domain had shown it running while its Started was lost with
    # a connection; then it crashed, and neither Crashed nor Stopped was ever told.
    script = Script(
        [
            Step(0.0, "create_transient", 5, "d5-1"),
            Step(0.0, "create_transient", 6, "d6-2"),
            Step(0.0, "open"),
            Step(1.02, "restart"),
            Step(1.124, "restart"),
            Step(1.241, "faults", list_failure=0.19, connect_failure=0.34, list_delay=(0.0, 0.237)),
            Step(1.32, "restart"),
            Step(2.8065, "create_transient", 8, "d8-53"),
            Step(4.225, "set_metadata", 8, "d8-101"),
            Step(4.6675, "crash", 8, preserve=False),
            Step(4.8025, "events", "p10", 0.3),
        ],
        seed=41788,
        reorder_window=0.5,
    )
    judged = judge(script)
    assert judged.failures == ()
    assert judged.history is not None
    told = [item for _, item in given_to(judged.history, "p10")]
    assert [getattr(item, "type", "") for item in told] == ["Started", "Crashed", "Stopped"]


def test_an_opening_ends_though_a_read_began_just_before_the_list() -> None:
    # Failed by RuntimeError: the informer never opened. The list that made it live found a domain
    # missing; the look-up that an event had started began one stamp before that list, so it was
    # too old to open on, and new enough not to be repeated.
    script = Script(
        [
            Step(0.0, "faults", connection_loss=0.069, late_answer=1.0, read_delay=(0.0, 0.074)),
            Step(0.0, "define", 1, "d1-1"),
            Step(0.0, "open"),
            Step(0.004, "fail_next_lists", 1),
            Step(0.004, "restart"),
            Step(0.101, "undefine", 1),
            Step(1.003, "interrupt", "p1"),
        ],
        seed=54001,
        eager_reads=True,
    )
    assert judge(script).failures == ()


def test_a_sync_may_be_answered_by_a_torn_read_of_what_came_after_it() -> None:
    # Failed by G7, which was too strict: no piece of what was read was older than the sync().
    script = Script(
        [
            Step(0.0, "define", 1, "d1-1"),
            Step(0.0, "start", 1),
            Step(0.0, "open"),
            Step(0.03, "undefine", 1),
            Step(0.502, "tear_next_reads", 3, 1),
            Step(0.507, "faults", read_tear=0.17, connect_failure=1.0, event_delay=(0.0, 0.056)),
            Step(1.02, "sync", 5.0),
            Step(1.035, "redefine", 1, 14344),
        ],
        latency={"read": 0.02, "event": 0.005},
    )
    assert judge(script).failures == ()

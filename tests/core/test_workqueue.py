"""The work queue: each key once, in order, and none for ever."""

from __future__ import annotations

import math

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from virtinformer._core.backoff import Backoff
from virtinformer._core.workqueue import WorkQueue


def certain() -> float:
    """No jitter: every wait is as long as it can be."""
    return 0.0


def queue_of(*keys: str, backoff: Backoff | None = None) -> WorkQueue[str]:
    queue: WorkQueue[str] = WorkQueue(certain, backoff or Backoff(1.0, 8.0))
    for key in keys:
        queue.add(key, 0.0)
    return queue


def take_all(queue: WorkQueue[str], now: float) -> list[str]:
    """Take what there is, one by one."""
    taken = []
    while (key := queue.get(now)) is not None:
        queue.done(key, now)
        taken.append(key)
    return taken


# ---------------------------------------------------------------------- dirty, running


def test_keys_are_taken_in_the_order_in_which_they_were_added_and_once() -> None:
    queue = queue_of("b", "a", "b", "c", "a")
    assert len(queue) == 3
    assert take_all(queue, 1.0) == ["b", "a", "c"]
    assert len(queue) == 0
    assert queue.get(9.0) is None


def test_a_key_is_not_taken_twice_at_once() -> None:
    queue = queue_of("a")
    assert queue.get(0.0) == "a"
    queue.add("a", 1.0)
    assert queue.get(1.0) is None
    assert len(queue) == 1
    queue.done("a", 2.0)
    assert queue.get(2.0) == "a"


def test_however_often_a_key_is_added_while_it_runs_it_runs_once_more() -> None:
    queue = queue_of("a")
    queue.get(0.0)
    for _ in range(3):
        queue.add("a", 1.0)
    queue.done("a", 2.0)
    assert take_all(queue, 2.0) == ["a"]


def test_a_key_that_is_always_dirty_keeps_nobody_from_their_turn() -> None:
    queue = queue_of("busy", "b", "c")
    taken = []
    for now in range(5):
        key = queue.get(now)
        assert key is not None
        taken.append(key)
        queue.add("busy", now)
        queue.done(key, now)
    assert taken == ["busy", "b", "c", "busy", "busy"]


def test_only_who_took_a_key_can_give_it_back() -> None:
    queue = queue_of("a")
    for give_back in (queue.done, queue.retry):
        with pytest.raises(ValueError, match=r"'a' is not being worked on: .* get\(\) first"):
            give_back("a", 0.0)


# ---------------------------------------------------------------------- later


def test_a_delayed_key_comes_at_its_time() -> None:
    queue = queue_of()
    queue.add_after("a", 5.0, 0.0)
    assert queue.deadline == 5.0
    assert len(queue) == 0
    assert queue.get(4.9) is None
    assert queue.get(5.0) == "a"
    assert queue.deadline is None


def test_a_delayed_key_stands_where_its_time_put_it() -> None:
    queue = queue_of()
    queue.add_after("late", 3.0, 0.0)
    queue.add_after("early", 1.0, 0.0)
    queue.add("before", 0.5)
    queue.add("between", 2.0)
    queue.add("after", 4.0)
    assert take_all(queue, 9.0) == ["before", "early", "between", "late", "after"]


@pytest.mark.parametrize("delay", [0.0, -1.0])
def test_no_delay_is_now(delay: float) -> None:
    queue = queue_of("a")
    queue.add_after("b", delay, 0.0)
    assert queue.deadline is None
    assert take_all(queue, 0.0) == ["a", "b"]


@pytest.mark.parametrize("delay", [math.inf, math.nan])
def test_a_delay_is_finite(delay: float) -> None:
    with pytest.raises(ValueError, match="must be a finite number of seconds"):
        queue_of().add_after("a", delay, 0.0)


@pytest.mark.parametrize("delays", [(5.0, 2.0), (2.0, 5.0)])
def test_the_earlier_appointment_holds(delays: tuple[float, float]) -> None:
    queue = queue_of()
    for delay in delays:
        queue.add_after("a", delay, 0.0)
    assert queue.deadline == 2.0
    assert take_all(queue, 2.0) == ["a"]
    assert queue.deadline is None, "once"


def test_a_key_that_is_added_has_no_appointment_any_more() -> None:
    queue = queue_of()
    queue.add_after("a", 5.0, 0.0)
    queue.add("a", 1.0)
    assert take_all(queue, 1.0) == ["a"]
    assert take_all(queue, 9.0) == []


def test_an_appointment_of_a_key_that_is_to_run_anyway_is_none() -> None:
    queue = queue_of("a")
    queue.add_after("a", 5.0, 0.0)
    assert queue.deadline is None


def test_an_appointment_that_comes_while_the_key_runs_waits_for_its_end() -> None:
    queue = queue_of("a", "b")
    queue.get(0.0)
    queue.add_after("a", 1.0, 0.0)
    assert queue.get(2.0) == "b"
    assert queue.get(2.0) is None
    queue.done("a", 3.0)
    assert queue.get(3.0) == "a"


# ---------------------------------------------------------------------- failures


def test_a_key_that_fails_rests_longer_each_time() -> None:
    queue = queue_of("a")
    now = 0.0
    for failures, rest in enumerate([1.0, 2.0, 4.0, 8.0, 8.0], 1):
        assert queue.get(now) == "a"
        assert queue.retry("a", now) == rest
        queue.done("a", now)
        assert queue.failures("a") == failures
        assert queue.get(now + rest - 0.1) is None
        now += rest
    assert queue.statistics(now).retries == 5


def test_a_key_that_succeeds_begins_anew() -> None:
    queue = queue_of("a")
    queue.get(0.0)
    queue.retry("a", 0.0)
    queue.done("a", 0.0)
    assert queue.get(1.0) == "a"
    queue.forget("a")
    queue.done("a", 1.0)
    assert queue.failures("a") == 0
    queue.add("a", 1.0)
    assert queue.get(1.0) == "a"
    assert queue.retry("a", 1.0) == 1.0


def test_the_rest_has_jitter() -> None:
    queue: WorkQueue[str] = WorkQueue(lambda: 0.5, Backoff(1.0, 8.0))
    queue.add("a", 0.0)
    queue.get(0.0)
    assert queue.retry("a", 0.0) == 0.75
    assert queue.deadline == 0.75


@pytest.mark.parametrize("when", ["while it runs", "while it rests"])
@pytest.mark.parametrize("delay", [0.0, 0.5, 3.0])
def test_nothing_cuts_a_rest_short_or_short_of_a_run(when: str, delay: float) -> None:
    queue = queue_of("a")
    queue.get(0.0)
    if when == "while it runs":
        queue.add_after("a", delay, 0.0)
    queue.retry("a", 0.0)
    queue.done("a", 0.0)
    if when == "while it rests":
        queue.add_after("a", delay, 0.0)
    assert len(queue) == 0
    assert queue.get(0.9) is None
    assert take_all(queue, 1.0) == ["a"]
    assert queue.deadline is None, "one run is enough"


def test_to_forget_ends_a_rest() -> None:
    queue = queue_of("a")
    queue.get(0.0)
    queue.retry("a", 0.0)
    queue.done("a", 0.0)
    queue.forget("a")
    queue.add("a", 0.1)
    assert take_all(queue, 0.1) == ["a"]
    assert queue.deadline is None


def test_to_forget_what_never_failed() -> None:
    queue = queue_of()
    queue.forget("a")
    assert queue.failures("a") == 0


def test_who_has_rested_may_be_added_again() -> None:
    queue = queue_of("a")
    queue.get(0.0)
    queue.retry("a", 0.0)
    queue.done("a", 0.0)
    assert queue.get(1.0) == "a"
    queue.add("a", 1.5)
    queue.done("a", 2.0)
    assert queue.get(2.0) == "a"


# ---------------------------------------------------------------------- statistics


def test_statistics() -> None:
    queue = queue_of("a", "b", "c")
    queue.add_after("d", 3.0, 0.0)
    queue.add_after("e", 9.0, 0.0)
    queue.get(1.0)
    queue.get(2.0)
    assert queue.running == 2
    now = queue.statistics(4.0)
    assert len(queue) == 1, "a look changes nothing"
    assert (now.depth, now.delayed, now.running) == (2, 1, 2), "d has become due"
    assert (now.adds, now.retries) == (4, 0)
    assert now.wait.sum == 3.0
    assert now.wait.count == 2
    assert now.unfinished == 5.0
    assert now.longest_running == 3.0
    assert now.work.count == 0
    queue.done("b", 4.0)
    assert queue.statistics(4.0).work.sum == 2.0
    assert queue.statistics(4.0).longest_running == 3.0


def test_to_wait_begins_when_the_time_has_come_and_not_when_that_was_noticed() -> None:
    queue = queue_of()
    queue.add_after("a", 1.0, 0.0)
    assert queue.get(5.0) == "a"
    assert queue.statistics(5.0).wait.sum == 4.0


def test_nothing_runs() -> None:
    statistics = queue_of().statistics(7.0)
    assert statistics.unfinished == statistics.longest_running == 0.0


def test_a_hundred_thousand_keys() -> None:
    """Each step costs the same; were it not so, this would not end."""
    queue: WorkQueue[int] = WorkQueue(certain)
    for key in range(100_000):
        queue.add(key, 0.0)
    taken = []
    while (found := queue.get(0.0)) is not None:
        taken.append(found)
    assert taken == list(range(100_000))


# ---------------------------------------------------------------------- against a model


KEYS = st.sampled_from("abcd")


class Model(RuleBasedStateMachine):
    """A queue whose clock is never forgotten: what is due moves the moment that it is."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = queue_of()
        self.now = 0.0
        self.line: list[str] = []
        self.running: set[str] = set()
        self.again: set[str] = set()
        self.appointments: dict[str, tuple[float, int]] = {}
        self.rests: dict[str, float] = {}
        self.failures: dict[str, int] = {}
        self.steps = 0

    def want(self, key: str) -> None:
        self.appointments.pop(key, None)
        if key in self.running:
            self.again.add(key)
        elif key not in self.line:
            self.line.append(key)

    def appoint(self, key: str, when: float) -> None:
        self.steps += 1
        when = max(when, self.rests.get(key, 0.0))
        if when <= self.now:
            self.want(key)
        elif key not in self.line and key not in self.again:
            old = self.appointments.get(key, (math.inf, 0))
            if when < old[0]:
                self.appointments[key] = (when, self.steps)

    @rule(seconds=st.sampled_from([0.0, 0.5, 1.0, 3.0, 10.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        due = [(when, key) for key, when in self.appointments.items() if when[0] <= self.now]
        for _, key in sorted(due):
            self.want(key)

    @rule(key=KEYS)
    def add(self, key: str) -> None:
        self.queue.add(key, self.now)
        self.appoint(key, self.now)

    @rule(key=KEYS, delay=st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0, 5.0]))
    def add_after(self, key: str, delay: float) -> None:
        self.queue.add_after(key, delay, self.now)
        self.appoint(key, self.now + delay)

    @rule()
    def get(self) -> None:
        key = self.queue.get(self.now)
        assert key == (self.line.pop(0) if self.line else None)
        if key is not None:
            assert key not in self.running, "twice at once"
            self.running.add(key)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), outcome=st.sampled_from(["success", "failure", "again", "silence"]))
    def done(self, data: st.DataObject, outcome: str) -> None:
        key = data.draw(st.sampled_from(sorted(self.running)))
        match outcome:
            case "success":
                self.forget(key)
            case "failure":
                self.steps += 1
                count = self.failures[key] = self.failures.get(key, 0) + 1
                rest = self.queue.retry(key, self.now)
                assert rest == min(8.0, 2.0 ** (count - 1))
                self.rests[key] = self.now + rest
                self.again.discard(key)
                self.appointments[key] = (self.now + rest, self.steps)
            case "again":
                self.add_after(key, 2.0)
        self.queue.done(key, self.now)
        self.running.remove(key)
        if key in self.again:
            self.again.remove(key)
            self.line.append(key)

    @rule(key=KEYS)
    def forget(self, key: str) -> None:
        self.queue.forget(key)
        self.rests.pop(key, None)
        self.failures.pop(key, None)

    @invariant()
    def they_agree(self) -> None:
        statistics = self.queue.statistics(self.now)
        assert statistics.depth == len(self.line) + len(self.again)
        assert statistics.running == len(self.running)
        assert statistics.delayed == len(self.appointments)
        assert statistics.adds - statistics.depth >= statistics.wait.count
        assert statistics.wait.count == statistics.work.count + len(self.running)
        deadline = self.queue.deadline
        if deadline is not None and deadline <= self.now:
            assert statistics.depth, "it is due, and only waits to be noticed"
        else:
            assert deadline == min((when for when, _ in self.appointments.values()), default=None)

    @rule(key=KEYS)
    def failures_agree(self, key: str) -> None:
        assert self.queue.failures(key) == self.failures.get(key, 0)

    def teardown(self) -> None:
        """Nothing that was wanted is forgotten: in the end each has its turn."""
        wanted = {*self.line, *self.again, *self.appointments}
        for key in sorted(self.running):
            self.queue.done(key, self.now)
        assert set(take_all(self.queue, self.now + 100.0)) == wanted


TestCoreQueue = Model.TestCase
TestCoreQueue.settings = settings(stateful_step_count=40)

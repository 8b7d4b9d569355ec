"""All promises at once, on two thousand made-up worlds; every night on a hundred thousand.

Each world is judged by the validators in `tests.guarantees.contract`. What the worlds reach
is counted, and every pair of a phase and an input is reached, or impossible for a reason.
"""

from __future__ import annotations

import functools
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Final

import pytest

import virtinformer as vi
from tests.guarantees.history import History, Violation, WasTrue
from tests.simulation import verdict
from tests.simulation.coverage import IMPOSSIBLE, PAIRS, Coverage
from tests.simulation.crowd import BEHAVIOURS, USERS
from tests.simulation.play import play
from tests.simulation.script import Script, Step
from tests.simulation.shrink import as_test, shrink
from tests.simulation.stage import LIES, OPERATIONS
from tests.simulation.stretch import Found, play_stretch
from tests.simulation.table import table
from tests.simulation.verdict import fails_like, judge
from tests.simulation.worlds import world
from virtinformer._core.fifo import DeltaFifo
from virtinformer._core.messages import Listed
from virtinformer._core.reflector import Reflector
from virtinformer._core.tracker import Tracker
from virtinformer.subscribers import Subscribers

SEEDS: Final = 2_000
EACH: Final = 100
STRETCHES: Final = range(0, SEEDS, EACH)


@functools.cache
def found_from(first: int) -> Found:
    return play_stretch(range(first, first + EACH))


def reached() -> Coverage:
    """What all worlds together have reached."""
    coverage = Coverage()
    for first in STRETCHES:
        coverage.add(found_from(first).coverage)
    return coverage


@pytest.mark.parametrize("first", STRETCHES)
def test_no_promise_is_broken(first: int) -> None:
    for seed, failures in found_from(first).failed:
        short = shrink(world(seed), fails_like(failures), tries=100)
        left = judge(short).failures
        texts = [as_test(short, left, f"seed_{seed}"), *map(str, left)]
        pytest.fail("\n\n".join([f"seed {seed}", *texts]), pytrace=False)


# ---------------------------------------------------------------------- what is reached


@pytest.mark.timeout(300)  # if run by itself: all worlds are played
def test_every_pair_of_a_phase_and_an_input_is_reached_or_impossible() -> None:
    coverage = reached()
    assert coverage.missing == []
    assert coverage.refuted == []


def test_what_is_impossible_is_a_pair_and_has_a_reason() -> None:
    assert set(PAIRS) >= IMPOSSIBLE.keys()
    assert all(IMPOSSIBLE.values())


@pytest.mark.timeout(300)
def test_every_deed_is_done() -> None:
    done = reached().done
    others = {"open", "close", "cancel", "turns", "repeat", "break_next_open"}
    assert {*OPERATIONS, *LIES, *USERS, *others} == done.keys()


@pytest.mark.timeout(300)
def test_every_fault_takes_effect() -> None:
    assert reached().faults.keys() == {
        "connection lost",
        "connection refused",
        "connections accepted",
        "connections refused",
        "daemon dies",
        "daemon goes on",
        "daemon hangs",
        "daemon starts",
        "event dropped",
        "event duplicated",
        "event lost",
        "event overtaken",
        "list failed",
        "list truncated",
        "read failed",
        "read torn",
    }


@pytest.mark.timeout(300)
def test_every_kind_of_delta_is_delivered_and_every_event_of_the_life_cycle_told() -> None:
    coverage = reached()
    assert {kind for kind, _ in coverage.deltas} == {"Added", "Updated", "Deleted"}
    assert {source for _, source in coverage.deltas} == {source.value for source in vi.DeltaSource}
    told = {event.removesuffix("*") for _, event, _ in coverage.steps}
    assert told >= {
        "Crashed",
        "Defined",
        "PMSuspended",
        "Resumed",
        "Shutdown",
        "Started",
        "Stopped",
        "Suspended",
        "Undefined",
    }


def test_every_temperament_of_a_handler_is_met() -> None:
    met = {
        step.arguments[1]
        for seed in range(400)
        for step in world(seed).steps
        if step.deed == "handle"
    }
    assert met == set(BEHAVIOURS)


@pytest.mark.timeout(300)
def test_the_tables_name_every_pair() -> None:
    text = table(reached())
    assert "**" not in text  # neither a pair that was never reached, nor one that should not be
    assert all(why in text for why in IMPOSSIBLE.values())


# ---------------------------------------------------------------------- one script, one history

DIGESTS: Final = """
import hashlib
from tests.simulation.play import play
from tests.simulation.worlds import world
for seed in range(30):
    print(hashlib.sha256(str(play(world(seed)).history).encode()).hexdigest())
"""


def digests() -> list[str]:
    histories = (str(play(world(seed)).history) for seed in range(30))
    return [hashlib.sha256(history.encode()).hexdigest() for history in histories]


def test_a_seed_has_one_world_and_a_world_one_history() -> None:
    assert world(7) == world(7) != world(8)
    assert digests() == digests()


def test_a_history_is_the_same_in_another_process() -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": os.getcwd()}
    other = subprocess.run(
        [sys.executable, "-c", DIGESTS],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout.split() == digests()


def test_a_script_is_what_it_is_printed_as() -> None:
    for seed in range(50):
        script = world(seed)
        assert eval(str(script), {"Script": Script, "Step": Step}) == script


def test_any_part_of_a_script_is_a_script() -> None:
    script = world(31)
    for first in range(0, len(script.steps), 5):
        assert judge(script.with_steps(script.steps[first : first + 40 : 2])).failures == ()


# ---------------------------------------------------------------------- what fails is made short


def nobody_crashes(history: History) -> None:
    """A promise that nobody has made."""
    for line, fact in history.of(WasTrue):
        if fact.content is not None and fact.content.state is vi.DomainState.CRASHED:
            raise Violation("G99", "it crashed", line)


@pytest.fixture
def one_promise_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    def violations(history: History) -> list[Violation]:
        try:
            nobody_crashes(history)
        except Violation as violation:
            return [violation]
        return []

    monkeypatch.setattr(verdict, "violations", violations)


@pytest.mark.usefixtures("one_promise_too_many")
def test_what_fails_is_made_short_and_can_be_pasted() -> None:
    script = next(s for s in map(world, range(SEEDS)) if len(s.steps) > 30 and judge(s).failures)
    short = shrink(script, fails_like(judge(script).failures))
    # A beginning and a crash; what was paused to crash, or opened, is not needed.
    assert len(short.steps) <= 3
    text = as_test(short, judge(short).failures, "crash")
    names: dict[str, Any] = {"Script": Script, "Step": Step, "judge": judge}
    exec(text, names)
    assert [failure.kind for failure in judge(short).failures] == ["G99"]
    with pytest.raises(AssertionError):
        names["test_crash"]()


def test_options_and_arguments_are_made_simple() -> None:
    script = Script(
        [Step(0.0, "faults", event_loss=0.3, read_delay=(0.0, 1.0)), Step(1.0, "hang")],
        seed=9,
        eager_reads=True,
    )
    short = shrink(script, lambda s: any("event_loss" in step.options for step in s.steps))
    assert short == Script((Step(0.0, "faults", event_loss=1.0),))


# ---------------------------------------------------------------------- a broken library is found


def late_reads_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tracker, "_lost_race", lambda *_: False)


def nobody_looks_for_what_a_list_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tracker, "_is_unsettled", lambda *_: False)


def epochs_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    take = Reflector._take

    def take_all(self: Reflector, input_: Any) -> None:
        if not isinstance(input_, Listed) and hasattr(input_, "epoch"):
            object.__setattr__(input_, "epoch", self.epoch)
        take(self, input_)

    monkeypatch.setattr(Reflector, "_take", take_all)


def versions_are_given_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    deliver = Subscribers.deliver

    def twice(self: Subscribers, change: Any) -> None:
        deliver(self, change)
        if change.resource_version % 3 == 0:
            deliver(self, change)

    monkeypatch.setattr(Subscribers, "deliver", twice)


def queues_forget(monkeypatch: pytest.MonkeyPatch) -> None:
    push = DeltaFifo.push

    def forgets(self: DeltaFifo, change: Any) -> None:
        if change.resource_version % 7:
            push(self, change)

    monkeypatch.setattr(DeltaFifo, "push", forgets)


def nobody_reads_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reflector, "_wait_for_sweep", lambda _: None)


BREAKS: Final[list[tuple[Callable[[pytest.MonkeyPatch], None], set[str]]]] = [
    (late_reads_count, {"G2", "G3", "G4"}),
    (nobody_looks_for_what_a_list_left_out, {"G4", "G7"}),
    (epochs_do_not_matter, {"G2", "G4", "G9"}),
    (versions_are_given_twice, {"G1", "G6", "G10"}),
    (queues_forget, {"G6", "G10"}),
    (nobody_reads_again, {"G4", "G8"}),
]


@pytest.mark.parametrize(("breaks", "promises"), BREAKS)
def test_a_broken_library_is_found(
    breaks: Callable[[pytest.MonkeyPatch], None],
    promises: set[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    breaks(monkeypatch)
    named = (failure.kind for seed in range(200) for failure in judge(world(seed)).failures)
    assert promises & {kind for kind, _ in zip(named, range(3), strict=False)}

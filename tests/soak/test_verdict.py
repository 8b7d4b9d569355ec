"""The rules, on made-up recordings: flat ones pass, and what grows is named."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.soak.recording import End, Fault, HostSample, Recording, Sample
from tests.soak.verdict import Judgement, judge, longest_outage, slope, steady

EVERY = 5.0
HALF_AN_HOUR = 1800.0
DELTAS_A_SECOND = 40.0
FAULTS = [Fault(at, at + 5.0, "hung") for at in range(70, 1700, 80)]
AWAY = 8.0
MB = 1e6

Change = Callable[[float], dict[str, Any]]


def sample(at: float, **changes: Any) -> Sample:
    host: dict[str, Any] = {
        "synced": not any(fault.at <= at < fault.at + AWAY for fault in FAULTS),
        "staleness": 0.0,
        "reconnects": 0,
        "resource_version": int(at * DELTAS_A_SECOND),
        "domains": 60,
        "events": int(at * DELTAS_A_SECOND),
        "deltas": int(at * DELTAS_A_SECOND),
        "queues": {"stuck": 60, "fast": 0},
        "bounds": {"stuck": 120},
    }
    host |= changes.pop("host", {})
    figures: dict[str, Any] = {
        "rss": 70e6,
        "blocks": 400_000,
        "descriptors": 12,
        "threads": 4,
        "tasks": 18,
        "connections": 2,
        "handles": 0,
        "callbacks": 26,
        "stall": 0.002,
        "cpu": at / 10,
        "load": 1.0,
    }
    return Sample(at=at, hosts={"test": HostSample(**host)}, **(figures | changes))


def made(change: Change = lambda at: {}, *, seconds: float = HALF_AN_HOUR) -> Recording:
    times = [number * EVERY for number in range(int(seconds / EVERY) + 1)]
    samples = [sample(at, **change(at)) for at in times]
    faults = [fault for fault in FAULTS if fault.at < seconds]
    return Recording(samples=samples, faults=faults, end=End([], [], []))


def failing(recording: Recording) -> set[str]:
    return {judgement.what for judgement in judge(recording) if judgement.holds is False}


def unjudged(recording: Recording) -> set[str]:
    return {judgement.what for judgement in judge(recording) if judgement.holds is None}


def reconnects(at: float) -> int:
    return sum(fault.at + AWAY <= at for fault in FAULTS)


def test_a_flat_run_is_flat() -> None:
    assert failing(made()) == set()
    assert unjudged(made()) == set()


def test_memory_may_waver_and_be_high_in_an_outage() -> None:
    chance = random.Random(1)

    def waver(at: float) -> dict[str, Any]:
        return {
            "rss": 70e6 + chance.uniform(-2, 2) * MB,
            "blocks": 400_000 + chance.randint(-10_000, 10_000),
        }

    assert failing(made(waver)) == set()


def test_memory_may_grow_in_warm_up() -> None:
    def warm_up(at: float) -> dict[str, Any]:
        return {"rss": 50e6 + min(at, 440.0) * 50_000}

    assert failing(made(warm_up)) == set()


@pytest.mark.parametrize("bytes_a_delta", [64, 640])
def test_memory_that_rises_with_each_delta_is_named(bytes_a_delta: int) -> None:
    chance = random.Random(1)

    def leak(at: float) -> dict[str, Any]:
        leaked = at * DELTAS_A_SECOND * bytes_a_delta
        return {"rss": 70e6 + leaked + chance.uniform(-1, 1) * MB}

    assert failing(made(leak)) == {"memory"}


def test_an_object_left_for_each_delta_is_named() -> None:
    found = made(lambda at: {"blocks": 400_000 + int(at * DELTAS_A_SECOND)})
    assert failing(found) == {"Python's blocks"}


@pytest.mark.parametrize(
    ("figure", "what"),
    [
        ("descriptors", "descriptors"),
        ("threads", "threads"),
        ("tasks", "tasks"),
        ("connections", "connections"),
        ("handles", "handles"),
        ("callbacks", "callbacks"),
    ],
)
def test_one_more_for_each_reconnect_is_named(figure: str, what: str) -> None:
    assert failing(made(lambda at: {figure: 10 + reconnects(at)})) == {what}


def test_one_more_for_ever_is_named() -> None:
    assert failing(made(lambda at: {"threads": 4 + (at > 1000)})) == {"threads"}


def test_more_of_something_while_the_daemon_is_away_is_no_leak() -> None:
    def busy(at: float) -> dict[str, Any]:
        return {"threads": 4 + 3 * any(fault.at <= at < fault.at + 12 for fault in FAULTS)}

    assert failing(made(busy)) == set()


def test_handles_that_a_list_holds_for_a_moment_are_no_leak() -> None:
    found = made(lambda at: {"handles": 62 if at > 1000 and at % 20 else 0})
    assert failing(found) == set()


def test_a_queue_above_its_bound_is_named_be_it_once() -> None:
    long = {"queues": {"stuck": 121, "fast": 0}}
    found = made(lambda at: {"host": long} if at == 100.0 else {})
    assert failing(found) == {"queue of the subscriber that is stuck (test)"}


def test_an_outage_that_does_not_end_is_named() -> None:
    found = made(lambda at: {"host": {"synced": at < 1000}})
    assert failing(found) == {"outages"}
    assert longest_outage(found) == float("inf")


def test_how_long_an_outage_lasts_is_counted_from_the_daemons_return() -> None:
    assert longest_outage(made()) == 5.0
    assert longest_outage(Recording()) == 0.0


@pytest.mark.parametrize(
    ("end", "what"),
    [
        (End(["test: domain 1"], [], []), "agreement with the hosts"),
        (End([], ["test: version 3 came after 4"], []), "complaints of subscribers"),
        (End([], [], ["a thread"]), "left when all was closed"),
        (None, "end"),
    ],
)
def test_what_was_found_at_the_end_is_named(end: End | None, what: str) -> None:
    recording = made()
    recording.end = end
    assert failing(recording) == {what}


def test_of_a_short_run_only_that_is_judged_which_can_be() -> None:
    short = made(lambda at: {"rss": 50e6 + at * MB, "threads": int(at)}, seconds=30.0)
    assert failing(short) == set()
    assert unjudged(short) == {
        "memory",
        "descriptors",
        "threads",
        "tasks",
        "connections",
        "callbacks",
        "handles",
    }


def test_nothing_at_all_is_no_success() -> None:
    assert failing(Recording()) == {"end"}


def test_a_judgement_says_itself() -> None:
    words = {str(Judgement("memory", "1", "2", holds)) for holds in (True, False, None)}
    assert words == {
        "flat: memory: 1 (bound: 2)",
        "NOT FLAT: memory: 1 (bound: 2)",
        "not judged: memory: 1 (bound: 2)",
    }


def test_the_slope_is_of_the_line_through_what_comes_after_warm_up() -> None:
    recording = made(lambda at: {"rss": 1000 + 7 * at})
    after = steady(recording.samples)
    assert after[0].at == HALF_AN_HOUR / 4
    assert slope(after, lambda sample: sample.rss) == pytest.approx(7)

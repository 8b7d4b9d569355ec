"""Whether anything grew: fixed rules, applied to a recording.

The first quarter of a run is *warm-up*: caches, history and tombstones fill to their bounds,
and Python's and libc's allocators find the size that they need. What is judged comes after.

*Memory* wavers by megabytes, so it is judged by its trend: a straight line through all samples
after warm-up. A leak that matters leaks with the work that is done. The smallest thing that
can be left for each delta is one object: one block, of at least 64 bytes together with what
refers to it. Half of that is the bound, so that not even every second delta may leave one.
The trend of a short run is noise, and is not judged.

*Whole things* (descriptors, threads, tasks, connections, callbacks) are counted at rest, which
is where every informer has been in step for a while. There, after warm-up, there may never be
more than there were during it: one more for each reconnect would show at once.

*Handles* of domains come and go at rest, too: a list holds all of them while it is read. But what
leaks does not go, so it is the least of the last quarter that may not be more.

*Queues* of those who never read have a bound at every moment, which goes along in the sample.

*Outages* end: in a few seconds after the daemon is back, everything is in step again.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import attrs

from tests.soak.recording import Recording, Sample

__all__ = [
    "WHOLE",
    "Judgement",
    "at_rest",
    "has_trend",
    "judge",
    "longest_outage",
    "slope",
    "steady",
]

WARM_UP: Final = 0.25
BYTES_A_DELTA: Final = 32.0
BLOCKS_A_DELTA: Final = 0.5
TREND_SECONDS: Final = 600.0
"""A trend over less is not judged."""

REST_SECONDS: Final = 10.0
"""For so long all must have been in step; what an outage left has had time to go."""

RESTS: Final = 10
"""So many samples at rest there must be in warm-up to be compared with."""

OUTAGE_SECONDS: Final = 30.0
MB: Final = 1e6

WHOLE: Final[dict[str, Callable[[Sample], int]]] = {
    "descriptors": lambda sample: sample.descriptors,
    "threads": lambda sample: sample.threads,
    "tasks": lambda sample: sample.tasks,
    "connections": lambda sample: sample.connections,
    "callbacks": lambda sample: sample.callbacks,
}


@attrs.frozen
class Judgement:
    """What one rule says; `holds` is ``None`` where there is too little to judge by."""

    what: str
    found: str
    bound: str
    holds: bool | None

    def __str__(self) -> str:
        word = {True: "flat", False: "NOT FLAT", None: "not judged"}[self.holds]
        return f"{word}: {self.what}: {self.found} (bound: {self.bound})"


def judge(recording: Recording) -> list[Judgement]:
    """Apply every rule."""
    rules = (_memory, _whole, _handles, _queues, _ends)
    return [judgement for rule in rules for judgement in rule(recording)]


def steady(samples: Sequence[Sample]) -> list[Sample]:
    """Those after warm-up."""
    return [sample for sample in samples if sample.at >= _warm_until(samples)]


def _warm_until(samples: Sequence[Sample]) -> float:
    return WARM_UP * samples[-1].at if samples else 0.0


def slope(samples: Sequence[Sample], figure: Callable[[Sample], float]) -> float:
    """The trend of a figure, a second."""
    times = [sample.at for sample in samples]
    return statistics.linear_regression(times, [figure(sample) for sample in samples]).slope


def has_trend(samples: Sequence[Sample]) -> bool:
    """Whether they last long enough for a trend to mean anything."""
    return _seconds(samples) >= TREND_SECONDS


def _seconds(samples: Sequence[Sample]) -> float:
    return samples[-1].at - samples[0].at if samples else 0.0


def at_rest(recording: Recording) -> Iterator[Sample]:
    """The samples before which all was in step for a while."""
    since: float | None = None
    for sample in recording.samples:
        if not sample.is_synced or _is_harmed(recording, sample.at):
            since = None
        elif since is None:
            since = sample.at
        if since is not None and sample.at - since >= REST_SECONDS:
            yield sample


def _is_harmed(recording: Recording, at: float) -> bool:
    """Whether the daemon was away, also where that was not noticed yet."""
    return any(fault.at <= at <= fault.until for fault in recording.faults)


def _memory(recording: Recording) -> Iterator[Judgement]:
    samples = steady(recording.samples)
    if not has_trend(samples):
        yield Judgement("memory", f"{_seconds(samples):.0f} s", f"{TREND_SECONDS:.0f} s", None)
        return
    rate = (samples[-1].deltas - samples[0].deltas) / _seconds(samples)
    hour = 3600.0
    rss, rss_bound = slope(samples, lambda sample: sample.rss), BYTES_A_DELTA * rate
    yield Judgement(
        "memory",
        f"{rss * hour / MB:+.2f} MB an hour",
        f"{rss_bound * hour / MB:.2f} MB at {rate:.1f} deltas a second",
        rss <= rss_bound,
    )
    blocks, blocks_bound = slope(samples, lambda sample: sample.blocks), BLOCKS_A_DELTA * rate
    yield Judgement(
        "Python's blocks",
        f"{blocks * hour:+.0f} an hour",
        f"{blocks_bound * hour:.0f}",
        blocks <= blocks_bound,
    )


def _whole(recording: Recording) -> Iterator[Judgement]:
    rests, warm = list(at_rest(recording)), _warm_until(recording.samples)
    during = [sample for sample in rests if sample.at < warm]
    after = [sample for sample in rests if sample.at >= warm]
    for what, figure in WHOLE.items():
        if len(during) < RESTS or not after:
            yield Judgement(what, f"{len(during)} rests in warm-up", f"{RESTS}", None)
            continue
        most, bound = max(map(figure, after)), max(map(figure, during))
        yield Judgement(what, f"at most {most} at rest", f"{bound}", most <= bound)


def _handles(recording: Recording) -> Iterator[Judgement]:
    rests, warm = list(at_rest(recording)), _warm_until(recording.samples)
    during = [sample.handles for sample in rests if sample.at < warm]
    late = [sample.handles for sample in rests if sample.at >= (1 - WARM_UP) / WARM_UP * warm]
    if len(during) < RESTS or not late:
        yield Judgement("handles", f"{len(during)} rests in warm-up", f"{RESTS}", None)
        return
    least, bound = min(late), min(during)
    yield Judgement("handles", f"at least {least} late", f"{bound}", least <= bound)


def _queues(recording: Recording) -> Iterator[Judgement]:
    for host, who in sorted(_bounded(recording.samples)):
        sizes = [
            (sample.hosts[host].queues[who], sample.hosts[host].bounds[who])
            for sample in recording.samples
        ]
        most, bound = max(sizes, key=lambda pair: pair[0] - pair[1])
        name = f"queue of the subscriber that is {who} ({host})"
        yield Judgement(name, f"at worst {most}", f"{bound} then", most <= bound)


def _bounded(samples: Iterable[Sample]) -> set[tuple[str, str]]:
    return {
        (name, who)
        for sample in samples
        for name, host in sample.hosts.items()
        for who in host.bounds
    }


def longest_outage(recording: Recording) -> float:
    """The longest time from the daemon's being back until a sample finds all in step, seconds."""
    return max((_outage(recording.samples, fault.until) for fault in recording.faults), default=0.0)


def _outage(samples: Sequence[Sample], since: float) -> float:
    for sample in samples:
        if sample.at > since and sample.is_synced:
            return sample.at - since
    return float("inf")


def _ends(recording: Recording) -> Iterator[Judgement]:
    longest = longest_outage(recording)
    yield Judgement(
        "outages",
        f"in step again after at most {longest:.1f} s, {len(recording.faults)} times",
        f"{OUTAGE_SECONDS:g} s",
        longest <= OUTAGE_SECONDS,
    )
    end = recording.end
    if end is None:
        yield Judgement("end", "it did not come to an end", "an end", False)
        return
    for what, found in (
        ("agreement with the hosts", end.differences),
        ("complaints of subscribers", end.faults),
        ("left when all was closed", end.left),
    ):
        yield Judgement(what, "; ".join(found) or "nothing wrong", "nothing wrong", not found)

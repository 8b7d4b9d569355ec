"""A run in figures, as a table for a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.soak.recording import Recording, Sample
from tests.soak.verdict import WHOLE, at_rest, has_trend, longest_outage, slope, steady

__all__ = ["table"]

MB = 1e6
HOUR = 3600.0


def table(recording: Recording) -> str:
    """Markdown."""
    rows = [f"| {what} | {figure} |" for what, figure in _rows(recording)]
    return "\n".join(["| | measured |", "|---|---|", *rows])


def _rows(recording: Recording) -> Iterator[tuple[str, str]]:
    samples = recording.samples
    after = steady(samples)
    first, last, warm = samples[0], samples[-1], after[0]
    yield "duration", f"{last.at / 60:.1f} min, {len(samples)} samples"
    yield from _load(recording, last)
    yield (
        "resident memory",
        f"{first.rss / MB:.1f} MB at the start, {warm.rss / MB:.1f} MB after warm-up, "
        f"{last.rss / MB:.1f} MB at the end",
    )
    if has_trend(after):
        rss = slope(after, lambda sample: sample.rss) * HOUR / MB
        blocks = slope(after, lambda sample: sample.blocks) * HOUR
        yield "its trend after warm-up", f"{rss:+.2f} MB an hour"
        late = slope(samples[len(samples) // 2 :], lambda sample: sample.rss) * HOUR / MB
        yield "its trend in the second half", f"{late:+.2f} MB an hour"
        yield "trend of Python's memory blocks", f"{blocks:+.0f} an hour of {last.blocks}"
    rests = list(at_rest(recording))
    for what, figure in WHOLE.items():
        yield f"{what} at rest", _span([figure(sample) for sample in rests])
    yield "handles of domains at rest", _span([sample.handles for sample in rests])
    yield from _hosts(samples, last)
    yield "longest stall of the loop", f"{max(s.stall for s in samples) * 1000:.0f} ms"
    loads = sorted(sample.load for sample in samples)
    yield "load of the machine meanwhile", f"{loads[0]:.1f} to {loads[-1]:.1f}"
    yield "processor time", f"{last.cpu / last.at:.1%} of one core" if last.at else "-"
    yield "from the daemon's return until in step", f"at most {longest_outage(recording):.1f} s"


def _span(values: Sequence[int]) -> str:
    if not values:
        return "-"
    least, most = min(values), max(values)
    return f"{least}" if least == most else f"{least} to {most}"


def _load(recording: Recording, last: Sample) -> Iterator[tuple[str, str]]:
    changes = recording.about.get("changes", {})
    if changes:
        done = ", ".join(f"{host}: {figures['done']}" for host, figures in changes.items())
        yield "changes made by the writers", done
    for what in ("events", "deltas"):
        figures = ", ".join(f"{name}: {getattr(host, what)}" for name, host in last.hosts.items())
        yield what, figures
    kinds = [fault.what for fault in recording.faults]
    yield "daemon killed, hung", f"{kinds.count('killed')}, {kinds.count('hung')} times"


def _hosts(samples: Sequence[Sample], last: Sample) -> Iterator[tuple[str, str]]:
    for name, host in last.hosts.items():
        yield f"reconnects ({name})", f"{host.reconnects}"
        stale = max(sample.hosts[name].staleness for sample in samples)
        yield f"staleness at worst ({name})", f"{stale:.1f} s"
        for who in host.queues:
            most = max(sample.hosts[name].queues[who] for sample in samples)
            bound = f", bound {host.bounds[who]}" if who in host.bounds else ""
            yield f"longest queue: {who} ({name})", f"{most}{bound}"

"""What was done and what came of it, in figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import attrs

import virtinformer as vi

__all__ = ["Tally"]

COUNTED = (
    "events_received",
    "events_delivered",
    "events_inferred",
    "events_superseded",
    "reads",
    "reads_raced",
    "reads_torn",
    "read_errors",
    "lists",
    "list_errors",
    "handler_errors",
)


@attrs.define
class Tally:
    """The sum over rounds, of one host.

    Attributes:
        rounds: how many there were.
        seconds: how long they took, from the first deed to rest.
        deeds: (operation, what libvirt said: ``"done"``, ``"refused"``, ``"lost"``) → how often.
        faults: what was done to the daemon → how often.
        counted: of `virtinformer.Statistics` → the sum.
        deltas: source → how many.
        reconnects: how often the informer was connected again.
        lines: of history.
        asked: questions that were compared with the truth.
        slowest: seconds from a change to the store, while the daemon was well.
    """

    rounds: int = 0
    seconds: float = 0.0
    deeds: Counter[tuple[str, str]] = attrs.field(factory=Counter)
    faults: Counter[str] = attrs.field(factory=Counter)
    counted: Counter[str] = attrs.field(factory=Counter)
    deltas: Counter[str] = attrs.field(factory=Counter)
    reconnects: int = 0
    lines: int = 0
    asked: int = 0
    slowest: float = 0.0

    def did(self, deeds: Iterable[Sequence[str | None]]) -> None:
        """Count what a writer says it did."""
        for name, error in deeds:
            outcome = "done" if error is None else "lost" if error == "lost" else "refused"
            self.deeds[str(name), outcome] += 1

    def saw(self, statistics: vi.Statistics, health: vi.Health) -> None:
        """Count what an informer did, at the end of a round."""
        self.counted.update({name: getattr(statistics, name) for name in COUNTED})
        self.deltas.update({source.value: many for source, many in statistics.deltas.items()})
        self.reconnects += health.reconnects

    def report(self) -> str:
        """All of it, for people."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{self.rounds} rounds, {self.seconds:.0f} s, {self.lines} lines of history"
        yield f"deeds: {self._outcomes()}"
        for name in sorted({name for name, _ in self.deeds}):
            outcomes = (f"{self.deeds[name, o]:6} {o}" for o in ("done", "refused", "lost"))
            yield f"  {name:<18}{''.join(outcomes)}"
        yield f"faults of the daemon: {_sums(self.faults)}"
        yield f"reconnects: {self.reconnects}"
        yield f"deltas: {_sums(self.deltas)}"
        yield f"informer: {_sums(self.counted)}"
        yield f"answers to refresh() and sync() compared with the truth: {self.asked}"
        yield f"slowest change, daemon up and synced: {self.slowest:.3f} s"

    def _outcomes(self) -> str:
        sums: Counter[str] = Counter()
        for (_, outcome), many in self.deeds.items():
            sums[outcome] += many
        return _sums(sums)


def _sums(counter: Counter[str]) -> str:
    return ", ".join(f"{many} {name.replace('_', ' ')}" for name, many in counter.items()) or "none"

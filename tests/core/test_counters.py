"""What the core counts."""

from __future__ import annotations

from collections import Counter
from typing import Any

import attrs

from virtinformer._core.counters import Counters
from virtinformer._core.model import DeltaSource

from .driving import A
from .making import add, afterword, delete, event, make


class Growing(Counter[tuple[str, bool]]):
    """One that another thread adds to while somebody walks through it."""

    def items(self) -> Any:
        raise RuntimeError("dictionary changed size during iteration")


def counted() -> Counters:
    counters, domain = Counters(), make(A, 3)
    inferred = attrs.evolve(event(domain, 1), inferred=True)
    counters.told(add(domain, inferred, event(domain, 2)), DeltaSource.INITIAL)
    counters.told(delete(domain, 4, event(domain, 4, "Stopped")), DeltaSource.EVENT)
    counters.told(afterword(event(domain, 5)), DeltaSource.EVENT)
    return counters


def test_totals_are_added_up() -> None:
    counters = counted()
    assert (counters.events_told, counters.events_inferred) == (4, 1)
    assert counters.deltas == {DeltaSource.INITIAL: 1, DeltaSource.EVENT: 1}
    assert counters.delta_types == {
        ("Added", DeltaSource.INITIAL): 1,
        ("Deleted", DeltaSource.EVENT): 1,
    }
    assert counters.event_types == {
        ("Started", True): 1,
        ("Started", False): 2,
        ("Stopped", False): 1,
    }


def test_totals_can_be_asked_for_while_another_thread_counts() -> None:
    counters = counted()
    counters.event_types = Growing(counters.event_types)
    assert (counters.events_told, counters.events_inferred) == (4, 1)

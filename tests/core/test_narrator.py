"""What is told of a domain, where no other test of the core sees it."""

from __future__ import annotations

from virtinformer._core.chronicle import Chronicle
from virtinformer._core.counters import Counters
from virtinformer._core.lifecycle import Waiting
from virtinformer._core.messages import EventReceived, Observed
from virtinformer._core.model import Added
from virtinformer._core.narrator import Narrator
from virtinformer._core.record import Record
from virtinformer._core.rota import Rota
from virtinformer._core.store import Store
from virtinformer._core.vocabulary import EventKind, LifecycleType

from .driving import A, running


def test_an_event_after_the_first_read_of_a_domain_still_waits() -> None:
    """It is not in what was read, and another read is on its way."""
    store = Store({}, 10)
    narrator = Narrator(store, Chronicle(store, None), Rota(), Counters(), window=0.1)
    record = Record(A)
    for stamp in (3, 7):
        event = EventReceived(
            1, stamp, A, "n", 1, EventKind.LIFECYCLE, LifecycleType.RESUMED, 0, 0.0
        )
        record.wait_with(Waiting(event, 1.0))
        record.heard = stamp
    record.accept(Observed(1, A, 5, 6, 0.0, running(), listed=True))
    change = narrator.settle(record, 0.0, flush=True)
    assert change is not None
    assert isinstance(change.delta, Added)
    assert change.events == ()
    assert not change.delta.domain.settled
    assert [item.event.stamp for item in record.waiting] == [7]

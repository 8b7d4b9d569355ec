"""What the core counts."""

from __future__ import annotations

from collections import Counter

import attrs

from .histogram import Durations
from .model import Change, DeltaSource

__all__ = ["Counters"]


@attrs.define
class Counters:
    """Totals since the informer was made.

    Attributes:
        events_received: callbacks that ran.
        events_superseded: life-cycle events not delivered, since they repeated
            or came after what had followed them.
        reads: answers to reads of one domain.
        reads_raced: those not used since an event came meanwhile.
        reads_torn: those that the source could not settle.
        read_errors: those that the host refused.
        lists: lists that came through.
        list_errors: lists that failed.
        lookups_repeated: look-ups whose answer will soon be another one, and
            that were therefore repeated.
        read_time: how long reads of one domain took the source, in seconds.
        list_time: how long lists took that came through, in seconds.
        delta_types: deltas delivered, by the name of their type and source.
        event_types: events delivered, by type and whether they were inferred.
    """

    events_received: int = 0
    events_superseded: int = 0
    reads: int = 0
    reads_raced: int = 0
    reads_torn: int = 0
    read_errors: int = 0
    lists: int = 0
    list_errors: int = 0
    lookups_repeated: int = 0
    read_time: Durations = attrs.field(factory=Durations)
    list_time: Durations = attrs.field(factory=Durations)
    delta_types: Counter[tuple[str, DeltaSource]] = attrs.field(factory=Counter)
    event_types: Counter[tuple[str, bool]] = attrs.field(factory=Counter)

    def told(self, change: Change, source: DeltaSource) -> None:
        """Count what subscribers are told."""
        for event in change.events:
            self.event_types[event.type, event.inferred] += 1
        if change.delta is not None:
            self.delta_types[type(change.delta).__name__, source] += 1

    @property
    def deltas(self) -> Counter[DeltaSource]:
        """Deltas delivered, by source."""
        deltas: Counter[DeltaSource] = Counter()
        # A copy, made in one step: another thread may look while the loop counts.
        for (_, source), count in dict(self.delta_types).items():
            deltas[source] += count
        return deltas

    @property
    def events_told(self) -> int:
        """Events delivered, the inferred ones among them."""
        return self.event_types.total()

    @property
    def events_inferred(self) -> int:
        """Events delivered that libvirt never sent."""
        counts = dict(self.event_types)  # as above
        return sum(count for (_, inferred), count in counts.items() if inferred)

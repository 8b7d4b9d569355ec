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
        events_told: events delivered, the inferred ones among them.
        events_inferred: events delivered that libvirt never sent.
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
        deltas: by source.
        delta_types: by the name of their type and source.
        event_types: events delivered, by type and whether they were inferred.
    """

    events_received: int = 0
    events_told: int = 0
    events_inferred: int = 0
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
    deltas: Counter[DeltaSource] = attrs.field(factory=Counter)
    delta_types: Counter[tuple[str, DeltaSource]] = attrs.field(factory=Counter)
    event_types: Counter[tuple[str, bool]] = attrs.field(factory=Counter)

    def told(self, change: Change, source: DeltaSource) -> None:
        """Count what subscribers are told."""
        for event in change.events:
            self.events_told += 1
            self.events_inferred += event.inferred
            self.event_types[event.type, event.inferred] += 1
        if change.delta is not None:
            self.deltas[source] += 1
            self.delta_types[type(change.delta).__name__, source] += 1

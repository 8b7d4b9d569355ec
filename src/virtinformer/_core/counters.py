"""What the core counts."""

from __future__ import annotations

from collections import Counter

import attrs

from .model import DeltaSource

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
        deltas: by source.
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
    deltas: Counter[DeltaSource] = attrs.field(factory=Counter)

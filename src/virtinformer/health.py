"""How the informer is doing: values to put on a dashboard."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import attrs

from ._core.histogram import Histogram
from ._core.model import DeltaSource

__all__ = ["Health", "Statistics", "SubscriberQueue"]


@attrs.frozen
class Health:
    """Whether what the informer holds can be trusted to be current.

    Attributes:
        connected: whether there is a connection to the host.
        synced: whether the state has caught up with the host on this connection.
        epoch: the number of the connection, from 1.
        last_contact: when the host last said anything, UTC; ``None`` if never.
        staleness: seconds for which a host that should have spoken has said
            nothing: since the last contact if there is no connection; since it
            was asked, or said something after that, if an answer is due; and
            0.0 if nothing is due.
        last_error: what went wrong last, if anything ever did.
        reconnects: how often the connection was lost and made again.
    """

    connected: bool
    synced: bool
    epoch: int
    last_contact: datetime | None
    staleness: float
    last_error: Exception | None
    reconnects: int


@attrs.frozen
class SubscriberQueue:
    """What waits for the subscribers of one kind and name.

    Attributes:
        kind: ``"handler"``, ``"watch"`` or ``"events"``.
        name: of a handler: of its function or class; of the others: nothing.
        subscribers: how many there are.
        queued: how many deltas and events wait for all of them together.
        longest: how many wait for the one that is behind the farthest.
    """

    kind: str
    name: str
    subscribers: int
    queued: int
    longest: int


@attrs.frozen
class Statistics:
    """Totals since the informer was opened, and sizes now.

    Attributes:
        domains: how many domains are known.
        resource_version: the version of the state.
        events_received: events that libvirt sent.
        events_delivered: events that subscribers were offered, inferred ones among them.
        events_inferred: events delivered that libvirt never sent.
        events_superseded: life-cycle events not delivered because they repeated
            what was delivered, or came after what had followed them.
        reads: answers to reads of one domain.
        reads_raced: reads that were repeated because an event came meanwhile.
        reads_torn: reads in which state and XML did not belong together.
        read_errors: reads that the host refused.
        lists: bulk reads that came through.
        list_errors: bulk reads that failed.
        deltas: how many deltas came of which source.
        subscribers: how many streams and registrations there are.
        queued: how many deltas and events wait for all of them together.
        handler_errors: exceptions that handlers raised.
        callable_errors: exceptions that predicates of registrations, indexers
            and the transform raised.
        lookups_repeated: look-ups that were repeated because their answer would
            soon be another one (an event said that the domain exists, and it
            was not found yet).
        read_time: how long reads of one domain took, in seconds, from when they
            began until the host had answered.
        list_time: how long bulk reads took that came through, in seconds.
        deltas_by_type: how many deltas were of which type (``"Added"``, …) and
            came of which source.
        events_by_type: how many events that subscribers were offered were of
            which type (``"Started"``, …), and inferred or not.
        queues: what waits for whom.
    """

    domains: int
    resource_version: int
    events_received: int
    events_delivered: int
    events_inferred: int
    events_superseded: int
    reads: int
    reads_raced: int
    reads_torn: int
    read_errors: int
    lists: int
    list_errors: int
    deltas: Mapping[DeltaSource, int]
    subscribers: int
    queued: int
    handler_errors: int
    callable_errors: int
    lookups_repeated: int
    read_time: Histogram
    list_time: Histogram
    deltas_by_type: Mapping[tuple[str, DeltaSource], int]
    events_by_type: Mapping[tuple[str, bool], int]
    queues: tuple[SubscriberQueue, ...]

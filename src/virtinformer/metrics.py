"""What there is to measure: tables of metrics, a line each, for whatever wants them.

Nothing is measured here. Informers and controllers count what they do anyway; each
line says under which name, with which labels, and how to find it in `Health`,
`Statistics` and `ControllerStatistics`. The names follow Prometheus's conventions
(``_total`` of counters, base units), and those of controllers follow client-go's work
queue.

Labels have few values: words of which there are only so many, and names of handlers,
which come from a program's code. Of more than `NAMES` of them the rest are taken
together, so that a program that makes them up by the thousand harms nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Generic, Literal, TypeVar

import attrs

from ._core.histogram import Histogram
from ._core.model import DeltaSource
from .controller import ControllerStatistics
from .health import Health, Statistics, SubscriberQueue

__all__ = ["CONTROLLER", "INFORMER", "NAMES", "Family", "InformerState", "Samples"]

NAMES: Final = 50
"""So many names of handlers are told apart."""

OTHERS: Final = "(others)"

S = TypeVar("S")

Samples = Iterable[tuple[tuple[str, ...], float | Histogram]]
"""The values of the labels, and the value."""


@attrs.frozen
class Family(Generic[S]):
    """One line of a table: the metrics of one name.

    Attributes:
        name: as Prometheus has it.
        kind: what kind of metrics these are.
        help: what they are, in a sentence.
        labels: their labels, beside the one that says whose they are.
        samples: takes them from a state.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...]
    samples: Callable[[S], Samples]


@attrs.frozen
class InformerState:
    """What an informer says of itself at one moment.

    Attributes:
        health: its health.
        counted: its statistics.
    """

    health: Health
    counted: Statistics


def _one(value: Callable[[S], float | Histogram | None]) -> Callable[[S], Samples]:
    """Samples with no further labels: one, or, where there is no value, none."""

    def samples(state: S) -> Samples:
        found = value(state)
        return [] if found is None else [((), found)]

    return samples


def _last_contact(informer: InformerState) -> float | None:
    contact = informer.health.last_contact
    return None if contact is None else contact.timestamp()


def _deltas(informer: InformerState) -> Samples:
    for (type_, source), many in informer.counted.deltas_by_type.items():
        yield (type_.lower(), source.value), many


def _events(informer: InformerState) -> Samples:
    for (type_, inferred), many in informer.counted.events_by_type.items():
        yield (type_, "inferred" if inferred else "host"), many


def _repeated(informer: InformerState) -> Samples:
    counted = informer.counted
    yield ("overtaken",), counted.reads_raced
    yield ("torn",), counted.reads_torn
    yield ("error",), counted.read_errors
    yield ("not_found_yet",), counted.lookups_repeated


def _names_last(queue: SubscriberQueue) -> tuple[bool, str, str]:
    return bool(queue.name), queue.kind, queue.name


def _of_queues(
    value: Callable[[SubscriberQueue], int], together: Callable[[Iterable[int]], int]
) -> Callable[[InformerState], Samples]:
    """One sample for each kind and name of subscribers, and one for all with names too many."""

    def samples(informer: InformerState) -> Samples:
        queues = sorted(informer.counted.queues, key=_names_last)
        for queue in queues[:NAMES]:
            yield (queue.kind, queue.name), value(queue)
        if rest := queues[NAMES:]:
            yield ("handler", OTHERS), together(map(value, rest))

    return samples


INFORMER: Final[tuple[Family[InformerState], ...]] = (
    Family(
        "virtinformer_connected", "gauge",
        "Whether there is a connection to the host.",
        (), _one(lambda i: i.health.connected),
    ),
    Family(
        "virtinformer_synced", "gauge",
        "Whether the state has caught up with the host on this connection.",
        (), _one(lambda i: i.health.synced),
    ),
    Family(
        "virtinformer_staleness_seconds", "gauge",
        "For how long a host that should have spoken has said nothing; 0 if nothing is due.",
        (), _one(lambda i: i.health.staleness),
    ),
    Family(
        "virtinformer_last_contact_timestamp_seconds", "gauge",
        "When the host last said anything, in seconds since 1970.",
        (), _one(_last_contact),
    ),
    Family(
        "virtinformer_connection_epoch", "gauge",
        "The number of the connection; failed attempts count.",
        (), _one(lambda i: i.health.epoch),
    ),
    Family(
        "virtinformer_reconnects_total", "counter",
        "How often the connection was lost and made again.",
        (), _one(lambda i: i.health.reconnects),
    ),
    Family(
        "virtinformer_domains", "gauge",
        "How many domains are known.",
        (), _one(lambda i: i.counted.domains),
    ),
    Family(
        "virtinformer_resource_version", "gauge",
        "The version of the state.",
        (), _one(lambda i: i.counted.resource_version),
    ),
    Family(
        "virtinformer_deltas_total", "counter",
        "Changes of the state, by what changed and how it became known.",
        ("type", "source"), _deltas,
    ),
    Family(
        "virtinformer_resync_drift_total", "counter",
        "Changes that no event told of and the resync found.",
        (), _one(lambda i: i.counted.deltas.get(DeltaSource.RESYNC, 0)),
    ),
    Family(
        "virtinformer_events_received_total", "counter",
        "Events that the host sent.",
        (), _one(lambda i: i.counted.events_received),
    ),
    Family(
        "virtinformer_events_total", "counter",
        "Events that subscribers were offered, by type, and whether the host sent them.",
        ("type", "source"), _events,
    ),
    Family(
        "virtinformer_events_superseded_total", "counter",
        "Life-cycle events left out: they repeated others, or came after what followed them.",
        (), _one(lambda i: i.counted.events_superseded),
    ),
    Family(
        "virtinformer_read_duration_seconds", "histogram",
        "How long the host took to answer reads of one domain.",
        (), _one(lambda i: i.counted.read_time),
    ),
    Family(
        "virtinformer_read_retries_total", "counter",
        "Reads whose answer could not be used as it was, by reason.",
        ("reason",), _repeated,
    ),
    Family(
        "virtinformer_list_duration_seconds", "histogram",
        "How long bulk reads took that came through.",
        (), _one(lambda i: i.counted.list_time),
    ),
    Family(
        "virtinformer_list_errors_total", "counter",
        "Bulk reads that failed.",
        (), _one(lambda i: i.counted.list_errors),
    ),
    Family(
        "virtinformer_subscribers", "gauge",
        "How many streams and handlers there are.",
        ("kind", "name"), _of_queues(lambda queue: queue.subscribers, sum),
    ),
    Family(
        "virtinformer_subscriber_queue_depth", "gauge",
        "How many deltas and events wait for the subscribers of one kind and name together.",
        ("kind", "name"), _of_queues(lambda queue: queue.queued, sum),
    ),
    Family(
        "virtinformer_subscriber_queue_depth_max", "gauge",
        "How many deltas and events wait for the one of them that is behind the farthest.",
        ("kind", "name"), _of_queues(lambda queue: queue.longest, max),
    ),
    Family(
        "virtinformer_handler_errors_total", "counter",
        "Exceptions that handlers raised.",
        (), _one(lambda i: i.counted.handler_errors),
    ),
    Family(
        "virtinformer_callable_errors_total", "counter",
        "Exceptions that predicates of handlers, indexers and the transform raised.",
        (), _one(lambda i: i.counted.callable_errors),
    ),
)  # fmt: skip


def _reconciles(statistics: ControllerStatistics) -> Samples:
    for outcome, many in statistics.reconciles.items():
        yield (outcome,), many


CONTROLLER: Final[tuple[Family[ControllerStatistics], ...]] = (
    Family(
        "virtinformer_controller_workers", "gauge",
        "How many reconciles may run at once.",
        (), _one(lambda c: c.workers),
    ),
    Family(
        "virtinformer_controller_domains", "gauge",
        "How many domains the controller cares for.",
        (), _one(lambda c: c.domains),
    ),
    Family(
        "virtinformer_controller_reconciles_total", "counter",
        "Reconciles, by how they ended.",
        ("result",), _reconciles,
    ),
    Family(
        "virtinformer_controller_key_errors_total", "counter",
        "How often the further keys could not be had.",
        (), _one(lambda c: c.key_errors),
    ),
    Family(
        "virtinformer_workqueue_depth", "gauge",
        "How many domains are to be looked at and are not yet.",
        (), _one(lambda c: c.queue.depth),
    ),
    Family(
        "virtinformer_workqueue_delayed", "gauge",
        "How many domains are to be looked at later.",
        (), _one(lambda c: c.queue.delayed),
    ),
    Family(
        "virtinformer_workqueue_running", "gauge",
        "How many domains are being looked at.",
        (), _one(lambda c: c.queue.running),
    ),
    Family(
        "virtinformer_workqueue_adds_total", "counter",
        "How often a domain became one to be looked at.",
        (), _one(lambda c: c.queue.adds),
    ),
    Family(
        "virtinformer_workqueue_retries_total", "counter",
        "How often a reconcile failed and was to be tried again.",
        (), _one(lambda c: c.queue.retries),
    ),
    Family(
        "virtinformer_workqueue_queue_duration_seconds", "histogram",
        "How long domains had to wait until they were looked at.",
        (), _one(lambda c: c.queue.wait),
    ),
    Family(
        "virtinformer_workqueue_work_duration_seconds", "histogram",
        "How long reconciles took.",
        (), _one(lambda c: c.queue.work),
    ),
    Family(
        "virtinformer_workqueue_unfinished_work_seconds", "gauge",
        "For how long the reconciles that run have been running, together.",
        (), _one(lambda c: c.queue.unfinished),
    ),
    Family(
        "virtinformer_workqueue_longest_running_seconds", "gauge",
        "For how long the longest of them has been.",
        (), _one(lambda c: c.queue.longest_running),
    ),
)  # fmt: skip

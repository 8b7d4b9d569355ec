"""Metrics for Prometheus: how informers and controllers are doing.

Nothing is measured here. A collector reads `health` and `statistics()` when it is asked
to, which is when Prometheus scrapes, in whatever thread that happens. So it costs
nothing in between, and cannot slow down what it looks at. What there is stands in
`virtinformer.metrics`::

    from prometheus_client import REGISTRY, start_http_server

    from virtinformer.prometheus import InformerCollector

    REGISTRY.register(InformerCollector(informer))
    start_http_server(9100)

It needs the extra ``prometheus``: ``pip install 'virtinformer[prometheus]'``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

from ._core.histogram import Histogram
from .controller import Controller
from .informer import DomainInformer
from .metrics import CONTROLLER, INFORMER, Family, InformerState

try:
    from prometheus_client.core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
        Metric,
    )
    from prometheus_client.registry import Collector
except ModuleNotFoundError as _error:
    raise ModuleNotFoundError(
        "virtinformer.prometheus needs prometheus-client: "
        "install it with `pip install 'virtinformer[prometheus]'`",
        name=_error.name,
    ) from _error

__all__ = ["ControllerCollector", "InformerCollector"]

S = TypeVar("S")


class InformerCollector(Collector):
    """The metrics of informers, for a registry of ``prometheus_client``.

    Promise: collecting never fails because of what an informer is doing, and takes
    nothing from it; counters only grow; an informer that was closed is still told
    of, as not connected, until it is removed.

    Each metric has the label ``uri``: what the informer calls its host.

    Args:
        informers: those to begin with.

    Raises:
        ValueError: if two of them have the same name; `add` can give another one.
    """

    def __init__(self, *informers: DomainInformer) -> None:
        self._informers: dict[str, DomainInformer] = {}
        for informer in informers:
            self.add(informer)

    def add(self, informer: DomainInformer, uri: str | None = None) -> None:
        """Tell of one more informer.

        Args:
            informer: open or not.
            uri: the value of the label ``uri``; by default the informer's name.

        Raises:
            ValueError: if there is one of that name.
        """
        _put(self._informers, informer, informer.name if uri is None else uri, "uri")

    def remove(self, informer: DomainInformer) -> None:
        """Tell of an informer no longer."""
        _remove(self._informers, informer)

    def collect(self) -> Iterator[Metric]:
        """All metrics now; from any thread."""
        states = [
            (name, InformerState(informer.health, informer.statistics()))
            for name, informer in list(self._informers.items())
        ]
        return _collected(INFORMER, "uri", states)

    def describe(self) -> Iterator[Metric]:
        """The same, without values: how a registry finds out what is there."""
        return _collected(INFORMER, "uri", [])


class ControllerCollector(Collector):
    """The metrics of controllers, for a registry of ``prometheus_client``.

    Promise: that of `InformerCollector`. Each metric has the label ``controller``:
    the name of the controller.

    Args:
        controllers: those to begin with.

    Raises:
        ValueError: if two of them have the same name; `Controller` takes one.
    """

    def __init__(self, *controllers: Controller) -> None:
        self._controllers: dict[str, Controller] = {}
        for controller in controllers:
            self.add(controller)

    def add(self, controller: Controller) -> None:
        """Tell of one more controller.

        Raises:
            ValueError: if there is one of that name.
        """
        _put(self._controllers, controller, controller.name, "name")

    def remove(self, controller: Controller) -> None:
        """Tell of a controller no longer."""
        _remove(self._controllers, controller)

    def collect(self) -> Iterator[Metric]:
        """All metrics now; from any thread."""
        controllers = list(self._controllers.items())
        states = [(name, controller.statistics()) for name, controller in controllers]
        return _collected(CONTROLLER, "controller", states)

    def describe(self) -> Iterator[Metric]:
        """The same, without values: how a registry finds out what is there."""
        return _collected(CONTROLLER, "controller", [])


def _put(members: dict[str, S], member: S, name: str, argument: str) -> None:
    if name in members:
        raise ValueError(
            f"there are metrics of {name!r} already, and nothing would tell them apart: "
            f"give another {argument}="
        )
    members[name] = member


def _remove(members: dict[str, S], member: S) -> None:
    for name in [name for name, each in members.items() if each is member]:
        del members[name]


def _collected(
    families: Sequence[Family[S]], label: str, states: Sequence[tuple[str, S]]
) -> Iterator[Metric]:
    for family in families:
        metric = _KINDS[family.kind](family.name, family.help, labels=(label, *family.labels))
        for name, state in states:
            for values, value in family.samples(state):
                _add(metric, (name, *values), value)
        yield metric


_KINDS: Final = {
    "counter": CounterMetricFamily,
    "gauge": GaugeMetricFamily,
    "histogram": HistogramMetricFamily,
}


def _add(
    metric: CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily,
    labels: Sequence[str],
    value: float | Histogram,
) -> None:
    if isinstance(metric, HistogramMetricFamily):
        assert isinstance(value, Histogram)
        buckets = [(_bound(bound), float(many)) for bound, many in value.buckets]
        metric.add_metric(labels, buckets, value.sum)
    else:
        assert not isinstance(value, Histogram)
        metric.add_metric(labels, float(value))


def _bound(bound: float) -> str:
    return "+Inf" if math.isinf(bound) else repr(bound)

"""virtinformer: libvirt's domains and their events, versioned and in order.

``connect()`` gives a `DomainInformer`: a store of all domains of a host that is
kept current, with one strictly increasing version over all domains and events.

A name is imported when it is first asked for. `connect` brings libvirt and asyncio with it,
which takes a while: ask for it where no event loop runs yet, as ``from virtinformer import
connect`` at the top of a module does.
"""

# What is exported is imported when it is first asked for (PEP 562). Most programs that import
# this package want a name or two, some of them where neither libvirt nor a loop is wanted: a
# model, an exception, `virtinformer.testing`. A public name has a line in `__all__`, one in
# `_HOMES`, and its import for type checkers; tests/test_exports.py sees that they agree.

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._connect import connect
    from ._core.backoff import Backoff
    from ._core.histogram import Histogram
    from ._core.model import (
        Added,
        Deleted,
        DeletionReason,
        DeltaSource,
        Domain,
        DomainEvent,
        Synced,
        Updated,
    )
    from ._core.store import Snapshot
    from ._core.vocabulary import (
        CrashedReason,
        DomainState,
        PausedReason,
        RunningReason,
        ShutdownReason,
        ShutoffReason,
        StateReason,
    )
    from ._core.workqueue import QueueStatistics, WorkQueue
    from .controller import Controller, ControllerStatistics
    from .exceptions import (
        ConnectError,
        EventLoopError,
        NotSynced,
        ReadError,
        VersionExpired,
        VirtInformerError,
    )
    from .handlers import Registration
    from .health import Health, Statistics, SubscriberQueue
    from .informer import DomainInformer
    from .streams import DeltaStream, EventStream
    from .workers import Result

__version__ = "0.1.0"

__all__ = [
    "Added",
    "Backoff",
    "ConnectError",
    "Controller",
    "ControllerStatistics",
    "CrashedReason",
    "Deleted",
    "DeletionReason",
    "DeltaSource",
    "DeltaStream",
    "Domain",
    "DomainEvent",
    "DomainInformer",
    "DomainState",
    "EventLoopError",
    "EventStream",
    "Health",
    "Histogram",
    "NotSynced",
    "PausedReason",
    "QueueStatistics",
    "ReadError",
    "Registration",
    "Result",
    "RunningReason",
    "ShutdownReason",
    "ShutoffReason",
    "Snapshot",
    "StateReason",
    "Statistics",
    "SubscriberQueue",
    "Synced",
    "Updated",
    "VersionExpired",
    "VirtInformerError",
    "WorkQueue",
    "connect",
]

_HOMES = {
    "Added": "_core.model",
    "Backoff": "_core.backoff",
    "ConnectError": "exceptions",
    "Controller": "controller",
    "ControllerStatistics": "controller",
    "CrashedReason": "_core.vocabulary",
    "Deleted": "_core.model",
    "DeletionReason": "_core.model",
    "DeltaSource": "_core.model",
    "DeltaStream": "streams",
    "Domain": "_core.model",
    "DomainEvent": "_core.model",
    "DomainInformer": "informer",
    "DomainState": "_core.vocabulary",
    "EventLoopError": "exceptions",
    "EventStream": "streams",
    "Health": "health",
    "Histogram": "_core.histogram",
    "NotSynced": "exceptions",
    "PausedReason": "_core.vocabulary",
    "QueueStatistics": "_core.workqueue",
    "ReadError": "exceptions",
    "Registration": "handlers",
    "Result": "workers",
    "RunningReason": "_core.vocabulary",
    "ShutdownReason": "_core.vocabulary",
    "ShutoffReason": "_core.vocabulary",
    "Snapshot": "_core.store",
    "StateReason": "_core.vocabulary",
    "Statistics": "health",
    "SubscriberQueue": "health",
    "Synced": "_core.model",
    "Updated": "_core.model",
    "VersionExpired": "exceptions",
    "VirtInformerError": "exceptions",
    "WorkQueue": "_core.workqueue",
    "connect": "_connect",
}
"""The module that each public name comes from."""

if not TYPE_CHECKING:  # a checker would believe that there is any name at all

    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name in _HOMES:
            value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
            globals()[name] = value
            return value
        if not name.startswith("_"):
            module = f"{__name__}.{name}"
            try:
                return import_module(module)
            except ModuleNotFoundError as error:
                if error.name != module:
                    raise
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})

"""virtinformer: libvirt's domains and their events, versioned and in order.

``connect()`` gives a `DomainInformer`: a store of all domains of a host that is
kept current, with one strictly increasing version over all domains and events.
"""

from __future__ import annotations

import logging

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
from .health import Health, Statistics
from .informer import DomainInformer
from .streams import DeltaStream, EventStream
from .workers import Result

__version__ = "0.1.0"

# Where a program has not set up logging, nothing is to appear on its standard error.
logging.getLogger("virtinformer").addHandler(logging.NullHandler())

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
    "Synced",
    "Updated",
    "VersionExpired",
    "VirtInformerError",
    "WorkQueue",
    "connect",
]

"""virtinformer: libvirt's domains and their events, versioned and in order.

``connect()`` gives a `DomainInformer`: a store of all domains of a host that is
kept current, with one strictly increasing version over all domains and events.
"""

from __future__ import annotations

import logging

from ._connect import connect
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

__version__ = "0.1.0"

# Where a program has not set up logging, nothing is to appear on its standard error.
logging.getLogger("virtinformer").addHandler(logging.NullHandler())

__all__ = [
    "Added",
    "ConnectError",
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
    "NotSynced",
    "PausedReason",
    "ReadError",
    "Registration",
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
    "connect",
]

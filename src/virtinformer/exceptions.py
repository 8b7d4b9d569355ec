"""What the library raises.

Every fault that a caller can meet is one of these; where libvirt reported it,
the ``libvirtError`` is its ``__cause__``. The message says what to do about it::

    VirtInformerError
    ├── ConnectError      no connection could be made, or is allowed
    ├── EventLoopError    the wrong event loop: libvirt's, or asyncio's
    ├── NotSynced         the informer is not open yet, or no longer
    ├── PredicateError    a predicate cannot be made of what was given
    ├── ReadError         the host would not say; the state is unknown, not gone
    └── VersionExpired    the history does not reach back to that version
"""

from __future__ import annotations

__all__ = [
    "ConnectError",
    "EventLoopError",
    "NotSynced",
    "PredicateError",
    "ReadError",
    "VersionExpired",
    "VirtInformerError",
]


class VirtInformerError(Exception):
    """The root of all exceptions of this library."""


class ConnectError(VirtInformerError):
    """A host cannot be connected to: a bad URI, a refused socket, a missing permission.

    Attributes:
        permanent: whether trying again cannot mend it.
    """

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


class EventLoopError(VirtInformerError):
    """An event loop is missing or belongs to somebody else.

    Either libvirt's (another implementation was registered first, so that
    events would never arrive) or asyncio's (no loop runs, or not the one on
    which the informer was opened).
    """


class NotSynced(VirtInformerError):
    """The informer holds no state to speak of: it is not open yet, or already closed."""


class PredicateError(VirtInformerError, ValueError):
    """A predicate cannot be made of what was given: no such key, state or field, a missing quote.

    The message names the part, and what would be possible.
    """


class ReadError(VirtInformerError):
    """The host did not answer a read within a bound of tries: *unknown*, never *gone*."""


class VersionExpired(VirtInformerError):
    """The history does not hold everything after the version that was asked for.

    List again (``snapshot()``, or ``watch()`` without ``since``) and go on from
    there; Kubernetes answers the same situation with *410 Gone*.
    """

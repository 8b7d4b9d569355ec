"""Where informer and libvirt are joined."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from ._core.model import Domain
from ._core.store import Indexer
from ._libvirt import LibvirtSource
from .informer import DomainInformer

__all__ = ["connect"]


def connect(
    uri: str,
    *,
    resync_period: float | None = 60.0,
    reorder_window: float = 0.1,
    read_only: bool = False,
    indexers: Mapping[str, Indexer] | None = None,
    transform: Callable[[Domain], Domain] | None = None,
    event_ids: Collection[int] | None = None,
    history: int = 1024,
    connect_timeout: float = 30.0,
    keepalive: tuple[float, int] | None = (5.0, 3),
    auth: Callable[[str, str, str | None], str | None] | None = None,
) -> DomainInformer:
    """An informer of the host that a libvirt URI names, to be opened with ``async with``.

    Args:
        uri: such as ``qemu:///system`` (https://libvirt.org/uri.html).
        resync_period: seconds in which every domain is read again, so that
            changes of which libvirt tells nothing are found; ``None`` for never.
        reorder_window: seconds for which an event may wait for its predecessor.
        read_only: open a connection that cannot change anything.
        indexers: name → function that names the values to find a domain by.
        transform: applied to every domain before it is stored.
        event_ids: libvirt's event ids to register for; ``None`` for all that the
            host knows. Life-cycle events are always among them.
        history: how many changes are kept for ``since=``.
        connect_timeout: seconds to wait for a host that is not up yet. One that is
            up and only slow is waited for longer, as long as it answers now and then.
        keepalive: seconds between two probes, and how many of them may go
            unanswered before the connection is given up; ``None`` for no probes.
        auth: asked for credentials: ``auth(kind, prompt, default)`` with a kind
            such as ``"username"`` or ``"passphrase"``; ``None`` refuses. It
            runs in a thread of its own.

    Raises:
        ValueError: if an option makes no sense.
        ConnectError: from ``async with``, at once for what trying again cannot mend, and after
            `connect_timeout` for the rest.
        EventLoopError: from ``async with``, if libvirt's event loop belongs to somebody else.
    """
    source = LibvirtSource(
        uri, read_only=read_only, event_ids=event_ids, keepalive=keepalive, auth=auth
    )
    return DomainInformer(
        source,
        resync_period=resync_period,
        reorder_window=reorder_window,
        indexers=indexers,
        transform=transform,
        history=history,
        connect_timeout=connect_timeout,
    )

"""What an informer shows of itself, read off its parts.

Nothing is measured here: the parts count what they do anyway. A reading puts
together what they have at that moment, as a value that a program can keep.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ._core.reflector import Reflector
from ._core.store import Store
from .containment import Containment
from .health import Health, Statistics
from .runner import Runner
from .subscribers import Subscribers

__all__ = ["Instruments"]


class Instruments:
    """Reads off the parts of one informer.

    Promise: a reading changes nothing, and can be taken from any thread, before
    the informer is opened and after it was closed, too.
    """

    def __init__(
        self,
        store: Store,
        reflector: Reflector,
        subscribers: Subscribers,
        containment: Containment,
    ) -> None:
        self._store = store
        self._reflector = reflector
        self._subscribers = subscribers
        self._containment = containment

    def health(self, runner: Runner | None, now: float) -> Health:
        """Whether the state is current.

        Args:
            runner: what keeps it so; ``None`` before the informer is opened and once it is closed.
            now: seconds, on the clock of the loop.
        """
        reflector = self._reflector
        contact = reflector.last_contact
        quiet = now - contact if contact is not None else 0.0
        connected = runner is not None and reflector.connected
        return Health(
            connected=connected,
            synced=runner is not None and reflector.synced,
            epoch=reflector.epoch,
            last_contact=None if contact is None else datetime.now(UTC) - timedelta(seconds=quiet),
            staleness=runner.silence if runner and connected else quiet,
            last_error=reflector.last_error,
            reconnects=max(0, reflector.connections - 1),
        )

    def statistics(self) -> Statistics:
        """What was counted since the informer was opened, and sizes now."""
        counters = self._reflector.counters
        queues = self._subscribers.queues
        return Statistics(
            domains=len(self._store),
            resource_version=self._store.resource_version,
            events_received=counters.events_received,
            events_delivered=counters.events_told,
            events_inferred=counters.events_inferred,
            events_superseded=counters.events_superseded,
            reads=counters.reads,
            reads_raced=counters.reads_raced,
            reads_torn=counters.reads_torn,
            read_errors=counters.read_errors,
            lists=counters.lists,
            list_errors=counters.list_errors,
            deltas=dict(counters.deltas),
            subscribers=sum(queue.subscribers for queue in queues),
            queued=sum(queue.queued for queue in queues),
            handler_errors=self._subscribers.handler_errors,
            callable_errors=self._containment.errors,
            lookups_repeated=counters.lookups_repeated,
            read_time=counters.read_time.histogram,
            list_time=counters.list_time.histogram,
            deltas_by_type=dict(counters.delta_types),
            events_by_type=dict(counters.event_types),
            queues=queues,
        )

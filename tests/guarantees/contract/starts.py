"""Where the walks of one who hears events begin.

A subscriber begins with what can be read, and hears the events that are told after it. What
can be read may be ahead of what was told: it was stored at once, and its events are expected
still. Or it may be behind: the host would not say, and the events were told without. In
either case it does not show where the walk of that domain begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import virtinformer as vi
from tests.guarantees.contract.evidence import beginning, views
from tests.guarantees.contract.lifemap import NOWHERE, UNKNOWN, Place, place_of
from tests.guarantees.history import History, Line, Subscribed, Told
from virtinformer._core.messages import EventReceived, Gone, Observed
from virtinformer._core.model import Observation

__all__ = ["Starts"]


class Starts:
    """The places from which one subscriber hears of each domain.

    Attributes:
        line: where what it begins with could be read.
        known: the domains that were there.
    """

    def __init__(self, history: History, line: Line, view: vi.Snapshot) -> None:
        self.line = line
        self.known = frozenset(view)
        self._view = view
        first = next(views(history))[1].resource_version == view.resource_version
        self._unknown = {uuid for uuid, domain in view.items() if not domain.settled}
        self._unknown |= set(_told_unread(history, line, view))
        # Where the first list finds a domain is where its walk begins.
        self._unknown |= {u for u in _stirred(history, line) if not (first and u in view)}

    @classmethod
    def of(cls, history: History, fact: Subscribed) -> Starts | None:
        """Those of a subscriber; ``None`` if the history does not show what it began with."""
        begun = beginning(history, fact)
        return None if begun is None else cls(history, *begun)

    def place(self, uuid: UUID) -> Place:
        """Where a domain is, as far as was told."""
        if uuid in self._unknown:
            return (UNKNOWN, None)
        domain = self._view.get(uuid)
        return NOWHERE if domain is None else place_of(domain)


def _stirred(history: History, line: Line) -> Iterator[UUID]:
    """The domains of which something came lately: what it means may be told later."""
    # An event is held for a window, and one that should follow it is expected for another.
    lately = line.time - 2 * history.options["reorder_window"]
    for told, fact in history.of(Told):
        said = fact.input
        if told.number > line.number:
            return
        if isinstance(said, EventReceived | Observed) and told.time >= lately:
            yield said.uuid


def _told_unread(history: History, line: Line, view: vi.Snapshot) -> Iterator[UUID]:
    """The domains that are not there, and of which events came that no read has answered."""
    read = {
        observed.uuid: observed.began
        for told, observed in history.told(Observed)
        if told.number <= line.number and isinstance(observed.result, Observation | Gone)
    }
    for told, event in history.told(EventReceived):
        unread = event.stamp > read.get(event.uuid, 0)
        if told.number <= line.number and event.uuid not in view and unread:
            yield event.uuid

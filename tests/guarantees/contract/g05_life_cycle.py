"""G5 Life cycle in order: the events of a domain are a walk in the documented life cycle.

Read from what subscribers to events were given; the map is `lifemap`. Where the history knows
the source: each event that is not marked as inferred is one that libvirt sent. How long events
are held is judged in made-up time, in `delays`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from uuid import UUID

import virtinformer as vi
from tests.guarantees.contract.delays import none_is_held_too_long
from tests.guarantees.contract.evidence import EventKey, given_to, key_of
from tests.guarantees.contract.lifemap import UNKNOWN, Place, place_of, settled, step
from tests.guarantees.contract.starts import Starts
from tests.guarantees.history import (
    AtRest,
    History,
    Item,
    Line,
    Subscribed,
    Told,
    Violation,
)
from virtinformer._core.messages import EventReceived

__all__ = ["Walk", "life_cycle"]


def life_cycle(history: History) -> None:
    """Check G5."""
    sent = _sent(history)
    for subscribed, fact in history.subscriptions("events", "handler"):
        given = [
            (line, item)
            for line, item in given_to(history, subscribed.who)
            if isinstance(item, vi.DomainEvent)
        ]
        if any(True for _ in history.of(Told)):
            _none_is_made_up(sent, given)
        if fact.kind == "events" and fact.where is None:
            walks = _walk(history, fact, given)
            _ends_at_the_truth(history, subscribed, walks)
    if history.virtual:
        none_is_held_too_long(history)


class Walk:
    """Follows the life-cycle events of one domain from where it was."""

    def __init__(self, place: Place, start: Line) -> None:
        self._place = place
        self._begun = False
        self.lines = [start]

    def step(self, line: Line, event: vi.DomainEvent) -> None:
        """Take a step, if it can be taken from here."""
        self.lines.append(line)
        after = step(self._place, event.type)
        if after is None and not self._begun:
            # What was stored for somebody who could not wait, its events tell afterwards.
            after = step((UNKNOWN, None), event.type)
        self._begun = self._begun or after != self._place
        if after is None:
            text = f"{event.domain_name} cannot be {event.type}: it is {self._place}"
            raise Violation("G5", text, *self.lines[:1], *self.lines[-6:])
        self._place = after

    @property
    def place(self) -> Place:
        """Where the steps have led. One that was started and no more is running."""
        return settled(self._place)


Given = list[tuple[Line, vi.DomainEvent]]


def _walk(history: History, fact: Subscribed, given: Given) -> dict[UUID, Walk]:
    """The walks of one subscriber; none if it is not known where they began."""
    starts = Starts.of(history, fact)
    if starts is None:
        return {}
    walks = {uuid: Walk(starts.place(uuid), starts.line) for uuid in starts.known}
    for at, event in given:
        uuid = event.domain_id
        walks.setdefault(uuid, Walk(starts.place(uuid), starts.line)).step(at, event)
    return walks


def _ends_at_the_truth(history: History, subscribed: Line, walks: dict[UUID, Walk]) -> None:
    """At rest the steps have led to where the domain is."""
    last = history.by(subscribed.who)[-1]
    for line, rest in history.of(AtRest):
        fact = last.fact
        if last.number < line.number or not getattr(fact, "drained", False):
            continue  # it left before, or did not read to the end
        for uuid, walk in walks.items():
            if not _agree(walk.place, place_of(rest.view.get(uuid))):
                text = f"the events lead to {walk.place}, and it is at another place"
                raise Violation("G5", text, *walk.lines[:1], *walk.lines[-6:], line)


def _agree(told: Place, seen: Place) -> bool:
    return UNKNOWN in (told[0], seen[0]) or told in (seen, (seen[0], None))


# ---------------------------------------------------------------------- what was sent


def _sent(history: History) -> Counter[EventKey]:
    sent: Counter[EventKey] = Counter()
    for _, event in history.told(EventReceived):
        sent[key_of(event)] += 1
    return sent


def _none_is_made_up(sent: Counter[EventKey], given: Iterable[tuple[Line, Item]]) -> None:
    """Each event that is not marked as inferred was sent, and is given once."""
    left = sent.copy()
    for line, event in given:
        assert isinstance(event, vi.DomainEvent)
        key = (event.domain_id, event.timestamp, event.type, event.reason)
        if event.inferred:
            continue
        if not left[key]:
            raise Violation("G5", f"{event.type} was never sent, or is given twice", line)
        left[key] -= 1

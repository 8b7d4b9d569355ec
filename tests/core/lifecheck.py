"""A second opinion on the life cycle, written down from libvirt's documentation.

https://wiki.libvirt.org/VM_lifecycle.html: a domain is undefined, defined,
running, paused, saved, shut off. It shares nothing with
`virtinformer._core.position` and `lifecycle`: it takes the events as subscribers
get them, by their words, and knows all places where a domain may be after them.
"""

from __future__ import annotations

from typing import Any, Final

from virtinformer._core.model import DomainEvent
from virtinformer._core.vocabulary import DomainState, PausedReason

__all__ = ["Walk", "places_of"]

Place = tuple[str, bool]
"""What the guest does, and whether there is a configuration."""

ALIVE: Final = ("starting", "running", "paused", "asleep", "stopping", "crashed")
NOWHERE: Final[Place] = ("off", False)

MOVES: Final[dict[str, dict[str, str]]] = {
    "Started": {"off": "starting"},
    "Resumed": dict.fromkeys(("starting", "paused", "asleep", "stopping"), "running"),
    "Suspended": dict.fromkeys(("starting", "running", "stopping"), "paused"),
    "PMSuspended": dict.fromkeys(("starting", "running"), "asleep"),
    "Shutdown": dict.fromkeys(("starting", "running", "paused", "asleep", "crashed"), "stopping"),
    "Crashed": dict.fromkeys(("starting", "running", "paused", "stopping"), "crashed"),
    "Stopped": dict.fromkeys(ALIVE, "off"),
}

STATES: Final[dict[DomainState, tuple[str, ...]]] = {
    DomainState.RUNNING: ("running", "starting"),
    DomainState.BLOCKED: ("running", "starting"),
    DomainState.PAUSED: ("paused",),
    DomainState.SHUTDOWN: ("stopping",),
    DomainState.SHUTOFF: ("off",),
    DomainState.CRASHED: ("crashed",),
    DomainState.PMSUSPENDED: ("asleep",),
}


def places_of(seen: Any) -> frozenset[Place]:
    """Where a domain may be that is seen so; ``None`` stands for one that is gone."""
    if seen is None:
        return frozenset({NOWHERE})
    runs = STATES.get(seen.state, ("off", *ALIVE))
    if seen.reason is PausedReason.STARTING_UP:
        runs = ("off", *ALIVE)
    return frozenset((run, seen.persistent) for run in runs)


class Walk:
    """Where the events of one domain have led."""

    def __init__(self, places: frozenset[Place] = frozenset({NOWHERE})) -> None:
        self.places = places
        self.told: list[str] = []

    def allows(self, type_: str, reason: str) -> bool:
        return bool(self.after(type_, reason))

    def surely_allows(self, type_: str, reason: str) -> bool:
        """Whether the event is in order wherever the domain may be."""
        return all(_moves(place, type_, reason) for place in self.places)

    def step(self, event: DomainEvent) -> None:
        after = self.after(event.type, event.reason)
        assert after, f"{event.type}({event.reason}) after {self.told} at {self.places}"
        self.places = after
        self.told.append(event.type + "*" * event.inferred)

    def agrees(self, seen: Any) -> bool:
        return bool(self.places & places_of(seen))

    def after(self, type_: str, reason: str) -> frozenset[Place]:
        return frozenset(to for place in self.places for to in _moves(place, type_, reason))


def _moves(place: Place, type_: str, reason: str) -> list[Place]:
    run, persistent = place
    if type_ == "Defined":
        return [(run, True)]
    if type_ == "Undefined":
        return [(run, False)] if persistent else []
    if type_ == "Started" and reason == "Wakeup" and run == "asleep":
        return [("running", persistent)]
    # Post-copy, migration: the guest goes on doing what it does, for another reason.
    if type_ == "Resumed" and run == "running" and reason not in ("", "Unpaused"):
        return [place]
    if type_ == "Suspended" and run == "paused" and reason not in ("", "Paused"):
        return [place]
    if type_ not in MOVES:
        return [place]
    to = MOVES[type_].get(run)
    return [] if to is None else [(to, persistent)]

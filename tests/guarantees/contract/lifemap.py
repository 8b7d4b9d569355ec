"""The life cycle of a guest, as the tests know it: https://wiki.libvirt.org/VM_lifecycle.html.

It shares nothing with the table of the library, which it is there to judge.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import virtinformer as vi

__all__ = ["NOWHERE", "Place", "place_of", "settled", "step"]

Place = tuple[str, bool | None]
"""What a domain does (``"off"``, ``"running"``, …), and whether it is persistent, if known."""

ALIVE: Final = ("starting", "running", "paused", "asleep", "stopping", "crashed")

MOVES: Final[Mapping[str, Mapping[str, str]]] = {
    "Started": {"off": "starting", "asleep": "running"},
    "Resumed": dict.fromkeys(("starting", "running", "paused", "asleep", "stopping"), "running"),
    "Suspended": dict.fromkeys(("starting", "running", "paused", "stopping"), "paused"),
    "PMSuspended": dict.fromkeys(("starting", "running"), "asleep"),
    "Shutdown": dict.fromkeys(("starting", "running", "paused", "asleep", "crashed"), "stopping"),
    "Crashed": dict.fromkeys(("starting", "running", "paused", "stopping"), "crashed"),
    "Stopped": dict.fromkeys(ALIVE, "off"),
}
"""Event → from → to."""

PLACES: Final = {
    vi.DomainState.RUNNING: "running",
    vi.DomainState.BLOCKED: "running",
    vi.DomainState.PAUSED: "paused",
    vi.DomainState.SHUTDOWN: "stopping",
    vi.DomainState.SHUTOFF: "off",
    vi.DomainState.CRASHED: "crashed",
    vi.DomainState.PMSUSPENDED: "asleep",
}

UNKNOWN: Final = "in an unknown state"

NOWHERE: Final[Place] = ("off", False)


def place_of(domain: Any) -> Place:
    """Where a domain is that is seen so; of ``None``, nowhere."""
    if domain is None:
        return NOWHERE
    if domain.reason is vi.PausedReason.STARTING_UP:
        # QEMU, while libvirt starts it: its Started may be to come, or told already.
        return (UNKNOWN, domain.persistent)
    # A state of a newer libvirt: no walk leads to it, and any step leads on from it.
    return (PLACES.get(domain.state, UNKNOWN), domain.persistent)


def step(place: Place, type_: str) -> Place | None:
    """Where an event leads from a place; ``None`` if it cannot be taken from there."""
    run, persistent = place
    if type_ == "Defined":
        return (run, True)
    if type_ == "Undefined":
        return None if persistent is False else (run, False)
    if type_ not in MOVES:
        return place
    to = next(iter(MOVES[type_].values())) if run == UNKNOWN else MOVES[type_].get(run)
    return None if to is None else (to, persistent)


def settled(place: Place) -> Place:
    """One that was started, and no more is told, is running."""
    run, persistent = place
    return ("running" if run == "starting" else run, persistent)

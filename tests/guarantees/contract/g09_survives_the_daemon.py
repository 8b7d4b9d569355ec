"""G9 Survives the daemon: it is away, and that is all that changes.

Read from the requests and replies of the source, the health, and the deltas after a
reconnect. How long it waits before it tries again is checked in made-up time.
"""

from __future__ import annotations

from typing import Final

import virtinformer as vi
from tests.guarantees.contract.evidence import given_to
from tests.guarantees.history import Asked, History, Line, Looked, Told, Violation
from virtinformer._core.messages import Connect, Connected, ConnectFailed, Disconnect, Disconnected

__all__ = ["survives_the_daemon"]

FIRST: Final = 0.1
"""Seconds before the first new attempt, at the most …"""

LONGEST: Final = 30.0
"""… and before any."""

SLACK: Final = 1e-3

REAL_SLACK: Final = 0.5
"""Seconds, of a clock that goes on while what was told is worked off."""


def survives_the_daemon(history: History) -> None:
    """Check G9."""
    _numbers_its_connections(history)
    _says_so(history)
    _delivers_differences(history)
    if history.virtual:
        _backs_off(history)


def _numbers_its_connections(history: History) -> None:
    last = 0
    for line, asked in history.of(Asked):
        if isinstance(asked.request, Connect):
            if asked.request.epoch <= last:
                raise Violation("G9", f"connection {last} is not the last any more", line)
            last = asked.request.epoch


def _says_so(history: History) -> None:
    """The health tells whether there is a connection, once the news of it was worked off."""
    open_, since, epoch = False, history.lines[0] if history.lines else None, 0
    for line in history.lines:
        fact = line.fact
        if isinstance(fact, Told) and isinstance(
            fact.input, Connected | Disconnected | ConnectFailed
        ):
            if fact.input.epoch >= epoch:
                open_, since, epoch = isinstance(fact.input, Connected), line, fact.input.epoch
        elif isinstance(fact, Looked) and since is not None:
            _agrees(open_, since, line, fact, SLACK if history.virtual else REAL_SLACK)


def _agrees(open_: bool, since: Line, line: Line, looked: Looked, slack: float) -> None:
    health = looked.health
    # In the same moment it may not have been worked off yet.
    if line.time > since.time and health.connected and not open_:
        raise Violation("G9", "the health says connected, and it is not", since, line)
    if health.synced and not health.connected:
        raise Violation("G9", "synced, without a connection", line)
    silent = line.time - since.time
    if not health.connected and health.staleness < silent - slack and not open_:
        text = f"silent for {silent:.3f} s, and the health says less"
        raise Violation("G9", text, since, line)


def _delivers_differences(history: History) -> None:
    """A delta of a relist tells of something that is different, or of an event."""
    for subscribed, fact in history.subscriptions("deltas"):
        if fact.where is not None or not fact.prompt:
            continue  # folded, it may come to nothing
        for line, item in given_to(history, subscribed.who):
            if not isinstance(item, vi.Updated) or item.events or item.changed:
                continue
            if item.domain.resource_version - item.old.resource_version == 1 and _alike(item):
                raise Violation("G9", f"nothing is new of {item.domain.name}", line)


def _alike(item: vi.Updated) -> bool:
    return item.old.settled == item.domain.settled


def _backs_off(history: History) -> None:
    """Twice as long each time, less a random part of up to a half, and never too long."""
    tries, epoch = 0, 0
    failed: Line | None = None
    for line in history.lines:
        fact = line.fact
        if isinstance(fact, Told) and isinstance(fact.input, ConnectFailed | Disconnected):
            # One of an older connection comes late, or once more, and means nothing.
            failed = line if fact.input.epoch == epoch else failed
        elif isinstance(fact, Asked) and isinstance(fact.request, Disconnect):
            epoch = 0
        elif isinstance(fact, Asked) and isinstance(fact.request, Connect):
            epoch = fact.request.epoch
            if failed is None:
                continue
            tries = tries + 1 if isinstance(failed.fact.input, ConnectFailed) else 0
            _waited(failed, line, tries)
            failed = None


def _waited(failed: Line, line: Line, tries: int) -> None:
    waited = line.time - failed.time
    least = min(FIRST * 2.0 ** max(tries - 1, 0), LONGEST) / 2
    if not least - SLACK <= waited <= LONGEST + SLACK:
        text = f"tried again after {waited:.3f} s, not after {least:.3f} to {LONGEST:.3f} s"
        raise Violation("G9", text, failed, line)

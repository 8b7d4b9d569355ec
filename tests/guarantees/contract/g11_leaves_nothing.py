"""G11 Leaves nothing behind: when it is closed it is over.

Read from what comes after the informer was closed, how long that took, and from a count of
what was left. Streams still give what waits in them; nobody is asked, called or answered.
"""

from __future__ import annotations

from typing import Final

from tests.guarantees.history import (
    Asked,
    Called,
    Closed,
    Had,
    History,
    Left,
    Line,
    Told,
    Violation,
)

__all__ = ["leaves_nothing"]

PATIENCE: Final = 10.0
"""Seconds that leaving may take: a handler that does not let itself be cancelled has five."""


def leaves_nothing(history: History) -> None:
    """Check G11."""
    closed: Line | None = None
    for line in history.lines:
        fact = line.fact
        if isinstance(fact, Closed):
            closed = line
            if fact.seconds > PATIENCE:
                raise Violation("G11", f"closing took {fact.seconds:.1f} s", line)
        elif closed is not None:
            _is_over(closed, line)
        if isinstance(fact, Left) and any(fact.counts.values()):
            raise Violation("G11", "something is left", line)


def _is_over(closed: Line, line: Line) -> None:
    fact = line.fact
    if isinstance(fact, Told | Asked | Called):
        raise Violation("G11", "closed, and it goes on", closed, line)
    if isinstance(fact, Had) and fact.error is None:
        raise Violation("G11", "closed, and somebody is answered", closed, line)

"""G1 Versioned: one counter of integers, by which anything is older or newer than anything else.

Read from all that anybody was given: domains, deltas, events, snapshots.
"""

from __future__ import annotations

from tests.guarantees.history import History

__all__ = ["versioned"]


def versioned(history: History) -> None:
    """Check G1."""

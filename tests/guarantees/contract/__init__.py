"""The guarantees, each as a function that reads a history and finds where it is broken.

A validator knows nothing but the `History`: no seed, no script, no library. It raises
the first `Violation` it finds, with the lines that prove it, and returns if there is
none. What a history does not tell (a run on a real host does not say what was true at
each moment; peers of another make have no source) a validator leaves out; what it needs
at least stands at the head of its module.

The idea is that of etcd's robustness tests: record everything, break everything, and let
small independent judges read the record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from tests.guarantees.contract.g01_versioned import versioned
from tests.guarantees.history import History, Violation

__all__ = ["VALIDATORS", "Validator", "check", "violations"]

Validator = Callable[[History], None]

VALIDATORS: Final[dict[str, Validator]] = {
    "G1": versioned,
}
"""Promise → who judges it."""


def violations(history: History, promises: Iterable[str] = tuple(VALIDATORS)) -> list[Violation]:
    """The first violation of each promise that is broken."""
    found = []
    for promise in promises:
        try:
            VALIDATORS[promise](history)
        except Violation as violation:
            found.append(violation)
    return found


def check(history: History, promises: Iterable[str] = tuple(VALIDATORS)) -> None:
    """Let every validator read a history.

    Raises:
        Violation: the one that needs the fewest lines of history to be seen.
    """
    found = violations(history, promises)
    if found:
        raise min(found, key=lambda violation: max((n.number for n in violation.lines), default=0))

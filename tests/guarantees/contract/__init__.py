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
from tests.guarantees.contract.g02_never_backwards import never_backwards
from tests.guarantees.contract.g03_whole_picture import whole_picture
from tests.guarantees.contract.g04_no_gap import no_gap
from tests.guarantees.contract.g05_life_cycle import life_cycle
from tests.guarantees.contract.g06_subscribers import subscribers
from tests.guarantees.contract.g07_read_your_writes import read_your_writes
from tests.guarantees.contract.g08_silent_changes import silent_changes
from tests.guarantees.contract.g09_survives_the_daemon import survives_the_daemon
from tests.guarantees.contract.g10_handlers import handlers
from tests.guarantees.contract.g11_leaves_nothing import leaves_nothing
from tests.guarantees.contract.g12_fails_clearly import fails_clearly
from tests.guarantees.history import History, Violation

__all__ = ["VALIDATORS", "Validator", "check", "violations"]

Validator = Callable[[History], None]

VALIDATORS: Final[dict[str, Validator]] = {
    "G1": versioned,
    "G2": never_backwards,
    "G3": whole_picture,
    "G4": no_gap,
    "G5": life_cycle,
    "G6": subscribers,
    "G7": read_your_writes,
    "G8": silent_changes,
    "G9": survives_the_daemon,
    "G10": handlers,
    "G11": leaves_nothing,
    "G12": fails_clearly,
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

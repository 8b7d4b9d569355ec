"""Says what is wrong with a run, if anything is.

A run is judged by the validators of the guarantees, and by three rules of its own: it comes
to its end, nobody meets an exception that no user has to expect, and the library never logs
a fault of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from traceback import format_exception

import attrs

from tests.guarantees.contract import violations
from tests.guarantees.history import History, Logged
from tests.simulation.coverage import Coverage
from tests.simulation.play import Played, play
from tests.simulation.script import Script

__all__ = ["Failure", "Verdict", "fails_like", "judge"]


@attrs.frozen
class Failure:
    """What is wrong.

    Attributes:
        kind: the promise that was broken (``"G4"``), or the type of an exception.
        text: all that is known.
    """

    kind: str
    text: str

    def __str__(self) -> str:
        return self.text


@attrs.frozen
class Verdict:
    """What came of a script, and what is wrong with it.

    Attributes:
        failures: of different kinds; empty if nothing is wrong.
        coverage: what was reached.
        history: ``None`` if the run did not come to its end.
    """

    failures: tuple[Failure, ...]
    coverage: Coverage
    history: History | None = None


def judge(script: Script) -> Verdict:
    """Play a script and say what is wrong."""
    try:
        played = play(script)
    except Exception as error:  # noqa: BLE001 - whatever ended the run is what is wrong
        return Verdict((_failure(error),), Coverage())
    failures = [*_broken(played), *_own_rules(played)]
    return Verdict(tuple(failures), played.coverage, played.history)


def fails_like(failures: Iterable[Failure]) -> Callable[[Script], bool]:
    """Whether a script fails in one of these ways."""
    kinds = {failure.kind for failure in failures}
    return lambda script: any(failure.kind in kinds for failure in judge(script).failures)


def _broken(played: Played) -> list[Failure]:
    try:
        found = violations(played.history)
    except Exception as error:  # noqa: BLE001 - a validator that fails has not judged
        return [_failure(error)]
    return [Failure(violation.promise, str(violation)) for violation in found]


def _own_rules(played: Played) -> list[Failure]:
    failures = [_failure(error) for error in played.unexpected]
    for line, logged in played.history.of(Logged):
        if logged.level in ("ERROR", "CRITICAL") and "of handler" not in logged.text:
            failures.append(Failure("logged", str(line)))
    return failures


def _failure(error: BaseException) -> Failure:
    return Failure(type(error).__name__, "".join(format_exception(error)))

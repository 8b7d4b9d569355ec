"""Makes a script that fails short, so that a person can see why.

First whole stretches of steps are left out, then single ones, as long as what is left fails
in the same way (Zeller's ddmin); then options and arguments become the default, one by one;
and again, until nothing more can go. What fails differently is another failure, and no
progress.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import attrs

from tests.simulation.script import Script, Step
from tests.simulation.verdict import Failure

__all__ = ["as_test", "shrink"]

TRIES = 1500
"""How often it is tried, at the most."""


def shrink(script: Script, fails: Callable[[Script], bool], tries: int = TRIES) -> Script:
    """The shortest script to be found that still fails.

    Args:
        script: one that fails.
        fails: whether a script fails in the same way.
        tries: how often that may be asked.
    """
    return _Shrinker(script, fails, tries).shrink()


class _Shrinker:
    def __init__(self, script: Script, fails: Callable[[Script], bool], tries: int) -> None:
        self._best = script
        self._fails = fails
        self._left = tries

    def shrink(self) -> Script:
        before = None
        while before != self._best and self._left > 0:
            before = self._best
            self._remove_steps()
            self._simplify()
        return self._best

    def _try(self, script: Script) -> bool:
        if self._left <= 0:
            return False
        self._left -= 1
        if not self._fails(script):
            return False
        self._best = script
        return True

    def _remove_steps(self) -> None:
        size = max(1, len(self._best.steps) // 2)
        while size:
            at = 0
            while at < len(self._best.steps):
                steps = self._best.steps
                if not self._try(self._best.with_steps([*steps[:at], *steps[at + size :]])):
                    at += size
            size //= 2

    def _simplify(self) -> None:
        for option in self._best.changed():
            self._try(attrs.evolve(self._best, **{option: getattr(Script(), option)}))
        for at in range(len(self._best.steps)):
            for step in _simpler(self._best.steps[at]):
                steps = self._best.steps
                self._try(self._best.with_steps([*steps[:at], step, *steps[at + 1 :]]))


def _simpler(step: Step) -> Iterator[Step]:
    """The same deed with an option less, or a fault that is certain instead of likely."""
    for name, value in step.options.items():
        yield step.without(name)
        if step.deed == "faults" and isinstance(value, float):
            yield Step(step.at, step.deed, **{**step.options, name: 1.0})


def as_test(script: Script, failures: Sequence[Failure], name: str) -> str:
    """A test, to be pasted into `test_regressions`."""
    kinds = ", ".join(sorted({failure.kind for failure in failures}))
    lines = str(script).splitlines()
    return "\n".join(
        [
            f"def test_{name}() -> None:",
            f"    # Failed by {kinds}.",
            f"    script = {lines[0]}",
            *(f"    {line}" for line in lines[1:]),
            "    assert judge(script).failures == ()",
        ]
    )

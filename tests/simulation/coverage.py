"""Counts what runs reach, and names what no run can reach.

The heart is a table of the reflector's phases and inputs, each pair twice: as a word of the
connection that it has now, and as one of a connection that is over. It is filled by a look
at every input just before the reflector takes it. A pair is reached, or it stands in
`IMPOSSIBLE` with the reason, and a test sees to it that no pair is in neither or in both.

Besides, it counts which faults took effect, what was done to the host, which steps of the
life cycle were told from where to where, and which deltas came of which source.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final, get_args

import attrs

from tests.guarantees.history import History
from tests.guarantees.witness import Walk
from virtinformer._core import messages
from virtinformer._core.messages import Deliver, Effect, Input
from virtinformer._core.model import Change
from virtinformer._core.reflector import Phase, Reflector
from virtinformer.testing import FakeHost

__all__ = ["IMPOSSIBLE", "PAIRS", "Coverage", "Pair", "counting"]

Pair = tuple[Phase, str, bool]
"""The phase before the input, the input, whether it is of a connection that is over."""

INPUTS: Final = [kind.__name__ for kind in get_args(messages.Input)]

_OF_AN_EPOCH: Final = [kind.__name__ for kind in get_args(messages.Input) if hasattr(kind, "epoch")]

PAIRS: Final[list[Pair]] = [
    *((phase, kind, False) for kind in INPUTS for phase in Phase),
    *((phase, kind, True) for kind in _OF_AN_EPOCH for phase in Phase),
]
"""All there are. Start, Tick, Require and Cancel are of no connection."""

_NOT_BEFORE: Final = "nothing was asked of this connection yet, and it is not open"
_ONCE: Final = "it was answered before, and each request is answered once"
_NO_CONNECTION: Final = "the epoch has no connection yet: it is opened when the backoff is over"

IMPOSSIBLE: Final[dict[Pair, str]] = {
    **{
        (phase, "Start", False): "an informer is started once, at first"
        for phase in Phase
        if phase is not Phase.DISCONNECTED
    },
    **{(Phase.BACKOFF, kind, False): _NO_CONNECTION for kind in _OF_AN_EPOCH},
    **{
        (Phase.DISCONNECTED, kind, False): _NOT_BEFORE
        for kind in ("Subscribed", "EventReceived", "Observed", "Listed", "ListFailed")
    },
    **{
        (phase, kind, False): _ONCE
        for phase in (Phase.SUBSCRIBING, Phase.LISTING, Phase.LIVE)
        for kind in ("Connected", "ConnectFailed")
    },
    **{(phase, "Subscribed", False): _ONCE for phase in (Phase.LISTING, Phase.LIVE)},
    **{
        (Phase.SUBSCRIBING, kind, False): "no list is asked for before Subscribed"
        for kind in ("Listed", "ListFailed")
    },
}
"""Pair → why no honest source can bring it about. (What the reflector does with such a pair
all the same, `tests.core.test_reflector` tells.)"""


@attrs.define
class Coverage:
    """Counts of one run, or of many added together.

    Attributes:
        runs: how many.
        pairs: (phase, input, whether of a past connection).
        moves: (phase, what made it change, phase).
        faults: lies that took effect, by the host's own account.
        done, skipped: deeds of scripts, by name.
        steps: (place, event, place), as told; an inferred event has a star.
        deltas: (type, source).
        lines: of history.
    """

    runs: int = 0
    pairs: Counter[Pair] = attrs.field(factory=Counter)
    moves: Counter[tuple[Phase, str, Phase]] = attrs.field(factory=Counter)
    faults: Counter[str] = attrs.field(factory=Counter)
    done: Counter[str] = attrs.field(factory=Counter)
    skipped: Counter[str] = attrs.field(factory=Counter)
    steps: Counter[tuple[str, str, str]] = attrs.field(factory=Counter)
    deltas: Counter[tuple[str, str]] = attrs.field(factory=Counter)
    lines: int = 0
    changes: list[Change] = attrs.field(factory=list)

    def add(self, other: Coverage) -> None:
        """Count another's with one's own."""
        for name in ("pairs", "moves", "faults", "done", "skipped", "steps", "deltas"):
            getattr(self, name).update(getattr(other, name))
        self.runs += other.runs
        self.lines += other.lines

    def take_in(self, host: FakeHost, history: History) -> None:
        """Count what a run leaves to be read afterwards."""
        self.runs += 1
        self.lines += len(history.lines)
        self.faults.update(
            entry.text.partition(":")[0] for entry in host.log if entry.action == "fault"
        )
        walk = Walk()
        for change in self.changes:
            self._take_in(change, walk)
        self.changes.clear()

    def _take_in(self, change: Change, walk: Walk) -> None:
        if change.delta is not None:
            self.deltas[type(change.delta).__name__, change.delta.source.value] += 1
        for event in change.events:
            before = _place(walk, event.domain_id)
            # The rest of the walk is for the validators to judge.
            with contextlib.suppress(AssertionError):
                walk.follow([event])
            star = "*" if event.inferred else ""
            self.steps[before, event.type + star, _place(walk, event.domain_id)] += 1

    @property
    def missing(self) -> list[Pair]:
        """The pairs that were not reached, and are not known to be impossible."""
        return [pair for pair in PAIRS if not self.pairs[pair] and pair not in IMPOSSIBLE]

    @property
    def refuted(self) -> list[Pair]:
        """The pairs that are said to be impossible, and were reached."""
        return [pair for pair in IMPOSSIBLE if self.pairs[pair]]


def _place(walk: Walk, uuid: Any) -> str:
    run, persistent = walk.place(uuid)
    if run == "off" and not persistent:
        return "absent"
    return f"{run}{'' if persistent else ' (transient)'}"


@contextlib.contextmanager
def counting(coverage: Coverage) -> Iterator[None]:
    """While this is entered, every reflector's inputs are counted just before it takes them."""
    original = Reflector.receive

    def receive(self: Reflector, inputs: Iterable[Input], now: float) -> list[Effect]:
        phase = [self.phase]
        effects = original(self, _seen(self, inputs, coverage, phase), now)
        if self.phase is not phase[0]:
            coverage.moves[phase[0], "alarm", self.phase] += 1
        for effect in effects:
            if isinstance(effect, Deliver):
                coverage.changes.append(effect.change)
        return effects

    setattr(Reflector, "receive", receive)  # noqa: B010 - mypy, too, would rather not see it
    try:
        yield
    finally:
        setattr(Reflector, "receive", original)  # noqa: B010


def _seen(
    reflector: Reflector, inputs: Iterable[Input], coverage: Coverage, phase: list[Phase]
) -> Iterator[Input]:
    """The inputs, each counted when the reflector asks for it; `phase` is that after the last."""
    for input_ in inputs:
        before, kind = reflector.phase, type(input_).__name__
        late = getattr(input_, "epoch", reflector.epoch) != reflector.epoch
        coverage.pairs[before, kind, late] += 1
        yield input_
        if reflector.phase is not before:
            coverage.moves[before, kind, reflector.phase] += 1
        phase[0] = reflector.phase

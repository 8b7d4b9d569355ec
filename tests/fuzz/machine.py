"""A host that lives, late, lossy and torn, against the core and all its promises.

The judge is `CoreMachine`, which hypothesis plays elsewhere: it knows the truth
at every moment, and after each step checks every guarantee of the core that can
be checked there. Here atheris plays it, and looks for branches that chance does
not find; and the host says things of which this release has never heard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import attrs

from tests.core.test_machine import PREDICATES, UUIDS, CoreMachine
from virtinformer._core.vocabulary import DomainState, reason_of

from .reader import Reader

__all__ = ["Move", "decode", "run"]

MOVES_AT_MOST: Final = 120

SECONDS: Final = (0.001, 0.01, 0.06, 0.11, 1.0, 10.0, 61.0)
WHERE: Final = tuple(sorted(PREDICATES))


class FuzzedMachine(CoreMachine):
    """The machine, and what only a newer or a broken host says."""

    def novelty(self, domain: int, kind: int, type: int, detail: int, id: int) -> None:
        """An event of which nothing is true, and perhaps nothing known."""
        self.host.emit(UUIDS[domain], type, detail, id=id, kind=kind, name=f"n{domain + 1}")

    def oddity(self, domain: int, state: int, reason: int) -> None:
        """A state that perhaps nobody knows; told to nobody."""
        uuid = UUIDS[domain]
        if uuid in self.host.truth:
            known = DomainState(state)
            self.host.evolve(uuid, state=known, reason=reason_of(known, reason))


@attrs.frozen
class Move:
    """A rule of the machine, and with what."""

    rule: str
    arguments: dict[str, Any] = attrs.field(factory=dict)


def _novelty(reader: Reader) -> dict[str, Any]:
    kind = 0 if reader.flag() else reader.number()
    return {
        "domain": reader.below(3),
        "kind": kind,
        "type": reader.number(),
        "detail": reader.number(),
        "id": reader.pick((-1, -1, 0, 1, 2, 3, 2**31 - 1)),
    }


Decoder = Callable[[Reader], dict[str, Any]]
RULES: Final[dict[str, tuple[Decoder, Callable[[Any], object]]]] = {
    "change": (
        lambda r: {"uuid": r.pick(UUIDS), "choice": r.below(60)},
        lambda m: True,
    ),
    "callback": (
        lambda r: {"index": r.below(3), "eager": r.flag(), "twice": 9 * (r.below(10) == 9)},
        lambda m: m.host.callbacks,
    ),
    "lose_event": (lambda r: {}, lambda m: m.host.callbacks),
    "hear": (lambda r: {"count": 1 + r.below(6)}, lambda m: True),
    "catch_up": (lambda r: {"count": 1 + r.below(3)}, lambda m: True),
    "begin_read": (lambda r: {"index": r.below(6)}, lambda m: m.waiting()),
    "look": (lambda r: {"index": r.below(6)}, lambda m: m.flying()),
    "end_read": (
        lambda r: {"index": r.below(6), "fail": r.below(5)},
        lambda m: m.flying(),
    ),
    "refuse": (lambda r: {"times": 1 + r.below(7)}, lambda m: m.waiting()),
    "begin_list": (
        lambda r: {"without": r.pick((None, None, None, *UUIDS))},
        lambda m: m.host.listing is not None and not m.listing(),
    ),
    "begin_list_read": (lambda r: {}, lambda m: m.listing() and m.host.listing.to_read),
    "end_list": (lambda r: {"fail": r.below(5)}, lambda m: m.listing()),
    "connect": (lambda r: {"fail": r.below(5)}, lambda m: m.host.connecting),
    "disconnect": (lambda r: {"chance": r.below(3)}, lambda m: m.host.epoch is not None),
    "pass_time": (lambda r: {"seconds": r.pick(SECONDS)}, lambda m: True),
    "wake": (lambda r: {}, lambda m: m.reflector.deadline is not None),
    "require": (lambda r: {"uuid": r.pick((None, *UUIDS))}, lambda m: True),
    "cancel": (lambda r: {}, lambda m: m.tokens and m.tokens in m.passes),
    "subscribe": (
        lambda r: {"predicate": r.pick(WHERE), "initial": r.flag()},
        lambda m: len(m.subscribers) < 6,
    ),
    "subscribe_since": (
        lambda r: {"back": r.below(13), "predicate": r.pick(WHERE)},
        lambda m: len(m.subscribers) < 6,
    ),
    "pop": (lambda r: {"index": r.below(6), "count": 1 + r.below(6)}, lambda m: m.subscribers),
    "listen": (lambda r: {"index": r.below(6), "count": 1 + r.below(6)}, lambda m: m.listeners),
    "novelty": (_novelty, lambda m: True),
    "oddity": (
        lambda r: {"domain": r.below(3), "state": r.number(), "reason": r.number()},
        lambda m: True,
    ),
}
"""Name → how its arguments are read, and when it can be played.

A copy of what `CoreMachine` tells hypothesis, whose own form of it is not public."""

ORDER: Final = tuple(RULES)
"""New rules go to the end, or the corpus would mean something else."""


def decode(data: bytes) -> list[Move]:
    """Who is there at first, and what happens then."""
    reader = Reader(data)
    first = reader.byte()
    names = [uuid for bit, uuid in enumerate(UUIDS) if first >> bit & 1]
    moves = [Move("begin", {"names": names})]
    while reader.more and len(moves) <= MOVES_AT_MOST:
        rule = reader.pick(ORDER)
        moves.append(Move(rule, RULES[rule][0](reader)))
    return moves


def run(moves: Iterable[Move]) -> None:
    """Play, and at the end let the host be honest: then the store must be the truth."""
    machine = FuzzedMachine()
    for move in moves:
        playable = move.rule == "begin" or RULES[move.rule][1](machine)
        if playable:
            getattr(machine, move.rule)(**move.arguments)
            machine.counts()
    machine.teardown()

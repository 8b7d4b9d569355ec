"""Makes worlds: from a seed a script.

Several people have a hand in a world, each with moments of their own: writers who change the
host, somebody who makes trouble, and everybody who looks. Their moments are put in order;
then each does something that is possible then; `writers` knows what that is.

Most worlds are small, so that many different ones are tried and a failure is short; some are
big, since some things take many. Gaps between moments are of the size of what an honest host
takes, so that things meet.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from random import Random
from typing import Any, Final, get_args

import attrs

from tests.simulation import stage
from tests.simulation.crowd import BEHAVIOURS, PREDICATES, STUCK
from tests.simulation.script import Script, Step
from tests.simulation.writers import Writers
from virtinformer._core import messages

__all__ = ["world"]

GAPS: Final = (0.0, 0.0, 0.0005, 0.001, 0.002, 0.004, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Seconds from one moment to the next: at once, about an event, a read, a list, a backoff."""

LATE: Final = [kind.__name__ for kind in get_args(messages.Input) if hasattr(kind, "epoch")]

ALONE: Final = {
    "hang": "unhang",
    "disconnect": "restart",
    "refuse": "accept",
    "hold_reads": "release_reads",
}
"""What is done for a while, and what ends it."""


@attrs.frozen
class _Size:
    """How much there is of everything."""

    domains: int
    writers: int
    operations: int
    troubles: int
    looking: int


SIZES: Final = (
    (78, _Size(domains=1, writers=1, operations=10, troubles=5, looking=6)),
    (16, _Size(domains=3, writers=2, operations=20, troubles=8, looking=12)),
    (5, _Size(domains=6, writers=3, operations=50, troubles=15, looking=25)),
    (1, _Size(domains=16, writers=4, operations=100, troubles=25, looking=40)),
)
"""How many of a hundred worlds are of which size, at most."""


def world(seed: int) -> Script:
    """The world of a seed."""
    random = Random(f"world {seed}")
    script = Script(
        seed=seed,
        keepalive=random.choice([0.5, 3.0]),
        eager_reads=random.random() < 0.5,
        latency=_latency(random),
        resync_period=random.choice([5.0, 5.0, 5.0, 20.0, None]),
        reorder_window=random.choice([0.1, 0.1, 0.1, 0.0, 0.5]),
        history=random.choice([1024, 1024, 10, 0]),
        connect_timeout=random.choice([30.0, 30.0, 2.0]),
    )
    return script.with_steps(_Author(random).steps())


def _latency(random: Random) -> dict[str, float]:
    match random.randrange(10):
        case 0:
            return dict.fromkeys(("connect", "subscribe", "list", "read", "event"), 0.0)
        case 1:
            return {"subscribe": 0.1, "list": 0.1}
        case 2:
            return {"read": 0.02, "event": 0.005}
        case 3:
            return dict.fromkeys(("connect", "subscribe", "list"), 0.3)
        case 4 if random.random() < 0.3:
            return {"connect": 70.0}  # longer than anybody waits
        case _:
            return {}


Hand = Callable[[float], list[Step]]
"""Does something at a time; some things have an end, and come with it."""


class _Author:
    """Writes one script."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._size = random.choices([size for _, size in SIZES], [many for many, _ in SIZES])[0]
        self._writers = Writers(random, self._size.domains)
        self._people: list[str] = []
        self._snapshots: list[str] = []

    def steps(self) -> list[Step]:
        moments: list[tuple[float, int, Hand]] = []
        for hand in self._hands():
            moments += [(at, len(moments) + n, hand) for n, at in enumerate(self._times(hand))]
        steps = self._opening()
        for at, _, hand in sorted(moments, key=lambda moment: moment[:2]):
            steps += hand(at)
        steps += self._ending(max(step.at for step in steps))
        return sorted(steps, key=lambda step: step.at)

    def _hands(self) -> list[Hand]:
        writers: list[Hand] = [self._writers.operate] * self._size.writers
        honest = self._random.random() < 0.15
        if honest:
            return [*writers, self._look]
        storm = [self._storm] if self._random.random() < 0.3 else []
        return [*writers, self._trouble, *storm, self._look]

    def _times(self, hand: Hand) -> list[float]:
        most: dict[Hand, int] = {
            self._writers.operate: self._size.operations,
            self._trouble: self._size.troubles,
            self._storm: 4,
            self._look: self._size.looking,
        }
        gaps = [self._random.choice(GAPS) for _ in range(self._random.randint(1, most[hand]))]
        late = self._random.choice([0.0, 0.0, 0.02, 0.5])
        # Rounded, so that a printed script can be read; the sum of floats would differ anyway.
        return [round(late + at, 4) for at in accumulate(gaps)]

    def _opening(self) -> list[Step]:
        """Opened at once, in the midst of it, or while nobody can be."""
        random = self._random
        at = random.choice([0.0, 0.0, 0.0, 0.3])
        lies = [Step(0.0, "faults", **self._faults())] if random.random() < 0.4 else []
        steps = lies + [
            step for _ in range(random.randint(0, 3)) for step in self._writers.operate(0.0)
        ]
        if random.random() < 0.15:
            obstacle = random.choice(["hang", "disconnect", "refuse"])
            options = {"permanent": False} if obstacle == "refuse" else {}
            steps.append(Step(0.0, obstacle, **options))
            steps.append(Step(random.choice([0.05, 0.6, 5.0, 40.0]), ALONE[obstacle]))
        log = [Step(at + 0.05, "events", "log")] if random.random() < 0.6 else []
        return [*steps, Step(at, "open"), *log]

    def _ending(self, last: float) -> list[Step]:
        """Most worlds come to rest; some informers are closed or cancelled amid all."""
        random = self._random
        if random.random() < 0.75:
            return []
        at = round(random.uniform(0, last), 3)
        before = [Step(at, "hang")] if random.random() < 0.3 else []
        again = [Step(at, "cancel")] if random.random() < 0.1 else []
        return [*before, Step(at, random.choice(["close", "cancel"])), *again]

    # ------------------------------------------------------------ trouble

    def _trouble(self, at: float) -> list[Step]:
        random = self._random
        number = random.choice([None, random.randint(1, self._size.domains)])
        count = random.randint(1, 7)
        orders = random.choice(list(stage.ORDERS))
        kinds: list[Callable[[], list[Step]]] = [
            lambda: [Step(at, "faults", **self._faults())],
            lambda: [Step(at, "faults", **self._faults())],
            lambda: [Step(at, "faults")],
            lambda: [Step(at, "latency", **_latency(random))],
            lambda: [Step(at, "drop_next_events", count, number)],
            lambda: [Step(at, "fail_next_reads", count, number)],
            lambda: [Step(at, "tear_next_reads", count, number)],
            lambda: [Step(at, "fail_next_lists", count)],
            lambda: [Step(at, "fail_next_connects", count)],
            lambda: [Step(at, "truncate_next_list", self._some_domains())],
            lambda: [Step(at, "repeat", random.choice(LATE))],
            lambda: [Step(at, "repeat", random.choice(LATE))],
            lambda: [Step(at, "break_next_open")],
            lambda: [Step(at, "restart")],
            lambda: [Step(at, "turns", random.randint(1, 4))],
            lambda: self._while(at, "hold_events", Step(at, "release_events", orders)),
            lambda: self._while(at, "hold_reads", Step(at, "release_reads")),
            lambda: self._while(at, "hang", Step(at, "unhang")),
            lambda: self._while(at, "disconnect", Step(at, "restart")),
            lambda: self._while(at, "refuse", Step(at, "accept")),
        ]
        return random.choice(kinds)()

    def _storm(self, at: float) -> list[Step]:
        """The connection is lost; amid all that follows late words and impatient callers come."""
        random = self._random
        steps = [
            Step(at, "disconnect"),
            Step(_after(at, random.choice([0.0, 0.01, 0.2])), "restart"),
        ]
        if random.random() < 0.5:
            steps.append(
                Step(at, "latency", **dict.fromkeys(("connect", "subscribe", "list"), 0.3))
            )
        steps += [
            Step(_after(at, random.uniform(0, 1.5)), "repeat", random.choice(LATE))
            for _ in range(random.randint(1, 5))
        ]
        if random.random() < 0.3:
            steps.insert(1, Step(at, "fail_next_lists", 2))
        elif random.random() < 0.1:
            steps.insert(1, Step(at, "latency", connect=70.0))  # longer than anybody waits
        for _ in range(random.randint(0, 2)):
            number, within = random.randint(1, self._size.domains), random.choice([0.02, 0.3, None])
            when = _after(at, random.uniform(0, 1.5))
            steps.append(random.choice([Step(when, "refresh", number, within), Step(when, "sync")]))
        return steps

    def _while(self, at: float, deed: str, end: Step) -> list[Step]:
        later = _after(at, self._random.choice([0.001, 0.005, 0.05, 0.3, 1.0, 4.0]))
        return [Step(at, deed), Step(later, end.deed, *end.arguments)]

    def _some_domains(self) -> list[int]:
        return [n for n in range(1, self._size.domains + 1) if self._random.random() < 0.5]

    def _faults(self) -> dict[str, Any]:
        """Some lies: each kind told in a quarter of all cases."""
        random = self._random
        chances = {
            "event_loss": 0.3,
            "event_duplicate": 0.3,
            "event_reorder": 0.5,
            "read_failure": 0.3,
            "read_tear": 0.3,
            "list_failure": 0.4,
            "list_truncation": 0.5,
            "connect_failure": 0.5,
            "connection_loss": 0.1,
            "late_answer": 1.0,
        }
        spans = {
            "event_delay": 0.2,
            "reorder_delay": 0.3,
            "read_delay": 0.1,
            "lookup_lag": 0.1,
            "list_delay": 0.5,
        }
        told: dict[str, Any] = {
            name: round(random.uniform(0, most), 3)
            for name, most in chances.items()
            if random.random() < 0.25
        }
        for name, most in spans.items():
            if random.random() < 0.25:
                told[name] = (0.0, round(random.uniform(0, most), 3))
        return told

    # ------------------------------------------------------------ who looks

    def _look(self, at: float) -> list[Step]:
        random = self._random
        number = random.randint(1, self._size.domains)
        timeout = random.choice([None, 0.0, 0.003, 0.1, 5.0])
        kinds: list[Callable[[], Step]] = [
            lambda: Step(at, "watch", self._person(), self._pace(), **self._wishes()),
            lambda: Step(at, "watch", self._person(), self._pace(), **self._wishes()),
            lambda: Step(at, "watch", self._person(), 0.0, initial=False),
            lambda: Step(at, "events", self._person(), self._pace(), **self._wishes()),
            lambda: Step(at, "handle", self._person(), random.choice(BEHAVIOURS), **self._where()),
            lambda: Step(at, "remember", self._snapshot()),
            lambda: Step(at, "refresh", number, timeout),
            lambda: Step(at, "sync", timeout),
            lambda: Step(at, "wait_for", number, random.choice(list(PREDICATES)), timeout),
            lambda: Step(at, "look", "reader"),
        ]
        if self._people:
            who = random.choice(self._people)
            deeds = ["interrupt", "interrupt", "unsubscribe", "drop", "unhandle"]
            kinds += [lambda: Step(at, random.choice(deeds), who)] * 6
        return [random.choice(kinds)()]

    def _person(self) -> str:
        self._people.append(f"p{len(self._people) + 1}")
        return self._people[-1]

    def _snapshot(self) -> str:
        self._snapshots.append(f"s{len(self._snapshots) + 1}")
        return self._snapshots[-1]

    def _pace(self) -> float | str:
        paces: list[float | str] = [0.0, 0.0, 0.0, 0.05, 0.3, STUCK]
        return self._random.choice(paces)

    def _where(self) -> dict[str, Any]:
        return (
            {"where": self._random.choice(list(PREDICATES))} if self._random.random() < 0.3 else {}
        )

    def _wishes(self) -> dict[str, Any]:
        wishes = self._where()
        if self._snapshots and self._random.random() < 0.4:
            wishes["known"] = self._random.choice(self._snapshots)
        return wishes


def _after(at: float, seconds: float) -> float:
    return round(at + seconds, 4)

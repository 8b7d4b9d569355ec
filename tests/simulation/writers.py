"""Those who change the host, and what they can do to it at a moment.

Each deed is done at once on a host of their own, which nobody watches: what is possible next
follows from it, and the truth does not depend on who looks.
"""

from __future__ import annotations

import re
from random import Random
from typing import Any

import virtinformer as vi
from tests.simulation import stage
from tests.simulation.script import Step, uuid_of
from virtinformer.testing import FakeHost

__all__ = ["Writers"]


class Writers:
    """All writers of one world.

    Args:
        random: decides.
        domains: of how many domains.
    """

    def __init__(self, random: Random, domains: int) -> None:
        self._random = random
        self._domains = domains
        self._rehearsal = FakeHost()
        self._names = 0

    def operate(self, at: float) -> list[Step]:
        """Something that is possible, done at once on the rehearsal."""
        number = self._random.randint(1, self._domains)
        deed, *arguments = self._random.choice(self._possible(number))
        options = arguments.pop() if arguments and isinstance(arguments[-1], dict) else {}
        step = Step(at, deed, number, *arguments, **options)
        try:
            stage.do(self._rehearsal, step)
        except ValueError:
            return []  # nothing to restore, malformed XML: of such there are few
        return [step]

    def _name(self, number: int) -> str:
        self._names += 1
        return f"d{number}-{self._names}"

    def _possible(self, number: int) -> list[tuple[Any, ...]]:
        random, truth = self._random, self._rehearsal.truth(uuid_of(number))
        name, memory = self._name(number), random.randrange(1, 10**6)
        if truth is None:
            paused = {"paused": True} if random.random() < 0.3 else {}
            beginnings = [("define", name), ("create_transient", name, paused)]
            return beginnings + [("emit", self._any_event())] * (random.random() < 0.05)
        possible: list[tuple[Any, ...]] = [
            ("set_metadata", name),
            ("set_memory", memory),
            ("redefine", memory),
            ("attach_device", name),
        ]
        possible += [("detach_device", alias) for alias in _aliases(truth.xml)[:2]]
        if random.random() < 0.1:
            possible += [("emit", self._any_event()), ("mutate", self._any_state(truth))]
        if truth.persistent:
            possible += [("undefine",), ("set_autostart", not truth.autostart)]
        return possible + (self._possible_off(name) if truth.id < 0 else self._possible_on(truth))

    def _possible_off(self, name: str) -> list[tuple[Any, ...]]:
        return [
            ("start",),
            ("start",),
            ("start", {"paused": True}),
            ("restore",),
            ("rename", name),
        ]

    def _possible_on(self, truth: Any) -> list[tuple[Any, ...]]:
        possible: list[tuple[Any, ...]] = [("destroy",), ("reset",)]
        if truth.state is vi.DomainState.RUNNING:
            possible += [("suspend",), ("shutdown",), ("pmsuspend",), ("crash",), ("reboot",)]
            possible += [("crash", {"preserve": False})]
        if truth.state is vi.DomainState.PAUSED:
            possible += [("resume",), ("resume",), ("crash",)]
        if truth.state in (vi.DomainState.RUNNING, vi.DomainState.PAUSED) and truth.persistent:
            possible += [("managed_save",)]
        if truth.state is vi.DomainState.PMSUSPENDED:
            possible += [("wakeup",), ("wakeup",)]
        return possible

    def _any_event(self) -> dict[str, Any]:
        """One of a newer libvirt, or of the life cycle and not true."""
        return self._random.choice(
            [
                {"kind": 99},
                {"kind": 0, "type": 77, "detail": 7},
                {"kind": 0, "type": self._random.randrange(9)},
            ]
        )

    def _any_state(self, truth: Any) -> dict[str, Any]:
        """What no release knows, or nobody can parse."""
        strange: list[dict[str, Any]] = [{"reason": 99}, {"xml": "<domain><not closed"}]
        return self._random.choice([*strange, {"state": 88}] if truth.id >= 0 else strange)


def _aliases(xml: str) -> list[str]:
    """The devices that were attached."""
    return re.findall(r'<alias name="([^"]+)"', xml)

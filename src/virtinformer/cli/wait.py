"""``virtinformer wait``: until something holds, for scripts.

Conditions follow ``kubectl wait``, as far as domains have what they ask for, and so
does the timeout: half a minute unless told otherwise, 0 looks once, and below 0 there
is none. A timeout has an exit status of its own, which kubectl has not: a script must
be able to tell "not yet" from "cannot tell".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final
from uuid import UUID

import attrs
import click
from click.shell_completion import CompletionItem

import virtinformer as vi

from .completion import complete_names
from .duration import duration, length
from .opening import note, opened
from .output import Output, is_terminal
from .records import domain_record
from .running import TIMED_OUT, run
from .selection import find, where
from .settings import Settings, options

__all__ = ["Condition", "condition_of", "wait"]

_STATES: Final = {str(state): state for state in vi.DomainState}

Test = Callable[[vi.Domain], bool]

_WORDS: Final[dict[str, Test]] = {
    "exists": lambda _domain: True,
    "create": lambda _domain: True,
    "active": lambda domain: domain.active,
    "inactive": lambda domain: not domain.active,
    "persistent": lambda domain: domain.persistent,
    "transient": lambda domain: not domain.persistent,
    "autostart": lambda domain: domain.autostart,
}
_GONE: Final = ("deleted", "delete")


@attrs.frozen
class Condition:
    """What is waited for: that a domain is gone, or that something holds of it."""

    text: str
    holds: Test | None
    """``None``: that it is gone."""


def condition_of(text: str) -> Condition:
    """The type of an option; what is none of the known words is an expression."""
    word = text.strip().lower()
    if word in _GONE:
        return Condition(text, None)
    return Condition(text, _WORDS.get(word) or _state(word) or _expression(text))


def _expression(text: str) -> Test:
    predicate = where(text)
    if predicate.questions:
        raise click.BadParameter(f"{text!r} asks for a change; wait for what a domain is")
    return predicate


def _complete_condition(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    words = [*_WORDS, *_GONE, *(f"state={state}" for state in _STATES)]
    return [CompletionItem(word) for word in words if word.startswith(incomplete)]


def _state(word: str) -> Test | None:
    """``state=running``, or one of several: ``state=shutoff,crashed``."""
    key, equals, value = word.partition("=")
    if key.strip() != "state" or not equals:
        return None
    names = [name.strip() for name in value.split(",")]
    unknown = [name for name in names if name not in _STATES]
    if unknown:
        raise click.BadParameter(f"no state {', '.join(unknown)}; there are {', '.join(_STATES)}")
    states = {_STATES[name] for name in names}
    return lambda domain: domain.state in states


class Target:
    """One domain that is waited for.

    A name means whichever domain bears it, but for deletion: there it is the one
    that bore it first, since a new one of the same name is another.
    """

    def __init__(self, name: str, condition: Condition) -> None:
        self.name: Final = name
        self._condition = condition
        self._first: tuple[UUID, int] | None = None
        self.domain: vi.Domain | None = None

    def is_met(self, informer: vi.DomainInformer) -> bool:
        """Whether the condition holds now."""
        if self._condition.holds is None:
            return self._is_gone(informer)
        self.domain = find(informer.snapshot(), self.name)
        return self.domain is not None and self._condition.holds(self.domain)

    def _is_gone(self, informer: vi.DomainInformer) -> bool:
        if self._first is None:
            found = find(informer.snapshot(), self.name)
            if found is None:
                return True
            self._first = found.uuid, found.incarnation
            self.domain = found
            return False
        uuid, incarnation = self._first
        now = informer.get(uuid)
        return now is None or now.incarnation != incarnation


@click.command()
@click.argument(
    "names", metavar="NAME|UUID…", nargs=-1, required=True, shell_complete=complete_names
)
@click.option(
    "--for",
    "condition",
    type=condition_of,
    metavar="CONDITION",
    required=True,
    shell_complete=_complete_condition,
    help="deleted, exists, active, inactive, persistent, transient, autostart, "
    "state=STATE[,STATE…], or an expression as for --where.",
)
@click.option(
    "--timeout",
    type=duration,
    metavar="DURATION",
    default="30s",
    show_default=True,
    help="How long; 0 looks once, below 0 for ever.",
)
@click.option(
    "--output",
    "-o",
    "kind",
    type=click.Choice(["text", "json", "none"]),
    default="text",
    show_default=True,
    help="What to say of each domain when it is so.",
)
@options
def wait(names: tuple[str, ...], condition: Condition, timeout: float, kind: str) -> None:
    """Wait until a condition holds for every domain named.

    A domain that does not exist (yet) is waited for; one that is not there is deleted. Exit
    status: 0 it holds; 124 the time is over; 1 an error; 2 wrong use; 130 ended by Ctrl-C.
    """
    settings = Settings.current()
    targets = [Target(name, condition) for name in names]

    async def work(output: Output) -> None:
        say = _speaker(kind, condition, output)
        try:
            # The time to connect is part of it: a script asks when it will have an answer.
            async with asyncio.timeout(timeout if timeout > 0 else None):
                async with opened(settings, vigil=True) as informer:
                    await _until_met(informer, targets, say, once=timeout == 0)
        except TimeoutError:
            late = ", ".join(output.shown(target.name) for target in targets)
            after = f"after {length(timeout)} " if timeout else ""
            note(f"Error: {after}still not {condition.text}: {late}")
            raise click.exceptions.Exit(TIMED_OUT) from None

    run(work)


async def _until_met(
    informer: vi.DomainInformer,
    targets: list[Target],
    say: Callable[[Target], None],
    *,
    once: bool,
) -> None:
    """Look now, and after each change; what was met is not looked at again."""
    async with informer.watch(initial=False) as deltas:
        _strike(informer, targets, say)
        if targets and once:
            raise TimeoutError
        if targets and is_terminal():
            note(f"Waiting for {', '.join(target.name for target in targets)}; Ctrl-C ends.")
        while targets:
            await anext(deltas)
            _strike(informer, targets, say)


def _strike(
    informer: vi.DomainInformer, targets: list[Target], say: Callable[[Target], None]
) -> None:
    met = [target for target in targets if target.is_met(informer)]
    for target in met:
        targets.remove(target)
        say(target)


def _speaker(kind: str, condition: Condition, output: Output) -> Callable[[Target], None]:
    def text(target: Target) -> None:
        domain = target.domain
        if condition.holds is None or domain is None:
            output.line(f"{output.shown(target.name)} is deleted")
        else:
            output.line(f"{output.shown(domain.name)} is {domain.state} ({domain.reason})")

    def json(target: Target) -> None:
        domain = target.domain
        gone = condition.holds is None
        output.record(
            {
                "condition": condition.text,
                "name": target.name,
                "domain": None if gone or domain is None else domain_record(domain),
            }
        )

    return {"text": text, "json": json, "none": lambda _target: None}[kind]

"""Predicates: which domains, and which of their changes, a subscriber is told of.

A predicate is a formula. Its atoms ask three things, and `&`, `|` and `~` join them:

* of a *domain*: what it is (`OfDomain`; any function of a `Domain` is one);
* of an *update*: how a domain differs from what it was (`OfUpdate`);
* of an *event*: what libvirt told (`OfEvent`).

A domain alone answers the first kind only. What it leaves open is *unknown*, and
unknown goes through the formula as Kleene has it: ``unknown & False`` is false,
``unknown | True`` is true, ``~unknown`` is unknown, and so on. From that follows
how a formula is used:

*A domain belongs* to a subscriber unless the formula is false of it, whatever may
happen. So ``state("running") & generation_changed`` has the domains that run, and
``~generation_changed`` has all.

*An update of a domain that belonged, and still does, passes* if the formula is true
of one of the steps it consists of. A step is an event, or, where there was none, the
silent change. What it was (how the configuration, the state, … changed, and which
event told) is noted when it happens, and a few bits long; so however many steps are
folded into one delta for a slow subscriber, one that passes makes the delta pass.
Domains are asked when the delta is taken out, as they were given and as they are now.

*Where there is no old and new to compare*, because a domain comes or goes, what is
asked of the update is unknown, and unknown passes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import attrs

from .model import Delta, Domain, DomainEvent, Updated

__all__ = [
    "Answer",
    "Facts",
    "OfDomain",
    "OfEvent",
    "OfUpdate",
    "Predicate",
    "Question",
    "Where",
    "as_predicate",
    "facts_of",
]

Where = Callable[[Domain], bool]
"""What ``where=`` takes: a `Predicate`, or any function that says whether a domain belongs."""

Answer = bool | None
"""Whether something holds; ``None`` where that is unknown."""

Facts = tuple[Answer, ...]
"""The answers to a predicate's questions about one step, in the order of its `questions`."""


class Predicate(ABC):
    """Which domains, and which of their changes, a subscriber is told of.

    Predicates join with ``&`` (and), ``|`` (or) and ``~`` (not), also with plain
    functions of a `Domain`. Called with a domain, a predicate says whether the
    domain belongs; so it can be used wherever such a function can.

    Promise: it is immutable, and asking it has no effect.
    """

    @abstractmethod
    def judge(self, domain: Domain, facts: Mapping[Predicate, Answer]) -> Answer:
        """Whether the formula holds (asked by the informer).

        Args:
            domain: what is asked of a domain, is asked of this one.
            facts: what is known of the change. What is not in it is unknown.
        """

    @property
    def questions(self) -> tuple[Question, ...]:
        """The atoms that a domain alone cannot answer (asked by the informer)."""
        return tuple(dict.fromkeys(self._questions()))

    def _questions(self) -> Iterator[Question]:
        yield from ()

    def __call__(self, domain: Domain) -> bool:
        """Whether a domain belongs, whatever may happen to it."""
        return self.judge(domain, {}) is not False

    def __and__(self, other: Where) -> Predicate:
        return _And(self, as_predicate(other))

    def __rand__(self, other: Where) -> Predicate:
        return _And(as_predicate(other), self)

    def __or__(self, other: Where) -> Predicate:
        return _Or(self, as_predicate(other))

    def __ror__(self, other: Where) -> Predicate:
        return _Or(as_predicate(other), self)

    def __invert__(self) -> Predicate:
        return _Not(self)

    def __bool__(self) -> bool:
        # `a and b` would silently be `b`.
        raise TypeError(f"{self!r} is neither true nor false: join predicates with &, | and ~")


@attrs.frozen(eq=False)
class OfDomain(Predicate):
    """A question to a domain."""

    holds: Where
    text: str

    def judge(self, domain: Domain, facts: Mapping[Predicate, Answer]) -> Answer:
        """What the function says."""
        return bool(self.holds(domain))

    def __repr__(self) -> str:
        return self.text


class Question(Predicate):
    """A question that a domain alone cannot answer."""

    @abstractmethod
    def answer(self, delta: Delta | None, event: DomainEvent | None) -> Answer:
        """The answer of one step.

        Args:
            delta: what it is a step of; ``None`` if the domain is not there.
            event: what told of it; ``None`` if nothing did.
        """

    def judge(self, domain: Domain, facts: Mapping[Predicate, Answer]) -> Answer:
        """What is known of it."""
        return facts.get(self)

    def _questions(self) -> Iterator[Question]:
        yield self


@attrs.frozen(eq=False)
class OfUpdate(Question):
    """A question to a domain as it was and as it is."""

    holds: Callable[[Domain, Domain], bool]
    text: str

    def answer(self, delta: Delta | None, event: DomainEvent | None) -> Answer:
        """The answer of one step; unknown where there is no old and new."""
        return self.holds(delta.old, delta.domain) if isinstance(delta, Updated) else None

    def __repr__(self) -> str:
        return self.text


@attrs.frozen(eq=False)
class OfEvent(Question):
    """A question to an event."""

    holds: Callable[[DomainEvent], bool]
    text: str

    def answer(self, delta: Delta | None, event: DomainEvent | None) -> Answer:
        """The answer of one step; no, if there was no event."""
        return event is not None and self.holds(event)

    def __repr__(self) -> str:
        return self.text


@attrs.frozen(eq=False)
class _Pair(Predicate):
    left: Predicate
    right: Predicate

    def _questions(self) -> Iterator[Question]:
        yield from self.left.questions
        yield from self.right.questions


@attrs.frozen(eq=False)
class _And(_Pair):
    def judge(self, domain: Domain, facts: Mapping[Predicate, Answer]) -> Answer:
        left = self.left.judge(domain, facts)
        if left is False:
            return False
        right = self.right.judge(domain, facts)
        return right if left else (False if right is False else None)

    def __repr__(self) -> str:
        return f"{_tight(self.left)} & {_tight(self.right)}"


@attrs.frozen(eq=False)
class _Or(_Pair):
    def judge(self, domain: Domain, facts: Mapping[Predicate, Answer]) -> Answer:
        left = self.left.judge(domain, facts)
        if left:
            return True
        right = self.right.judge(domain, facts)
        return right if left is False else (right or None)

    def __repr__(self) -> str:
        return f"{self.left!r} | {self.right!r}"


@attrs.frozen(eq=False)
class _Not(Predicate):
    inner: Predicate

    def _questions(self) -> Iterator[Question]:
        yield from self.inner.questions

    def judge(self, domain: Domain, facts: Mapping[Predicate, Answer]) -> Answer:
        answer = self.inner.judge(domain, facts)
        return None if answer is None else not answer

    def __repr__(self) -> str:
        inner = repr(self.inner)
        return f"~({inner})" if isinstance(self.inner, _Pair) else f"~{inner}"


def _tight(predicate: Predicate) -> str:
    return f"({predicate!r})" if isinstance(predicate, _Or) else repr(predicate)


def as_predicate(where: Where) -> Predicate:
    """A predicate as it is, and a function as a question to the domain.

    Raises:
        TypeError: if it is neither.
    """
    if isinstance(where, Predicate):
        return where
    if not callable(where):
        raise TypeError(
            f"{where!r} is no predicate: give a function of a Domain, or one of "
            "virtinformer.predicates"
        )
    return OfDomain(where, getattr(where, "__qualname__", repr(where)))


_SILENT: Final = (None,)


def facts_of(
    questions: tuple[Question, ...],
    delta: Delta | None,
    events: tuple[DomainEvent, ...],
) -> list[Facts]:
    """The answers of every step of a change: of each event, or of the silent change."""
    return [
        tuple(question.answer(delta, event) for question in questions)
        for event in events or _SILENT
    ]

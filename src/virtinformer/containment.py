"""Other people's functions, kept from doing harm.

Indexers, the transform and the predicates of registrations run in the middle of
the informer's work, where nobody could catch what they raise. So it is logged,
counted, and replaced by the answer that loses nothing: a domain is stored as it
is, and delivered rather than left out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping

import attrs

from ._core.chronicle import Transform
from ._core.model import Domain
from ._core.predicate import Answer, Predicate, Question, Where, as_predicate
from ._core.store import Indexer

__all__ = ["Containment"]

_logger = logging.getLogger("virtinformer.informer")


class Containment:
    """Wraps functions so that they never raise.

    Attributes:
        errors: how often one has tried.
    """

    def __init__(self) -> None:
        self.errors: int = 0

    def indexer(self, name: str, indexer: Indexer) -> Indexer:
        """An indexer that finds a domain under nothing if it fails."""

        def values(domain: Domain) -> Iterable[Hashable]:
            try:
                return frozenset(indexer(domain))
            except Exception as error:  # noqa: BLE001 - any code may be in there
                self._failed(f"Indexer {name!r}", domain, error)
                return ()

        return values

    def transform(self, transform: Transform) -> Transform:
        """A transform that leaves a domain as it is if it fails, and its place in history alone."""

        def transformed(domain: Domain) -> Domain:
            try:
                return _in_place_of(domain, transform(domain))
            except Exception as error:  # noqa: BLE001 - any code may be in there
                self._failed("The transform", domain, error)
                return domain

        return transformed

    def predicate(self, name: str, where: Where) -> Predicate:
        """A predicate that holds if it fails.

        A handler that hears too much can ignore it; one that hears too little
        cannot know.
        """
        return _Contained(
            as_predicate(where),
            lambda domain, error: self._failed(f"The predicate of {name}", domain, error),
        )

    def _failed(self, what: str, domain: Domain, error: Exception) -> None:
        self.errors += 1
        _logger.error("%s failed for %r", what, domain, exc_info=error)


@attrs.frozen(eq=False)
class _Contained(Predicate):
    """Holds where the inner one fails: contained as a whole, since what fails may be negated."""

    inner: Predicate
    failed: Callable[[Domain, Exception], None]

    def judge(self, domain: Domain, facts: Mapping[Predicate, Answer]) -> Answer:
        try:
            return self.inner.judge(domain, facts)
        except Exception as error:  # noqa: BLE001 - any code may be in there
            self.failed(domain, error)
            return True

    def _questions(self) -> Iterator[Question]:
        yield from self.inner.questions


def _in_place_of(domain: Domain, result: Domain) -> Domain:
    if result.uuid != domain.uuid:
        raise ValueError("a transform must return a Domain of the same UUID")
    return attrs.evolve(
        result,
        resource_version=domain.resource_version,
        generation=domain.generation,
        incarnation=domain.incarnation,
    )

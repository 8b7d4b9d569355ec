"""Which domains a command is about: those named, those for which a predicate holds.

A name is a UUID, a name as libvirt has it, or a name as it is shown (see
`text.printable`), in this order, so that what stands on the screen can be given
back, and nobody can take another domain's place by the choice of a name.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Final
from uuid import UUID

import click

import virtinformer as vi

from ..predicates import Predicate, PredicateError, parse
from .text import one_line, printable

__all__ = ["Selection", "find", "where", "where_option"]


class Selection:
    """The domains that were asked for, by name, by predicate, or by both.

    Args:
        names: as they were typed; none stands for all.
        where: has to hold as well; may also ask what changed.
    """

    def __init__(self, names: Iterable[str] = (), where: Predicate | None = None) -> None:
        self.names: Final[tuple[str, ...]] = tuple(names)
        self._where = where
        self._identities = [(_uuid(name), name) for name in self.names]

    @property
    def is_all(self) -> bool:
        """Whether nothing was asked for in particular."""
        return not self.names and self._where is None

    def __call__(self, domain: vi.Domain) -> bool:
        """Whether a domain is one of them."""
        return self._is_named(domain) and self._fits(domain)

    @property
    def predicate(self) -> Callable[[vi.Domain], bool] | None:
        """It, for `watch` and `events`; ``None`` if it is all."""
        if self._where is None:
            return self._is_named if self.names else None
        return self._where & self._is_named if self.names else self._where

    def _is_named(self, domain: vi.Domain) -> bool:
        return not self.names or any(map(_meaning(domain), self._identities))

    def _fits(self, domain: vi.Domain) -> bool:
        return self._where is None or self._where(domain)

    def of(self, snapshot: vi.Snapshot) -> list[vi.Domain]:
        """Those that are meant: in the order in which they were named, or else by name.

        Raises:
            click.ClickException: if one that was named is not among them.
        """
        if not self.names:
            chosen = filter(self, snapshot.values())
            return sorted(chosen, key=lambda domain: (domain.name, domain.uuid))
        found = {name: find(snapshot, name) for name in self.names}
        missing = [printable(name) for name, domain in found.items() if domain is None]
        if missing:
            raise click.ClickException(
                f"no domain named {', '.join(missing)}; `virtinformer get -o name` lists them"
            )
        return [domain for domain in found.values() if domain is not None and self._fits(domain)]


def find(snapshot: vi.Snapshot, name: str) -> vi.Domain | None:
    """The domain that is meant by a UUID, a name, or a name as it is shown."""
    uuid = _uuid(name)
    if uuid is not None and uuid in snapshot:
        return snapshot[uuid]
    domains = snapshot.values()
    exact = (domain for domain in domains if domain.name == name)
    # Only what is escaped looks other than it is.
    shown = (domain for domain in domains if "\\" in name and printable(domain.name) == name)
    return next(itertools.chain(exact, shown), None)


def _meaning(domain: vi.Domain) -> Callable[[tuple[UUID | None, str]], bool]:
    """A function that says whether a name, with the UUID that it may be, means the domain."""

    def is_meant(identity: tuple[UUID | None, str]) -> bool:
        uuid, name = identity
        return domain.uuid == uuid or name in (domain.name, printable(domain.name))

    return is_meant


def _uuid(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None


def where(text: str) -> Predicate:
    """The type of an option: a predicate in the language of `virtinformer.predicates`."""
    try:
        return parse(text)
    except PredicateError as error:
        raise click.BadParameter(one_line(str(error))) from None


where_option: Final = click.option(
    "--where",
    type=where,
    metavar="EXPRESSION",
    help="Only domains for which it holds: 'name=web-* state!=shutoff'.",
)
"""The option that most commands have."""

"""Predicates that ask what a domain is."""

from __future__ import annotations

from typing import Final
from uuid import UUID
from xml.etree import ElementTree

from .._core.model import Domain
from .._core.predicate import OfDomain, Predicate
from .._core.vocabulary import DomainState
from ..exceptions import PredicateError
from ._arguments import call, glob, one_of, some

__all__ = ["active", "autostart", "metadata", "name", "persistent", "state", "uuid"]


def name(*patterns: str) -> Predicate:
    """Domains whose name matches one of the patterns: ``name("web-*", "db-?")``.

    Args:
        patterns: as a shell has them (``*``, ``?``, ``[abc]``, ``[!abc]``); case matters.

    Raises:
        PredicateError: if there is none.
    """
    matches = glob("name", patterns)
    return OfDomain(lambda domain: matches(domain.name), call("name", patterns))


def uuid(*uuids: UUID | str) -> Predicate:
    """Domains that have one of the UUIDs.

    Raises:
        PredicateError: if there is none, or one is none.
    """
    wanted = frozenset(_uuid(value) for value in some("uuid", uuids))
    return OfDomain(lambda domain: domain.uuid in wanted, call("uuid", map(str, uuids)))


def state(*states: DomainState | str) -> Predicate:
    """Domains that are in one of the states: ``state("running", DomainState.PAUSED)``.

    Raises:
        PredicateError: if there is none, or one is none of libvirt's.
    """
    wanted = dict.fromkeys(_state(value) for value in some("state", states))
    return OfDomain(lambda domain: domain.state in wanted, call("state", map(str, wanted)))


persistent: Final[Predicate] = OfDomain(lambda domain: domain.persistent, "persistent")
"""Domains with a configuration that outlives the run."""

autostart: Final[Predicate] = OfDomain(lambda domain: domain.autostart, "autostart")
"""Domains that start with the host."""

active: Final[Predicate] = OfDomain(lambda domain: domain.active, "active")
"""Domains of which there is a guest now: running, paused, shutting down, …."""


def metadata(uri: str, path: str | None = None, value: str | None = None) -> Predicate:
    """Domains whose live XML has a metadata element of a namespace.

    ``virsh metadata`` and ``virDomainSetMetadata`` know an element by its namespace, too.
    The XML is parsed only where the namespace occurs in it. Of XML that cannot be parsed
    nobody can tell: such a domain does not match. (libvirt writes such XML where the
    namespace of some metadata has a ``&`` in it, which must not stop who looks for others.)

    Args:
        uri: the namespace of the element in ``<metadata>``.
        path: an element inside of it that must be there, too, as
            `xml.etree.ElementTree` finds it; names are of the same namespace.
        value: a pattern, as for `name`, for the text of the element.

    Raises:
        PredicateError: if the namespace is empty, or the path is none.
    """
    some("metadata", [uri] if uri else [])
    matches = glob("metadata", [value]) if value is not None else None
    _check_path(uri, path)

    def holds(domain: Domain) -> bool:
        if _is_plain(uri) and uri not in domain.xml:
            return False
        texts = (_text(element) for element in _elements(domain, uri, path))
        return any(matches is None or matches(text) for text in texts)

    return OfDomain(holds, call("metadata", [part for part in (uri, path, value) if part]))


def _uuid(value: UUID | str) -> UUID:
    try:
        return value if isinstance(value, UUID) else UUID(value)
    except ValueError as error:
        raise PredicateError(f"{value!r} is no UUID: give it as virsh domuuid prints it") from error


_STATES: Final = {str(state): state for state in tuple(DomainState) if state in range(8)}


def _state(value: DomainState | str) -> DomainState:
    return value if isinstance(value, DomainState) else one_of("state", _STATES, value.lower())


def _elements(domain: Domain, uri: str, path: str | None) -> list[ElementTree.Element]:
    try:
        found = domain.element.findall(f"metadata/{{{uri}}}*")
    except ElementTree.ParseError:
        return []
    if path is None:
        return found
    return [inner for element in found for inner in element.findall(path, {"": uri})]


def _text(element: ElementTree.Element) -> str:
    return (element.text or "").strip()


def _is_plain(uri: str) -> bool:
    """Whether it stands in XML as it is."""
    return uri.isascii() and uri.isprintable() and not set(uri) & set("&<>'\"")


def _check_path(uri: str, path: str | None) -> None:
    try:
        ElementTree.Element("x").findall("." if path is None else path, {"": uri})
    except (SyntaxError, TypeError, StopIteration) as error:
        raise PredicateError(
            f"metadata() cannot look for {path!r} ({error}): give a path such as 'role' or 'a/b'"
        ) from error

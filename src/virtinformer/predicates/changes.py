"""Predicates that ask how a domain changed, and what was told of it.

To each of them every domain belongs; a domain that comes or goes is told as ever.
"""

from __future__ import annotations

from typing import Final

from .._core.model import CONTENT, Domain, DomainEvent, is_same
from .._core.predicate import OfEvent, OfUpdate, Predicate
from .._core.vocabulary import EventKind, LifecycleType, event_words
from ._arguments import call, glob, one_of, some

__all__ = ["changed", "event", "generation_changed", "lifecycle_only", "state_changed"]

generation_changed: Final[Predicate] = OfUpdate(
    lambda old, new: old.generation != new.generation, "generation_changed"
)
"""Updates with which the configuration changed: the XML of the next boot."""

state_changed: Final[Predicate] = OfUpdate(lambda old, new: old.state != new.state, "state_changed")
"""Updates with which the state changed; not those in which only its reason did."""

_FIELDS: Final = {field: field for field in CONTENT}


def changed(*fields: str) -> Predicate:
    """Updates with which one of the fields of the domain changed: ``changed("autostart")``.

    Args:
        fields: names as in `Updated.changed`.

    Raises:
        PredicateError: if there is none, or one cannot change.
    """
    wanted = [one_of("field that changes", _FIELDS, field) for field in some("changed", fields)]

    def holds(old: Domain, new: Domain) -> bool:
        return not all(is_same(field, old, new) for field in wanted)

    return OfUpdate(holds, call("changed", fields))


def event(*types: str) -> Predicate:
    """Events of one of the types, and updates that one of them told of.

    Args:
        types: patterns for `DomainEvent.type`, such as ``"Started"`` or ``"Device*"``.

    Raises:
        PredicateError: if there is none.
    """
    matches = glob("event", types)
    return OfEvent(lambda event: matches(event.type), call("event", types))


_LIFECYCLE: Final = frozenset(
    event_words(EventKind.LIFECYCLE, type_, 0)[0] for type_ in range(len(LifecycleType))
)


def _is_lifecycle(event: DomainEvent) -> bool:
    # Of a type that is newer than this release one knows by its reason: no other kind has one.
    return event.type in _LIFECYCLE or bool(event.reason)


lifecycle_only: Final[Predicate] = OfEvent(_is_lifecycle, "lifecycle_only")
"""Life-cycle events (Defined, Started, …), and updates that one of them told of.

Left out are events of devices, jobs, clocks and so on, and what changed without an event.
"""

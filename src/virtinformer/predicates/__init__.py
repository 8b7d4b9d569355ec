"""Predicates for ``where=``: which domains, and which of their changes, you are told of.

Each works in `watch()`, `events()`, `add_event_handler()` and `list()` of an informer,
and they join with ``&``, ``|`` and ``~``, also with functions of your own::

    from virtinformer.predicates import generation_changed, name, state

    informer.watch(where=name("web-*") & ~state("shutoff"))
    informer.watch(where=generation_changed & (lambda domain: domain.persistent))

Some ask a *domain*: `name`, `uuid`, `state`, `persistent`, `autostart`, `active`,
`metadata`. They say which domains belong to you: one that begins to match is
`Added`, one that ceases to is `Deleted`.

Some ask a *change*: `generation_changed`, `state_changed`, `changed`,
`lifecycle_only`, `event`. To them every domain belongs, and is `Added` and `Deleted`
as ever; they say which updates, and which events, are worth telling. What they
leave out is not lost: the next update that passes shows the domain whole, and its
`old` is what you were given last.
"""

from __future__ import annotations

from .._core.predicate import Predicate
from ..exceptions import PredicateError
from .changes import changed, event, generation_changed, lifecycle_only, state_changed
from .domains import active, autostart, metadata, name, persistent, state, uuid
from .expression import parse

__all__ = [
    "Predicate",
    "PredicateError",
    "active",
    "autostart",
    "changed",
    "event",
    "generation_changed",
    "lifecycle_only",
    "metadata",
    "name",
    "parse",
    "persistent",
    "state",
    "state_changed",
    "uuid",
]

"""How observations become history.

The chronicle is where versions are given out. It takes what is now true of one
domain and the steps that led there, writes the store, and returns the changes
that subscribers are to hear of, numbered:

* every event takes a version of its own;
* a domain takes the version of the last event that belongs to it, or, if its
  content changed and no event told, the next one;
* what neither changed nor was told of takes none, and keeps its object.

A domain that was undefined and defined again under its UUID, without having been
looked up in between, was changed as far as anybody can tell: events alone delete
nothing. They are in the delta, for those who want to know.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID

import attrs

from .lifecycle import Step
from .messages import EventReceived
from .model import (
    Added,
    Change,
    Deleted,
    DeletionReason,
    Delta,
    DeltaSource,
    Domain,
    DomainEvent,
    Observation,
    Updated,
    evolved,
    held_texts,
    is_same,
    same_content,
)
from .store import Store
from .vocabulary import DomainState, EventKind, LifecycleType, StateReason, event_words

__all__ = ["Chronicle", "Scene", "Transform"]

Transform = Callable[[Domain], Domain]
"""What a user does to a domain before it is stored, to make it smaller."""

_ENDINGS = frozenset({LifecycleType.SHUTDOWN, LifecycleType.STOPPED, LifecycleType.CRASHED})


@attrs.frozen
class Scene:
    """What is to be written down of one domain.

    Attributes:
        uuid: whose.
        content: what is true of it now: what was read, or, if nothing new was,
            the domain as it is stored; ``None`` if it does not exist.
        time: when that was read, seconds since 1970, UTC.
        steps: the events that led there, in order.
        source: how it became known.
        last: the last that was known of it, if it is not in the store.
    """

    uuid: UUID
    content: Observation | Domain | None
    time: float
    steps: Sequence[Step]
    source: DeltaSource
    last: Domain | None = None


class Chronicle:
    """Writes the store. Promise: versions are strictly increasing, whatever is told."""

    def __init__(self, store: Store, transform: Transform | None) -> None:
        self._store = store
        self._transform = transform

    def holds(self, uuid: UUID, seen: object) -> bool:
        """Whether the store has of a domain just what a read saw, and that can be told at once."""
        stored = self._store.get(uuid)
        if stored is None or not isinstance(seen, Observation) or self._transform is not None:
            return False
        return stored.settled and same_content(stored, seen)

    def tell(self, scene: Scene) -> Change | None:
        """Write a scene down; the change it makes, ``None`` if nothing is new."""
        old = self._store.get(scene.uuid)
        if scene.content is None:
            return self._afterword(scene) if old is None else self._end(old, scene)
        return self._begin(scene) if old is None else self._go_on(old, scene)

    def _begin(self, scene: Scene) -> Change:
        version = self._version_after(scene)
        domain = _domain(self._content(scene), scene, version, generation=1, incarnation=version)
        events = self._events(scene, domain)
        return self._write(_change(Added(domain, version, scene.source, events)))

    def _go_on(self, old: Domain, scene: Scene) -> Change | None:
        version = self._version_after(scene)
        content = self._content(scene)
        if not scene.steps and same_content(old, content):
            return None
        changed = not is_same("config_xml", content, old)
        new = _domain(content, scene, version, old.generation + changed, old.incarnation)
        events = self._events(scene, new)
        return self._write(_change(Updated(old, new, version, scene.source, events)))

    def _end(self, old: Domain, scene: Scene) -> Change:
        version = self._version_after(scene)
        last = evolved(old, resource_version=version)
        reason = _why_deleted(old, scene.steps)
        events = self._events(scene, last)
        return self._write(_change(Deleted(last, reason, version, scene.source, events)))

    def _afterword(self, scene: Scene) -> Change | None:
        """Events of a domain that is not there: too late, or gone before it could be read."""
        if not scene.steps:
            return None
        version = self._version_after(scene)
        events = self._events(scene, scene.last or _phantom(scene, version))
        return self._write(Change(version, None, events))

    def _write(self, change: Change) -> Change:
        self._store.apply(change)
        return change

    def _version_after(self, scene: Scene) -> int:
        return self._store.resource_version + max(len(scene.steps), 1)

    def _content(self, scene: Scene) -> Observation | Domain:
        """What is to be stored, but for its place in history."""
        seen = scene.content
        assert seen is not None
        if self._transform is None or isinstance(seen, Domain):
            return seen
        version = self._version_after(scene)
        return self._transform(_domain(seen, scene, version, generation=1, incarnation=version))

    def _events(self, scene: Scene, domain: Domain) -> tuple[DomainEvent, ...]:
        first = self._store.resource_version + 1
        return tuple(
            _event(step.event, domain, version)
            if step.event is not None
            else _inferred(step, domain, version, scene.time)
            for version, step in enumerate(scene.steps, first)
        )


def _domain(
    content: Observation | Domain, scene: Scene, version: int, generation: int, incarnation: int
) -> Domain:
    """What was read, with a place in history."""
    xml, config_xml = held_texts(content)
    return Domain(
        uuid=scene.uuid,
        name=content.name,
        id=content.id,
        state=content.state,
        reason=content.reason,
        persistent=content.persistent,
        autostart=content.autostart,
        xml=xml,
        config_xml=config_xml,
        resource_version=version,
        generation=generation,
        observed_at=content.observed_at if isinstance(content, Domain) else _utc(scene.time),
        settled=content.settled,
        incarnation=incarnation,
    )


def _change(delta: Delta) -> Change:
    return Change(delta.resource_version, delta, delta.events)


def _event(event: EventReceived, domain: Domain, version: int) -> DomainEvent:
    type_, reason = event_words(event.kind, event.type, event.detail)
    return DomainEvent(
        type=type_,
        reason=reason,
        timestamp=_utc(event.time),
        domain_name=event.name,
        domain_id=domain.uuid,
        domain=domain,
        resource_version=version,
        details=event.details,
    )


def _inferred(step: Step, domain: Domain, version: int, time: float) -> DomainEvent:
    assert step.type is not None
    type_, _ = event_words(EventKind.LIFECYCLE, step.type, 0)
    return DomainEvent(
        type=type_,
        reason="",
        timestamp=_utc(time),
        domain_name=domain.name,
        domain_id=domain.uuid,
        domain=domain,
        resource_version=version,
        inferred=True,
    )


def _why_deleted(old: Domain, steps: Sequence[Step]) -> DeletionReason:
    told = {step.type for step in steps if step.event is not None}
    if LifecycleType.UNDEFINED in told:
        return DeletionReason.UNDEFINED
    ended = not old.persistent and told & _ENDINGS
    return DeletionReason.STOPPED if ended else DeletionReason.MISSING


def _phantom(scene: Scene, version: int) -> Domain:
    """All that is known of a domain that could never be read: what its events said."""
    event = next(step.event for step in reversed(scene.steps) if step.event is not None)
    return Domain(
        uuid=scene.uuid,
        name=event.name,
        id=event.id,
        state=DomainState.NOSTATE,
        reason=StateReason.UNKNOWN,
        persistent=False,
        autostart=False,
        xml="",
        config_xml=None,
        resource_version=version,
        generation=0,
        observed_at=_utc(scene.time),
        settled=False,
    )


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)

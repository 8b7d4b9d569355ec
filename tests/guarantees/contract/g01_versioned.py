"""G1 Versioned: one counter of integers, by which anything is older or newer than anything else.

Read from all that anybody was given: domains, deltas, events, and reads of the store.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from uuid import UUID

import virtinformer as vi
from tests.guarantees.contract.evidence import domains, given_to, is_phantom, items, views
from tests.guarantees.history import Called, History, Item, Line, Violation, content_of

__all__ = ["versioned"]


def versioned(history: History) -> None:
    """Check G1."""
    for line, _ in history.subscriptions():
        given = given_to(history, line.who)
        _grows(pair for pair in given if not (history.repeats and _repeats(pair[1])))
    _names_one_thing(history)
    _generations(history)
    _one_state_each(history)
    if history.dates_views:
        _is_the_state_of_its_version(history)


def _grows(given: Iterable[tuple[Line, Item]]) -> None:
    """What a subscriber is given has greater and greater versions, once it is synced."""
    last: dict[bool, tuple[int, Line]] = {}
    for line, item in given:
        if _is_initial(item):
            continue
        version, is_event = item.resource_version, isinstance(item, vi.DomainEvent)
        if not isinstance(version, int):
            raise Violation("G1", f"{version!r} is no integer", line)
        before, earlier = last.get(is_event, (0, line))
        grows = version >= before if isinstance(item, vi.Synced) else version > before
        if not grows:
            raise Violation("G1", f"version {version} is given after {before}", earlier, line)
        last[is_event] = version, line


def _repeats(item: Item) -> bool:
    return isinstance(item, vi.Updated) and item.old == item.domain


def _is_initial(item: Item) -> bool:
    return isinstance(item, vi.Added) and item.source is vi.DeltaSource.INITIAL


def _names_one_thing(history: History) -> None:
    """One counter for all: a version belongs to one domain, and to one event."""
    domain_of: dict[int, tuple[UUID, Line]] = {}
    event_of: dict[int, tuple[vi.DomainEvent, Line]] = {}
    for line, domain in domains(history):
        _belongs(domain_of, domain.resource_version, domain.uuid, line)
    for line, event in _events(history):
        _belongs(domain_of, event.resource_version, event.domain_id, line)
        known, earlier = event_of.setdefault(event.resource_version, (event, line))
        if (known.type, known.timestamp) != (event.type, event.timestamp):
            raise Violation("G1", f"two events are version {event.resource_version}", earlier, line)


def _belongs(owner: dict[int, tuple[UUID, Line]], version: int, uuid: UUID, line: Line) -> None:
    known, earlier = owner.setdefault(version, (uuid, line))
    if known != uuid:
        raise Violation("G1", f"version {version} is of two domains", earlier, line)


def _events(history: History) -> Iterable[tuple[Line, vi.DomainEvent]]:
    for line, item in items(history):
        if isinstance(item, vi.DomainEvent):
            yield line, item
        elif not isinstance(item, vi.Synced):
            yield from ((line, event) for event in item.events)


def _one_state_each(history: History) -> None:
    """What differs has another version."""
    known: dict[tuple[UUID, int], tuple[Line, tuple[object, ...]]] = {}
    for line, domain in domains(history):
        if is_phantom(domain):
            continue  # one each event, of a domain of which nothing is known
        state = (content_of(domain), domain.generation, domain.incarnation, domain.settled)
        earlier, before = known.setdefault((domain.uuid, domain.resource_version), (line, state))
        if before != state:
            text = f"two states of {domain.name} are version {domain.resource_version}"
            raise Violation("G1", text, earlier, line)


def _generations(history: History) -> None:
    """The generation of one life grows when its configuration changes, and only then."""
    lives: dict[tuple[UUID, int], dict[int, tuple[Line, vi.Domain]]] = {}
    for line, domain in domains(history):
        if not is_phantom(domain):
            life = lives.setdefault((domain.uuid, domain.incarnation), {})
            life.setdefault(domain.resource_version, (line, domain))
    for life in lives.values():
        states = [life[version] for version in sorted(life)]
        for (earlier, old), (line, new) in pairwise(states):
            _generation(old, new, earlier, line)


def _generation(old: vi.Domain, new: vi.Domain, earlier: Line, line: Line) -> None:
    step = new.generation - old.generation
    same = new.config_xml == old.config_xml
    if step < 0 or (step == 0 and not same):
        text = f"the configuration changed and generation {old.generation} became {new.generation}"
        raise Violation("G1", text, earlier, line)
    if step == 1 and same:
        # By two or more it may have changed and changed back, which nobody saw.
        raise Violation("G1", "the generation grew, and no configuration changed", earlier, line)


def _is_the_state_of_its_version(history: History) -> None:
    """A read of the store at version v shows all that is not newer than v, and no more."""
    reads: dict[int, tuple[Line, vi.Snapshot]] = {}
    for line, view in views(history):
        earlier, known = reads.setdefault(view.resource_version, (line, view))
        if known is not view and _versions(known) != _versions(view):
            raise Violation("G1", "one version, two states of the store", earlier, line)
    changes = _changes(history)
    for line, view in reads.values():
        for uuid, steps in changes.items():
            _shows(line, view, uuid, steps)


def _versions(view: vi.Snapshot) -> dict[UUID, int]:
    return {uuid: domain.resource_version for uuid, domain in view.items()}


_Steps = dict[int, tuple[Line, bool]]
"""Version → where it was seen, and whether the domain exists at it."""


def _changes(history: History) -> dict[UUID, _Steps]:
    """At which versions each domain changed, and whether it was there then."""
    changes: dict[UUID, _Steps] = {}

    def note(line: Line, uuid: UUID, version: int, exists: bool) -> None:
        changes.setdefault(uuid, {}).setdefault(version, (line, exists))

    for line, item in items(history):
        if isinstance(item, vi.Added | vi.Updated):
            note(line, item.domain.uuid, item.domain.resource_version, True)
        elif isinstance(item, vi.Deleted) and not _is_filtered(history, line, item):
            note(line, item.domain.uuid, item.resource_version, False)
    for line, view in views(history):
        for uuid, domain in view.items():
            note(line, uuid, domain.resource_version, True)
    for (_, old), (line, new) in pairwise(views(history)):
        for uuid in old.keys() - new.keys():
            if not _is_deleted_between(changes[uuid], old, new):
                # Nobody who would be told was watching: it can be any version in between.
                note(line, uuid, new.resource_version, False)
    return changes


def _is_deleted_between(steps: _Steps, old: vi.Snapshot, new: vi.Snapshot) -> bool:
    between = range(old.resource_version + 1, new.resource_version + 1)
    return any(version in between and not exists for version, (_, exists) in steps.items())


def _is_filtered(history: History, line: Line, item: vi.Deleted) -> bool:
    if isinstance(line.fact, Called):  # a handler is not told why
        return any(s.where is not None for at, s in history.subscriptions() if at.who == line.who)
    return item.reason is vi.DeletionReason.FILTERED


def _shows(line: Line, view: vi.Snapshot, uuid: UUID, steps: _Steps) -> None:
    now = max((version for version in steps if version <= view.resource_version), default=None)
    seen = view.get(uuid)
    if now is None:
        if seen is not None:
            raise Violation("G1", f"{seen.name} is newer than the version of the read", line)
        return
    evidence, exists = steps[now]
    if exists is (seen is None) or (seen is not None and seen.resource_version != now):
        text = f"a read at version {view.resource_version} does not show version {now}"
        raise Violation("G1", text, evidence, line)

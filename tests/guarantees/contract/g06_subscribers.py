"""G6 Every subscriber whole, none in another's way.

Read from what each subscriber was given. One with a predicate may be told that a domain is
added or deleted when it begins or ceases to match.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import UUID

import virtinformer as vi
from tests.guarantees.contract.evidence import given_to
from tests.guarantees.history import (
    AtRest,
    Ended,
    History,
    Line,
    Looked,
    Subscribed,
    Violation,
    Waiting,
    content_of,
)

__all__ = ["subscribers"]

SLACK: Final = 1e-3
"""Seconds: made-up time stands still while somebody works."""

View = dict[UUID, tuple[Line, vi.Domain]]


def subscribers(history: History) -> None:
    """Check G6."""
    for line, fact in history.subscriptions("deltas"):
        view = _replayed(history, line, fact)
        _ends_whole(history, line, fact, view)
    for line, waiting in history.of(Waiting):
        if waiting.length > waiting.lives:
            raise Violation("G6", "more waits than one delta a domain", line)
    _events_are_the_same_for_all(history)
    slack = SLACK if history.virtual else history.slack
    if slack is not None:
        _nobody_delays_the_prompt(history, slack)


def _replayed(history: History, subscribed: Line, fact: Subscribed) -> View:
    """What a subscriber knows in the end that did as it was told."""
    view: View = {
        uuid: (subscribed, domain)
        for uuid, domain in (fact.known or {}).items()
        if fact.where is None or fact.where(domain)
    }
    begun: set[UUID] = set()
    synced: Line | None = None
    for line, item in given_to(history, subscribed.who):
        if isinstance(item, vi.Synced):
            _is_synced_rightly(subscribed, fact, begun, synced, line, item)
            synced = line
        elif not isinstance(item, vi.DomainEvent):
            _follow(view, line, item, fact, repeats=history.repeats)
            if synced is None:
                begun.add(item.domain.uuid)
    return view


def _is_synced_rightly(
    subscribed: Line,
    fact: Subscribed,
    begun: set[UUID],
    synced: Line | None,
    line: Line,
    item: vi.Synced,
) -> None:
    if synced is not None:
        raise Violation("G6", "a subscriber is synced twice", synced, line)
    if item.resource_version != fact.view.resource_version:
        raise Violation("G6", "Synced is not the version of the beginning", subscribed, line)
    expected = {u for u, d in fact.view.items() if fact.where is None or fact.where(d)}
    if fact.known is None and fact.since is None and begun != expected:
        raise Violation("G6", "not everything was given before Synced", subscribed, line)


def _follow(
    view: View,
    line: Line,
    delta: vi.Added | vi.Updated | vi.Deleted,
    fact: Subscribed,
    *,
    repeats: bool,
) -> None:
    uuid = delta.domain.uuid
    known = view.get(uuid)
    match delta:
        case vi.Added() if known is not None:
            raise Violation("G6", f"{delta.domain.name} is added twice", known[0], line)
        case vi.Updated() | vi.Deleted() if known is None:
            raise Violation("G6", f"{delta.domain.name} was never given before", line)
        case vi.Updated() if known is not None and not (repeats and delta.domain == known[1]):
            _goes_on(known, line, delta, exactly=fact.where is None)
        case vi.Deleted() if known is not None:
            _is_the_same_life(known, line, delta.domain)
    if isinstance(delta, vi.Deleted):
        del view[uuid]
    else:
        view[uuid] = line, delta.domain


def _goes_on(known: tuple[Line, vi.Domain], line: Line, delta: vi.Updated, exactly: bool) -> None:
    earlier, last = known
    if exactly and delta.old != last:
        raise Violation("G6", "`old` is not what this subscriber was given last", earlier, line)
    if delta.old.resource_version >= delta.domain.resource_version:
        raise Violation("G6", "`old` is not older", line)
    _is_the_same_life(known, line, delta.domain)


def _is_the_same_life(known: tuple[Line, vi.Domain], line: Line, domain: vi.Domain) -> None:
    earlier, last = known
    if last.incarnation != domain.incarnation:
        text = f"{last.name} was deleted in between, and this subscriber was not told"
        raise Violation("G6", text, earlier, line)


def _ends_whole(history: History, subscribed: Line, fact: Subscribed, view: View) -> None:
    """One that has read to the end knows what is known."""
    ended = history.by(subscribed.who)[-1]
    if not isinstance(ended.fact, Ended) or not ended.fact.drained:
        return
    for rest_line, rest in history.of(AtRest):
        if ended.number < rest_line.number:
            continue
        expected = {u: d for u, d in rest.view.items() if fact.where is None or fact.where(d)}
        known = {uuid: domain for uuid, (_, domain) in view.items()}
        if wrong := _differences(expected, known, exactly=fact.where is None):
            text = f"{subscribed.who} was not told the whole: {', '.join(wrong)}"
            lines = [view[uuid][0] for uuid in view if view[uuid][1].name in wrong]
            raise Violation("G6", text, subscribed, *lines, rest_line, ended)


def _differences(
    expected: Mapping[UUID, vi.Domain], known: Mapping[UUID, vi.Domain], *, exactly: bool
) -> list[str]:
    wrong = [(expected.get(u) or known[u]).name for u in expected.keys() ^ known.keys()]
    for uuid in expected.keys() & known.keys():
        one, other = expected[uuid], known[uuid]
        # One with a predicate may be spared what changes nothing for it.
        same = one == other if exactly else content_of(one) == content_of(other)
        wrong += [] if same else [one.name]
    return wrong


def _events_are_the_same_for_all(history: History) -> None:
    """Whoever hears of all domains hears each event that anybody hears, up to where it read."""
    heard: dict[int, Line] = {}
    takers = [(at, fact) for at, fact in history.subscriptions("events") if fact.where is None]
    for subscribed, _ in takers:
        for line, item in given_to(history, subscribed.who):
            earlier = heard.setdefault(item.resource_version, line)
            if earlier.fact.item != item:
                raise Violation("G6", "two hear different events of one version", earlier, line)
    for subscribed, fact in takers:
        since = fact.view.resource_version if fact.since is None else fact.since
        given = [item.resource_version for _, item in given_to(history, subscribed.who)]
        expected = range(since + 1, max(given, default=0) + 1)
        if missed := heard.keys() & set(expected) - set(given):
            text = f"{subscribed.who} did not hear of version {min(missed)}"
            raise Violation("G6", text, subscribed, heard[min(missed)])


def _nobody_delays_the_prompt(history: History, slack: float) -> None:
    """One that takes whatever comes at once has it at the time at which the store has it."""
    stored = [(fact.view.resource_version, line) for line, fact in history.of(Looked, "store")]
    for subscribed, fact in history.subscriptions("deltas", "events"):
        if not fact.prompt or fact.where is not None:
            continue
        newest = 0
        for line, item in given_to(history, subscribed.who):
            if history.repeats and item.resource_version <= newest:
                continue  # the store had it long ago, and so had this subscriber
            newest = item.resource_version
            at = next((at for version, at in stored if version >= item.resource_version), None)
            if at is not None and line.time > max(at.time, subscribed.time) + slack:
                text = f"{subscribed.who} waited for {line.time - at.time:.3f} s for others"
                raise Violation("G6", text, at, line)

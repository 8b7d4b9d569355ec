"""G2 Never backwards: what is known of a domain only ever gets newer.

Read from all reads of the store, in the order in which they were made. Where the history
knows the source: what is stored was read, by a read that no event had overtaken. Where it
knows the truth: the states follow each other as they did on the host.
"""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import virtinformer as vi
from tests.guarantees.contract.evidence import Readings, Truth, is_phantom, truths, views
from tests.guarantees.history import History, Line, Told, Violation, content_of

__all__ = ["never_backwards"]


def never_backwards(history: History) -> None:
    """Check G2."""
    _versions_only_grow(history)
    states = _states(history)
    if any(True for _ in history.of(Told)):
        _was_read(history, states)
    if history.knows_truth:
        _as_on_the_host(history, states)


def _versions_only_grow(history: History) -> None:
    before: tuple[Line, vi.Snapshot] | None = None
    gone: dict[UUID, tuple[Line, vi.Domain]] = {}
    for line, view in views(history):
        if before is not None and view is not before[1]:
            _follows(*before, line, view, gone)
        before = line, view


def _follows(
    earlier: Line,
    old: vi.Snapshot,
    line: Line,
    new: vi.Snapshot,
    gone: dict[UUID, tuple[Line, vi.Domain]],
) -> None:
    if new.resource_version < old.resource_version:
        raise Violation("G2", "the version of the store went backwards", earlier, line)
    for uuid in old.keys() - new.keys():
        gone[uuid] = line, old[uuid]
    for uuid, domain in new.items():
        known = old.get(uuid)
        if known is not None and domain.resource_version < known.resource_version:
            raise Violation("G2", f"{domain.name} went back in time", earlier, line)
        if known is None and uuid in gone:
            _is_new(*gone[uuid], line, domain)


def _is_new(left: Line, last: vi.Domain, line: Line, domain: vi.Domain) -> None:
    if domain.incarnation <= last.incarnation and domain.incarnation > 0:
        raise Violation("G2", f"{domain.name} is deleted, and was raised from the dead", left, line)


_States = dict[UUID, list[tuple[Line, vi.Domain | None]]]


def _states(history: History) -> _States:
    """The states of each domain that the store showed, in order; ``None`` where it was gone."""
    states: _States = {}
    before: vi.Snapshot | None = None
    for line, view in views(history):
        if view is before:
            continue
        for uuid, domain in view.items():
            told = states.setdefault(uuid, [])
            if not told or told[-1][1] is not domain:
                told.append((line, domain))
        for uuid in (before.keys() if before is not None else set()) - view.keys():
            states[uuid].append((line, None))
        before = view
    return states


def _settled(states: _States) -> Iterator[tuple[Line, vi.Domain]]:
    for told in states.values():
        for line, domain in told:
            if domain is not None and domain.settled and not is_phantom(domain):
                yield line, domain


def _was_read(history: History, states: _States) -> None:
    """Each settled state was read, by a read that nothing had overtaken when it came back."""
    reads = history.remember("readings", Readings)
    latest: dict[UUID, tuple[int, Line]] = {}
    for line, domain in _settled(states):
        found = reads.of(domain, line)
        if not found:
            raise Violation("G2", f"nobody ever read this of {domain.name}", line)
        overtaken = [(read, reads.overtaken(read)) for read in found]
        if all(event is not None for _, event in overtaken):
            (read_line, _), event = overtaken[0]
            assert event is not None
            text = f"a read of {domain.name} was stored that an event had overtaken"
            raise Violation("G2", text, event[0], read_line, line)
        began, earlier = latest.get(domain.uuid, (0, line))
        newest = max(observed.began for _, observed in found)
        if newest < began:
            raise Violation("G2", f"an older read of {domain.name} was stored", earlier, line)
        latest[domain.uuid] = min(observed.began for _, observed in found), found[0][0]


def _as_on_the_host(history: History, states: _States) -> None:
    """The settled states of a domain are states it had, in the order in which it had them."""
    told = truths(history)
    for uuid, seen in states.items():
        _walks_along(told.get(uuid, []), seen)


def _walks_along(true: list[Truth], seen: list[tuple[Line, vi.Domain | None]]) -> None:
    position, earlier = -1, None
    for line, domain in seen:
        if domain is not None and not domain.settled:
            continue
        wanted = None if domain is None else content_of(domain)
        while not _is(true, position, wanted):
            position += 1
            if position >= len(true) or true[position].line.number > line.number:
                lines = [line, *([earlier] if earlier else [])]
                what = "its deletion" if domain is None else f"this state of {domain.name}"
                raise Violation("G2", f"{what} was not true, or not after the one before", *lines)
        earlier = line


def _is(true: list[Truth], position: int, wanted: tuple[object, ...] | None) -> bool:
    return wanted is None if position < 0 else true[position].content == wanted

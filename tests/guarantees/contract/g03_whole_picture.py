"""G3 The whole picture in every message: a domain is given whole, and as of one moment.

Read from every domain that anybody was given. Where the history knows the source: the
domain of an event was read after the event.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID
from xml.etree.ElementTree import ParseError

import virtinformer as vi
from tests.guarantees.contract.evidence import Readings, domains, items, utc
from tests.guarantees.history import AtRest, History, Line, Violation
from virtinformer._core.messages import EventReceived
from virtinformer._core.vocabulary import event_words

__all__ = ["whole_picture"]


def whole_picture(history: History) -> None:
    """Check G3."""
    for line, domain in domains(history):
        if domain.settled:
            _agrees_with_itself(history, line, domain)
    _events_carry_their_domain(history)
    for line, rest in history.of(AtRest):
        for domain in rest.view.values():
            if not domain.settled:
                raise Violation("G3", f"{domain.name} was never read again", line)


def _agrees_with_itself(history: History, line: Line, domain: vi.Domain) -> None:
    rules = _rules(domain)
    if not history.knows_truth:
        # libvirt's test driver leaves it to a domain that has lost its configuration.
        del rules["autostart with persistent"]
    wrong = [what for what, holds in rules.items() if not holds]
    if wrong:
        text = f"{domain.name} is of two moments: {', '.join(wrong)} does not agree"
        raise Violation("G3", text, line)


def _rules(domain: vi.Domain) -> dict[str, bool]:
    off = domain.state is vi.DomainState.SHUTOFF
    rules = {
        "the state with the id": off is not domain.active,
        "the configuration with persistent": (domain.config_xml is not None) is domain.persistent,
        "autostart with persistent": domain.persistent or not domain.autostart,
    }
    try:
        root = domain.element
    except ParseError:
        return rules  # what the host sent is given as text
    return rules | {
        "the XML's name": root.findtext("name") == domain.name,
        "the XML's uuid": root.findtext("uuid") == str(domain.uuid),
        "the XML's id": int(root.get("id", "-1")) == domain.id,
    }


def _events_carry_their_domain(history: History) -> None:
    reads, stamps = history.remember("readings", Readings), _stamps(history)
    for line, item in items(history):
        if not isinstance(item, vi.DomainEvent):
            continue
        if item.domain.uuid != item.domain_id:
            raise Violation("G3", "an event carries another domain", line)
        if item.domain.settled and not item.inferred:
            _is_read_after(reads, stamps, line, item)


_Key = tuple[UUID, datetime, str]


def _stamps(history: History) -> dict[_Key, tuple[Line, int]]:
    """When each raw event came: the first, where two cannot be told apart."""
    stamps: dict[_Key, tuple[Line, int]] = {}
    for line, event in history.told(EventReceived):
        word, _ = event_words(event.kind, event.type, event.detail)
        stamps.setdefault((event.uuid, utc(event.time), word), (line, event.stamp))
    return stamps


def _is_read_after(
    reads: Readings, stamps: dict[_Key, tuple[Line, int]], line: Line, event: vi.DomainEvent
) -> None:
    came, stamp = stamps.get((event.domain_id, event.timestamp, event.type), (line, 0))
    found = reads.alike(event.domain, line)
    since = max((observed.began for _, observed in found), default=stamp)
    gone = reads.gone.get(event.domain_id, ())
    if any(read.began > min(since, stamp) and told.number < line.number for told, read in gone):
        return  # that life was over by then: the event carries the last that was known of it
    if found and all(observed.began <= stamp for _, observed in found):
        text = f"{event.type} carries a state of {event.domain_name} from before it"
        raise Violation("G3", text, came, found[-1][0], line)

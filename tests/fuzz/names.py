"""Any text as a name: it comes out as it went in, and nobody is fooled by it.

One domain is defined, renamed and deleted, another takes its names; each name must
be found in the store, in the deltas and in the events, letter for letter. Where a
person or a program looks at it (the command line, the records of JSON lines, the
log, a diff) it must not end a line, move a cursor or break the encoding.
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

import attrs

from tests.core.driving import GONE, Driver, shut_off
from virtinformer._core.model import Deleted, Delta, Domain, DomainEvent
from virtinformer._core.store import Lister
from virtinformer._core.vocabulary import DomainState, LifecycleType
from virtinformer._libvirt.reads import agrees
from virtinformer.cli import printable
from virtinformer.cli.columns import Columns, Row
from virtinformer.cli.diff import diff_lines
from virtinformer.cli.lines import delta_line, event_line
from virtinformer.cli.output import Output
from virtinformer.cli.records import delta_record

from .reader import Reader

__all__ = ["Named", "decode", "run"]

UUIDS: Final = tuple(UUID(int=n) for n in (1, 2))
DROPPED: Final = "".join(map(chr, (*range(1, 9), 11, 12, *range(14, 0x1A))))
"""What libvirt leaves out of XML (measured, 9.0.0; of 0x1a and above it forgot)."""


OUTPUT: Final = Output(io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), "never")
"""What the command line writes to; nothing is written."""


@attrs.frozen
class Named:
    """A domain is called so from now on (``None``: it is gone)."""

    domain: int
    name: str | None
    xml: str = ""


def decode(data: bytes) -> list[Named]:
    """A few names."""
    reader = Reader(data)
    names: list[Named] = []
    while reader.more and len(names) < 12:
        domain, bits = reader.below(2), reader.byte()
        name = None if bits >= 0xE0 else reader.text()
        names.append(Named(domain, name, reader.text() if bits & 1 else ""))
    return names


def run(names: Iterable[Named]) -> None:
    """Have each told, and look for it wherever it may be seen."""
    driver = Driver().go_live()
    truth: dict[UUID, str] = {}
    for named in names:
        driver.forget()
        uuid = UUIDS[named.domain]
        _tell(driver, uuid, truth.get(uuid), named)
        if named.name is None:
            truth.pop(uuid, None)
        else:
            truth[uuid] = named.name
            _check_xml(named.name)
        _check_store(driver, truth)
        for delta in driver.deltas:
            _check_delta(delta)
        for event in driver.events:
            _check_event(event)


def _tell(driver: Driver, uuid: UUID, before: str | None, named: Named) -> None:
    if named.name is None:
        if before is not None:
            event = driver.make_event(uuid, LifecycleType.UNDEFINED, name=before)
            driver.tell(uuid, GONE, event)
            assert [type(delta) for delta in driver.deltas] == [Deleted]
            assert driver.deltas[0].domain.name == before
        return
    event = driver.make_event(uuid, LifecycleType.DEFINED, name=named.name)
    driver.tell(uuid, shut_off(named.name, named.xml), event)
    assert [delta.domain.name for delta in driver.deltas] == [named.name]
    assert [event.domain_name for event in driver.events] == [named.name]


def _check_store(driver: Driver, truth: dict[UUID, str]) -> None:
    lister = Lister(driver.store)
    snapshot = driver.store.snapshot()
    assert {uuid: domain.name for uuid, domain in snapshot.items()} == truth
    for name in truth.values():
        found = lister.get_by_name(name)
        assert found is not None
        bearers = [domain for domain in snapshot.values() if domain.name == name]
        assert found.resource_version == max(domain.resource_version for domain in bearers)
    assert lister.get_by_name("\ud801 nobody is called so") is None
    shown = [printable(name) for name in truth.values()]
    assert len(set(shown)) == len(set(truth.values())), "two names look alike"


# ---------------------------------------------------------------------- where it is seen


def _check_delta(delta: Delta) -> None:
    _check_line(delta_line(delta, OUTPUT))
    for line in Columns(OUTPUT, wide=True).lines([Row(delta.domain)], delta.domain.observed_at):
        _check_line(line)
    for line in diff_lines(delta.diff(), OUTPUT):
        _check_line(line.replace("\t", ""))
    _check_line(str(delta))
    _check_record(delta_record(delta, xml=True), delta.domain)
    _check_logged(delta)
    _check_diff(delta)


def _check_event(event: DomainEvent) -> None:
    _check_line(event_line(event, OUTPUT))
    _check_line(str(event))
    record = _through_json(event.to_dict(xml=True))
    assert record["domain_name"] == _joined(event.domain_name)
    assert record["xml"] == _joined(event.domain.xml)


def _check_line(line: str) -> None:
    assert line.isprintable(), f"moves a cursor: {line!a}"
    line.encode()


def _check_record(record: dict[str, Any], domain: Domain) -> None:
    told = _through_json(record)["domain"]
    assert told["name"] == _joined(domain.name)
    assert told["xml"] == _joined(domain.xml)


def _through_json(record: dict[str, Any]) -> Any:
    line = json.dumps(record)
    assert line.isascii()
    assert line.isprintable(), "not one line"
    return json.loads(line)


def _joined(text: str) -> str:
    """Two halves of one character are one: JSON cannot tell."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _check_logged(delta: Delta) -> None:
    arguments = ("on_add", "handler", delta)
    record = logging.LogRecord("n", 40, "p", 1, "%s of %s failed for %s", arguments, None)
    _check_line(record.getMessage())


def _check_diff(delta: Delta) -> None:
    diff = delta.diff()
    if not diff:
        return
    head = diff.split("\n")
    assert head[0].startswith("--- ")
    assert head[1].startswith("+++ ")
    assert head[2].startswith("@@ "), "a name that passes for a line of the diff"
    _check_line("".join(head[:3]))


def _check_xml(name: str) -> None:
    """XML as libvirt writes it names the domain; so does no XML of another."""
    if "\x00" in name or not name:
        return  # the end of a name in C; and there must be one
    assert agrees(_written(name), name, -1, DomainState.SHUTOFF)
    assert not agrees(_written(name + "a"), name, -1, DomainState.SHUTOFF)
    assert not agrees(_written(name), name, -1, DomainState.RUNNING)


def _written(name: str) -> str:
    text = name.translate(dict.fromkeys(map(ord, DROPPED)))
    for character, entity in (
        ("&", "&amp;"),
        ("<", "&lt;"),
        (">", "&gt;"),
        ('"', "&quot;"),
        ("'", "&apos;"),
    ):
        text = text.replace(character, entity)
    return f"<domain type='kvm'>\n  <name>{text}</name>\n</domain>\n"

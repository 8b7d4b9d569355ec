"""Domains, events and deltas as values."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import attrs
import pytest

from virtinformer._core.model import (
    CONTENT,
    Added,
    Deleted,
    DeletionReason,
    DeltaSource,
    Observation,
    Updated,
)

from .driving import A
from .making import TIME, event, make


def test_content_is_what_is_read() -> None:
    assert set(CONTENT) == {
        "name",
        "id",
        "state",
        "reason",
        "persistent",
        "autostart",
        "xml",
        "config_xml",
        "settled",
    }
    assert set(CONTENT) == {field.name for field in attrs.fields(Observation)}


def test_a_domain_is_frozen_and_slotted() -> None:
    domain = make(A)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        domain.name = "other"  # type: ignore[misc]
    assert not hasattr(domain, "__dict__")


def test_active() -> None:
    assert not make(A).active
    assert make(A, id=0).active


def test_the_element_is_parsed_once() -> None:
    domain = make(A, xml="<domain><name>é</name></domain>")
    assert domain.element.findtext("name") == "é"
    assert domain.element is domain.element
    other = attrs.evolve(domain, xml="<network/>")
    assert other.element.tag == "network"
    assert domain == make(A, xml="<domain><name>é</name></domain>")


def test_malformed_xml_fails_where_it_is_parsed() -> None:
    domain = make(A, xml="<domain>", name="odd")
    with pytest.raises(ElementTree.ParseError, match=f"'odd' .{A}. is malformed: no element"):
        domain.element  # noqa: B018
    assert "<domain>" not in repr(domain)


@pytest.mark.parametrize(
    "xml", ["<domain>\ud800</domain>", "\udcff", "\x00", "<?xml version='1.0'"]
)
def test_xml_that_is_no_text_is_malformed(xml: str) -> None:
    domain = make(A, xml=xml, name="odd")
    with pytest.raises(ElementTree.ParseError, match="'odd'") as caught:
        domain.element  # noqa: B018
    assert caught.value.position[0] == 1


def test_what_xml_says_of_its_encoding_means_nothing_in_a_text() -> None:
    domain = make(A, xml="<?xml version='1.0' encoding='utf-16'?><domain>é</domain>")
    assert domain.element.text == "é"


def test_what_changed() -> None:
    old = make(A, 1)
    new = make(A, 2, name="b", xml="<domain>\n</domain>", generation=3)
    updated = Updated(old, new, 2, DeltaSource.EVENT)
    assert updated.changed == {"name", "xml"}
    assert Updated(old, make(A, 2), 2, DeltaSource.EVENT).changed == frozenset()
    assert Added(new, 2, DeltaSource.EVENT).changed == frozenset(CONTENT)
    deleted = Deleted(new, DeletionReason.MISSING, 2, DeltaSource.EVENT)
    assert deleted.changed == frozenset(CONTENT)


def test_diffs() -> None:
    old = make(A, 1, name="a", xml="<domain>\n  <one/>\n</domain>")
    new = make(A, 2, name="b", xml="<domain>\n  <two/>\n</domain>")
    assert Updated(old, new, 2, DeltaSource.EVENT).diff().splitlines() == [
        "--- a",
        "+++ b",
        "@@ -1,3 +1,3 @@",
        " <domain>",
        "-  <one/>",
        "+  <two/>",
        " </domain>",
    ]
    added = Added(new, 2, DeltaSource.EVENT).diff().splitlines()
    assert added[3:] == ["+<domain>", "+  <two/>", "+</domain>"]
    deleted = Deleted(old, DeletionReason.MISSING, 2, DeltaSource.EVENT).diff().splitlines()
    assert deleted[3:] == ["-<domain>", "-  <one/>", "-</domain>"]
    assert Updated(old, old, 2, DeltaSource.EVENT).diff() == ""


def test_a_name_cannot_pass_for_a_line_of_a_diff() -> None:
    new = make(A, 1, name="a\n-<secret/>", xml="<domain/>")
    assert Added(new, 1, DeltaSource.EVENT).diff().split("\n") == [
        r"--- 'a\n-<secret/>'",
        r"+++ 'a\n-<secret/>'",
        "@@ -0,0 +1 @@",
        "+<domain/>",
    ]


def test_a_diff_shows_what_only_python_takes_for_the_end_of_a_line() -> None:
    old, new = make(A, 1, xml="<a>\x85</a>\n"), make(A, 2, xml="<a>\u2028</a>\n")
    diff = Updated(old, new, 2, DeltaSource.EVENT).diff()
    assert diff.split("\n")[3:] == ["-<a>\x85</a>", "+<a>\u2028</a>"]


def test_the_record_of_the_message_of_2016() -> None:
    domain = make(A, 7, name="generic", xml="<domain/>", generation=2)
    record = event(domain).to_dict()
    assert record == {
        "event_type": "Started",
        "timestamp": TIME.isoformat(),
        "reason": "Booted",
        "domain_name": "generic",
        "domain_id": str(A),
        "resource_version": 7,
        "generation": 2,
        "state": "shutoff",
        "inferred": False,
    }
    assert list(record)[:5] == ["event_type", "timestamp", "reason", "domain_name", "domain_id"]
    assert event(domain).to_dict(xml=True) == {**record, "xml": "<domain/>"}
    json.dumps(record)

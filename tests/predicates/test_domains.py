"""Predicates that ask what a domain is."""

from __future__ import annotations

import pickle
from typing import Any
from uuid import UUID

import pytest

from tests.core.making import make
from virtinformer import Domain, DomainState, VirtInformerError
from virtinformer.predicates import (
    Predicate,
    PredicateError,
    active,
    autostart,
    metadata,
    name,
    persistent,
    state,
    uuid,
)

A = UUID(int=1)
FLEET = "https://example.org/fleet"


def with_metadata(inner: str, uri: str = FLEET) -> str:
    return (
        f"<domain><metadata><f:node xmlns:f='{uri}'>{inner}</f:node>"
        "<o:other xmlns:o='https://example.org/other'/></metadata></domain>"
    )


@pytest.mark.parametrize(
    ("patterns", "fits", "does_not"),
    [
        (["web-*"], "web-", "db-1"),
        (["web-?"], "web-1", "web-10"),
        (["[ab]*"], "bee", "cow"),
        (["[!ab]*"], "cow", "bee"),
        (["web-*", "db"], "db", "db2"),
        (["Web"], "Web", "web"),
        (["a*"], "a\nb", "\na"),
        (["ü*"], "über", "uber"),
        (["a.b"], "a.b", "aXb"),
        ([""], "", "x"),
    ],
)
def test_a_name_matches_as_a_shell_has_it(patterns: list[str], fits: str, does_not: str) -> None:
    predicate = name(*patterns)
    assert predicate(make(A, name=fits))
    assert not predicate(make(A, name=does_not))


def test_states_by_member_or_word() -> None:
    predicate = state(DomainState.RUNNING, "Paused", "shutoff")
    for number in range(8):
        expected = number in {DomainState.RUNNING, DomainState.PAUSED, DomainState.SHUTOFF}
        assert predicate(make(A, state=DomainState(number))) is expected


def test_a_state_that_libvirt_has_not_named_yet() -> None:
    assert state(DomainState(99))(make(A, state=DomainState(99)))


def test_uuids() -> None:
    assert uuid(A)(make(A))
    assert uuid(str(A))(make(A))
    assert not uuid(UUID(int=2), UUID(int=3))(make(A))


@pytest.mark.parametrize(
    ("predicate", "fields"),
    [(persistent, {"persistent": True}), (autostart, {"autostart": True}), (active, {"id": 3})],
)
def test_flags(predicate: Predicate, fields: dict[str, Any]) -> None:
    off: dict[str, Any] = {"persistent": False, "autostart": False, "id": -1}
    assert predicate(make(A, **{**off, **fields}))
    assert not predicate(make(A, **off))


def test_metadata_by_namespace() -> None:
    domain = make(A, xml=with_metadata(""))
    assert metadata(FLEET)(domain)
    assert metadata("https://example.org/other")(domain)
    assert not metadata("https://example.org/fle")(domain)
    assert not metadata("https://example.org/none")(domain)


def test_metadata_by_what_is_in_it() -> None:
    domain = make(
        A, xml=with_metadata("<f:role> web-1 </f:role><f:role>db</f:role><f:a><f:b/></f:a>")
    )
    assert metadata(FLEET, "role")(domain)
    assert metadata(FLEET, "a/b")(domain)
    assert not metadata(FLEET, "b")(domain)
    assert metadata(FLEET, "role", "web-*")(domain)
    assert metadata(FLEET, "role", "db")(domain)
    assert not metadata(FLEET, "role", "we")(domain)


def test_metadata_of_the_element_itself() -> None:
    assert metadata(FLEET, value="web")(make(A, xml=with_metadata("web")))
    assert not metadata(FLEET, value="web")(make(A, xml=with_metadata("db")))


def test_a_namespace_that_stands_otherwise_in_xml() -> None:
    domain = make(A, xml=with_metadata("", "urn:a&amp;b"))
    assert metadata("urn:a&b")(domain)
    assert not metadata("urn:a&amp;b")(domain)


def test_xml_that_cannot_be_parsed_has_none() -> None:
    """One such domain must not stop who watches the others."""
    assert not metadata(FLEET)(make(A, xml=f"<<<{FLEET}"))


def test_no_xml_is_parsed_that_does_not_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[Domain] = []
    monkeypatch.setattr(Domain, "_parse", parsed.append)
    assert not metadata(FLEET)(make(A, xml="<domain/>"))
    assert not parsed


@pytest.mark.parametrize(
    ("make_it", "says"),
    [
        (lambda: name(), "at least one"),
        (lambda: uuid(), "at least one"),
        (lambda: state(), "at least one"),
        (lambda: metadata(""), "at least one"),
        (lambda: uuid("x"), "virsh domuuid"),
        (lambda: state("runing"), "did you mean running"),
        (lambda: metadata(FLEET, "["), "path"),
        (lambda: metadata(FLEET, ""), "path"),
        (lambda: metadata(FLEET, "/a"), "path"),
        (lambda: metadata(FLEET, "p:x"), "path"),
    ],
)
def test_what_cannot_be_meant_is_refused(make_it: object, says: str) -> None:
    assert callable(make_it)
    with pytest.raises(PredicateError, match=says) as caught:
        make_it()
    assert isinstance(caught.value, VirtInformerError)
    assert isinstance(caught.value, ValueError)
    pickle.loads(pickle.dumps(caught.value))


def test_they_are_printed_as_they_are_made() -> None:
    assert repr(name("a", "b*")) == "name('a', 'b*')"
    assert repr(state(DomainState.RUNNING)) == "state('running')"
    assert repr(uuid(A)) == f"uuid('{A}')"
    assert repr(metadata(FLEET, "role")) == f"metadata('{FLEET}', 'role')"
    assert repr(persistent) == "persistent"

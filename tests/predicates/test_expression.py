"""Predicates as text."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.core.making import make
from virtinformer import DomainState
from virtinformer.predicates import PredicateError, parse

A = UUID(int=1)


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("name=web-*", "name('web-*')"),
        ("name=web-* state=running,paused", "name('web-*') & state('running', 'paused')"),
        ("state!=running", "~state('running')"),
        ("  state=running\t\n ", "state('running')"),
        ("state=RUNNING", "state('running')"),
        ("name='a b',\"c,d\",e", "name('a b', 'c,d', 'e')"),
        ('name="it\'s"', 'name("it\'s")'),
        ("name=''", "name('')"),
        ("name=a=b", "name('a=b')"),
        ("persistent=yes", "persistent"),
        ("persistent!=yes", "~persistent"),
        ("autostart=no", "~autostart"),
        ("active=True", "active"),
        ("active=false", "~active"),
        ("uuid=00000000-0000-0000-0000-000000000001", f"uuid('{A}')"),
        ("metadata=urn:x", "metadata('urn:x')"),
        ("metadata!=urn:x,urn:y", "~(metadata('urn:x') | metadata('urn:y'))"),
        ("changed=state,xml", "changed('state', 'xml')"),
        ("event!=Device*", "~event('Device*')"),
    ],
)
def test_what_it_means(text: str, means: str) -> None:
    assert repr(parse(text)) == means


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        ("nmae=x", "did you mean name.*use one of name, uuid"),
        ("name", "'name' is no term: say key=value"),
        ("name = x", "no blanks"),
        ("name= x", "'name=' is no term"),
        ("name=a,,b", "'name=a,,b' is no term"),
        ("name=a, b", "'name=a,' is no term"),
        ("state=running web", "'web' is no term"),
        ('name="x', "quote is not closed"),
        ('name="a"b', "is no term"),
        ("state=runnin", "did you mean running"),
        ("state=", "is no term"),
        ("persistent=maybe", "value of persistent: use one of yes, no"),
        ("persistent=yes,no", "one value"),
        ("uuid=4", "is no UUID"),
        ("changed=foo", "field that changes"),
        ("!state=running", "is no term"),
        ("metadata=''", "at least one"),
    ],
)
def test_what_is_wrong_is_said(text: str, says: str) -> None:
    with pytest.raises(PredicateError, match=says) as caught:
        parse(text)
    assert "\n" not in str(caught.value)


@given(st.text())
@example("name=\n,\n")
def test_any_text_is_understood_or_refused_in_a_line(text: str) -> None:
    with suppress(PredicateError):
        parse(text)
        return
    with pytest.raises(PredicateError, match=r"\A.+\Z"):
        parse(text)


@given(st.text(st.characters(exclude_characters='"*?[')))
def test_any_name_can_be_asked_for(name: str) -> None:
    predicate = parse(f'name="{name}"')
    assert predicate(make(A, name=name))
    assert not predicate(make(A, name=f"{name}x"))


def test_all_terms_are_to_hold() -> None:
    predicate = parse("name=web-* state=running,paused")
    running = make(A, name="web-1", state=DomainState.RUNNING)
    assert predicate(running)
    assert not predicate(make(A, name="web-1"))
    assert not predicate(make(A, name="db-1", state=DomainState.RUNNING))

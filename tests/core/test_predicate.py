"""Formulas about domains, updates and events."""

from __future__ import annotations

from itertools import product
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtinformer._core.model import Added, Deleted, DeletionReason, DeltaSource, Updated
from virtinformer._core.predicate import (
    Answer,
    OfDomain,
    OfEvent,
    OfUpdate,
    Predicate,
    as_predicate,
    facts_of,
)

from .driving import A
from .making import event, make

ON = OfDomain(lambda domain: domain.autostart, "on")
RENAMED = OfUpdate(lambda old, new: old.name != new.name, "renamed")
BOOTED = OfEvent(lambda event: event.type == "Started", "booted")
ATOMS = (ON, RENAMED, BOOTED)

formulas = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.one_of(
        st.builds(lambda a, b: a & b, inner, inner),
        st.builds(lambda a, b: a | b, inner, inner),
        st.builds(lambda a: ~a, inner),
    ),
    max_leaves=6,
)
answers: st.SearchStrategy[Answer] = st.sampled_from([True, False, None])
domains = st.builds(lambda on: make(A, autostart=on), st.booleans())


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Any, dict[Predicate, Answer]]:
    """A domain, and what is known of what happened to it."""
    return draw(domains), {RENAMED: draw(answers), BOOTED: draw(answers)}


# ---------------------------------------------------------------------- laws


@given(formulas, formulas, formulas, worlds())
def test_the_laws_of_an_algebra(a: Predicate, b: Predicate, c: Predicate, world: Any) -> None:
    for left, right in (
        (a & b, b & a),
        (a | b, b | a),
        (a & (b & c), (a & b) & c),
        (a | (b | c), (a | b) | c),
        (a & (b | c), (a & b) | (a & c)),
        (a | (b & c), (a | b) & (a | c)),
        (a & (a | b), a),
        (a | (a & b), a),
        (~(a & b), ~a | ~b),
        (~(a | b), ~a & ~b),
        (~~a, a),
    ):
        assert left.judge(*world) is right.judge(*world), (left, right)


@given(formulas, worlds())
def test_what_is_certain_stays_so_whatever_becomes_known(a: Predicate, world: Any) -> None:
    domain, facts = world
    certain = a.judge(domain, facts)
    unknown = [question for question, answer in facts.items() if answer is None]
    for known in product([True, False], repeat=len(unknown)):
        found = a.judge(domain, {**facts, **dict(zip(unknown, known, strict=True))})
        assert found is not None
        assert certain in (None, found)


@given(formulas, domains)
def test_a_domain_belongs_unless_it_is_certain_that_it_does_not(a: Predicate, domain: Any) -> None:
    assert a(domain) is (a.judge(domain, {}) is not False)
    told: dict[Predicate, Answer] = {RENAMED: True, BOOTED: False}
    if a.judge(domain, told):
        assert a(domain)


@given(formulas)
def test_a_formula_knows_its_questions_and_how_to_print_itself(a: Predicate) -> None:
    assert set(a.questions) <= {RENAMED, BOOTED}
    assert len(set(a.questions)) == len(a.questions)
    again = eval(repr(a), {"on": ON, "renamed": RENAMED, "booted": BOOTED})
    assert repr(again) == repr(a)
    for question in (RENAMED, BOOTED):
        assert (question in a.questions) is (repr(question) in repr(a))


# ---------------------------------------------------------------------- examples


def test_a_domain_alone_leaves_open_what_happened() -> None:
    on, off = make(A, autostart=True), make(A)
    assert [p(on) for p in (ON & RENAMED, ON | RENAMED, RENAMED, ~RENAMED)] == [True] * 4
    assert [p(off) for p in (ON & RENAMED, ON | RENAMED, RENAMED, ~RENAMED)] == [
        False,
        True,
        True,
        True,
    ]


def test_plain_functions_join_from_both_sides() -> None:
    for joined in (ON & (lambda d: d.name == "n"), (lambda d: d.name == "n") & ON):
        assert joined(make(A, autostart=True))
        assert not joined(make(A))
        assert not joined(make(A, name="m", autostart=True))
    for joined in (ON | (lambda d: d.name == "n"), (lambda d: d.name == "n") | ON):
        assert joined(make(A))
        assert not joined(make(A, name="m"))


def test_a_function_is_a_predicate_and_a_predicate_stays_itself() -> None:
    def where(domain: object) -> bool:
        return True

    assert as_predicate(ON) is ON
    assert "where" in repr(as_predicate(where))


@pytest.mark.parametrize("wrong", ["running", 5, None])
def test_nothing_else_is_one(wrong: Any) -> None:
    with pytest.raises(TypeError, match="is no predicate"):
        as_predicate(wrong)
    with pytest.raises(TypeError, match="is no predicate"):
        ON & wrong
    with pytest.raises(TypeError, match="is no predicate"):
        wrong | ON


def test_a_predicate_is_no_truth_value() -> None:
    """`a and b` would be `b`, and `not a` would be false, without a word."""
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(ON and RENAMED)


# ---------------------------------------------------------------------- steps


def test_each_event_is_a_step_and_so_is_a_silent_change() -> None:
    old, new = make(A, 1), make(A, 2, name="m")
    updated = Updated(old, new, 2, DeltaSource.EVENT)
    told = (event(new, 2, "Started"), event(new, 2, "Stopped"))
    questions = (RENAMED, BOOTED)
    assert facts_of(questions, updated, told) == [(True, True), (True, False)]
    assert facts_of(questions, updated, ()) == [(True, False)]


def test_where_there_is_no_old_and_new_an_update_is_unknown() -> None:
    domain = make(A, 2)
    told = (event(domain, 2, "Started"),)
    for delta in (
        None,
        Added(domain, 2, DeltaSource.EVENT),
        Deleted(domain, DeletionReason.MISSING, 2, DeltaSource.EVENT),
    ):
        assert facts_of((RENAMED, BOOTED), delta, told) == [(None, True)]


def test_predicates_cannot_be_changed() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        ON.text = "off"  # type: ignore[misc]

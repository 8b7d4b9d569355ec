"""Which domains are meant."""

from __future__ import annotations

import click
import pytest

import virtinformer as vi
from tests.cli.making import domain
from virtinformer.cli.selection import Selection, find, where

ONE = domain("web-1", 1)
TWO = domain("we\x1bird", 2)
# Has taken the UUID of the first for its name, and what the second is shown as.
THREE = domain(str(ONE.uuid), 3)
FOUR = domain("we\\x1bird", 4)
HOST = vi.Snapshot({d.uuid: d for d in (FOUR, THREE, TWO, ONE)}, 9)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("web-1", ONE),
        (str(ONE.uuid), ONE),
        (str(ONE.uuid).upper(), ONE),
        ("we\x1bird", TWO),
        ("we\\x1bird", FOUR),
        ("we\\\\x1bird", FOUR),
        ("web", None),
    ],
)
def test_a_name_means_one_domain(name: str, meant: vi.Domain | None) -> None:
    assert find(HOST, name) == meant


def test_a_name_as_it_is_shown_is_understood() -> None:
    assert find(vi.Snapshot({TWO.uuid: TWO}, 1), "we\\x1bird") == TWO


def test_none_is_all_by_name() -> None:
    assert [d.name for d in Selection().of(HOST)] == sorted(d.name for d in HOST.values())
    assert Selection().predicate is None


def test_those_named_come_in_the_order_in_which_they_were_named() -> None:
    assert Selection(["we\x1bird", "web-1"]).of(HOST) == [TWO, ONE]


def test_names_and_a_predicate_have_both_to_fit() -> None:
    selection = Selection(["web-1", "we\x1bird"], where("name=web-*"))
    assert selection.of(HOST) == [ONE]
    predicate = selection.predicate
    assert predicate is not None
    assert [d for d in HOST.values() if predicate(d)] == [ONE]


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(click.ClickException, match=r"no domain named no\\x1b, nor;"):
        Selection(["web-1", "no\x1b", "nor"]).of(HOST)


def test_a_wrong_expression_says_what_is_wrong() -> None:
    with pytest.raises(click.BadParameter, match="stat"):
        where("stat=running")

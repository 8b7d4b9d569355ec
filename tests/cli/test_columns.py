"""Domains in columns."""

from __future__ import annotations

import io

import pytest

import virtinformer as vi
from tests.cli.making import NOON, domain
from virtinformer.cli.columns import Columns, Row, width_of
from virtinformer.cli.output import Output


def columns(*, wide: bool = False, encoding: str = "utf-8", colour: str = "never") -> Columns:
    return Columns(Output(io.TextIOWrapper(io.BytesIO(), encoding=encoding), colour), wide=wide)


def test_a_table_as_kubectl_has_them() -> None:
    rows = [Row(domain("web-1", 1)), Row(domain("db", 20, state=vi.DomainState.SHUTOFF))]
    assert columns().lines(rows, NOON) == [
        "NAME    STATE     REASON      VERSION   GEN   PERSISTENT   AUTOSTART   AGE",
        "web-1   running   booted      1         1     yes          no          90s",
        "db      shutoff   destroyed   20        1     yes          no          30m",
    ]


def test_wide_adds_what_is_in_the_xml() -> None:
    line = columns(wide=True).lines([Row(domain())], NOON)[1]
    assert line.split()[8:] == ["1", "2", "64Mi", "00000000-0000-0000-0000-000000000001"]


def test_malformed_xml_is_no_reason_to_fail() -> None:
    line = columns(wide=True).lines([Row(domain(xml="<domain>"))], NOON)[1]
    assert line.split()[9:11] == ["?", "?"]


def test_a_state_that_may_not_belong_to_its_xml_is_marked() -> None:
    assert "running?" in columns().lines([Row(domain(settled=False))], NOON)[1]


def test_what_comes_later_stands_under_what_was_there() -> None:
    table = columns()
    first = table.lines([Row(domain("a-long-name"))], NOON)
    later = table.lines([Row(domain("b"))], NOON, headed=False, fitted=False)
    assert [line.index("running") for line in (first[1], *later)] == [14, 14]
    longer = table.lines([Row(domain("a-longer-name-than-that"))], NOON, headed=False, fitted=False)
    assert longer[0].startswith("a-longer-name-than-that   running   ")


def test_an_empty_table_can_grow_too() -> None:
    table = columns()
    assert table.lines([], NOON, headed=False) == []
    assert table.lines([Row(domain())], NOON, headed=False, fitted=False)[0].startswith("web-1   ")


def test_what_is_gone_says_so() -> None:
    line = columns().lines([Row(domain(), vi.DeletionReason.UNDEFINED)], NOON)[1]
    assert line.split()[1:3] == ["deleted", "undefined"]


def test_wide_characters_take_two_columns() -> None:
    rows = [Row(domain("漢字", 1)), Row(domain("e\u0301t", 2)), Row(domain("abcd", 3))]
    lines = columns().lines(rows, NOON)
    places = [width_of(line[: line.index("running")]) for line in lines[1:]]
    assert places == [7, 7, 7]


def test_a_name_the_terminal_has_not_got_is_escaped_before_it_is_measured() -> None:
    rows = [Row(domain("\u20ac", 1)), Row(domain("abcdef", 2))]
    lines = columns(encoding="latin-1").lines(rows, NOON)
    assert lines[1].startswith(r"\u20ac   running")


@pytest.mark.parametrize(
    ("state", "code"), [("RUNNING", "32"), ("PAUSED", "33"), ("CRASHED", "31")]
)
def test_states_have_colours(state: str, code: str) -> None:
    row = Row(domain(state=vi.DomainState[state]))
    line = columns(colour="always").lines([row], NOON)[1]
    assert f"\x1b[{code}m" in line
    assert line.startswith("web-1   \x1b[")


def test_a_name_like_a_state_is_not_mistaken_for_it() -> None:
    line = columns(colour="always").lines([Row(domain("running"))], NOON)[1]
    assert line.startswith("running   \x1b[32mrunning\x1b[0m   ")

"""The results as text."""

from __future__ import annotations

import pytest

from bench.result import Result
from bench.table import as_markdown, as_text, number

RESULTS = [
    Result("initial_sync", "plain loop", "ms", 0.3, [200.0, 210.0], [800.0, 700.0]),
    Result("burst", "bare callback", "events/s", 0.8, [10.0], [12345.0], at_least=True),
]


def test_the_columns_stand_below_each_other() -> None:
    head, *lines = as_text(RESULTS).splitlines()
    assert len(lines) == 2
    for title in ("ours", "against", "ratio", "target", "met"):
        at = head.index(title)
        assert all(line[at - 1] == " " and line[at] != " " for line in lines)


def test_a_line_says_all_there_is() -> None:
    line = as_text(RESULTS).splitlines()[1].split("  ")
    told = "|".join(cell.strip() for cell in line if cell.strip())
    assert told == "initial_sync|0.275|≤ 0.3|yes|0.263–0.287|2|205|750|ms|plain loop"


def test_a_rate_is_to_be_at_least_what_was_aimed_at() -> None:
    assert "≥ 0.8   no" in as_text(RESULTS).splitlines()[2]


def test_markdown_has_as_many_cells_everywhere() -> None:
    lines = as_markdown(RESULTS).splitlines()
    assert len(lines) == 4
    assert {line.count("|") for line in lines} == {11}


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.000534, "0.000534"), (1.2345, "1.23"), (99.44, "99.4"), (12345.6, "12,346")],
)
def test_a_number_has_three_digits_that_say_something(value: float, text: str) -> None:
    assert number(value) == text

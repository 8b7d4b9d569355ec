"""Lengths of time, written and read."""

from __future__ import annotations

import click
import pytest

from virtinformer.cli.duration import age, duration, seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0), ("90", 90), ("1.5", 1.5), ("90s", 90), ("5m", 300), ("1h30m", 5400),
        ("2d", 172800), ("250ms", 0.25), (" 3s ", 3), ("-1", -1), ("-1m", -60),
    ],
)  # fmt: skip
def test_a_duration_is_read_as_kubectl_reads_it(text: str, seconds: float) -> None:
    assert seconds_of(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "5 m", "1x", "m5", "1e3", "٣", "--1", "inf", "nan"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is no duration"):
        duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"), (0.9, "0s"), (119, "119s"), (120, "2m"), (7199, "119m"), (7200, "2h"),
        (172799, "47h"), (172800, "2d"), (1e9, "11574d"),
    ],
)  # fmt: skip
def test_an_age_is_short(seconds: float, text: str) -> None:
    assert age(seconds) == text

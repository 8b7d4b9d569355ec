"""What a person is told while an informer opens, and when its host goes away."""

from __future__ import annotations

import asyncio
import io

import pytest

from tests.cli.making import health
from virtinformer.cli.opening import PATIENCE, Progress, Vigil
from virtinformer.testing import FakeHost, run


class Moody:
    """An informer of which only the health is asked."""

    def __init__(self, **fields: object) -> None:
        self.health = health(**fields)


def vigil(informer: Moody) -> tuple[Vigil, list[str]]:
    told: list[str] = []
    return Vigil(informer, told.append), told  # type: ignore[arg-type]


AWAY = {"connected": False, "synced": False, "last_error": OSError("no\nanswer")}


def test_that_the_host_is_away_is_said_once_and_that_it_is_back() -> None:
    informer = Moody()
    watch, told = vigil(informer)
    watch.look()
    assert told == []
    informer.health = health(**AWAY)
    watch.look()
    watch.look()
    assert told == ["The host is away: no answer. Trying again."]
    informer.health = health(reconnects=1, synced=False)
    watch.look()
    assert len(told) == 1
    informer.health = health(reconnects=1)
    watch.look()
    watch.look()
    assert told[1:] == ["The host is back; what changed meanwhile has been told."]


def test_one_that_was_away_between_two_looks_is_noticed() -> None:
    informer = Moody()
    watch, told = vigil(informer)
    informer.health = health(reconnects=1, last_error=OSError("gone"))
    watch.look()
    assert told == [
        "The host is away: gone. Trying again.",
        "The host is back; what changed meanwhile has been told.",
    ]


class Screen(io.StringIO):
    """A stream that has an encoding of its own."""

    encoding = "ascii"


def test_a_quick_start_is_not_worth_a_word() -> None:
    screen = Screen()

    async def scenario() -> None:
        informer = FakeHost(seed=1).connect()
        with Progress(informer, "host", screen).shown():
            async with informer:
                pass

    run(scenario())
    assert screen.getvalue() == ""


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "Reading the domains of h\u2026 \\u2026 "),
        ({"connected": False}, "Connecting to h\u2026 \\u2026 "),
        (AWAY, "Not connected yet, "),
    ],
)
def test_a_slow_one_is_one_line_that_goes_again(fields: dict[str, object], text: str) -> None:
    screen = Screen()

    async def scenario() -> None:
        with Progress(Moody(**fields), "h\u2026", screen).shown():  # type: ignore[arg-type]
            await asyncio.sleep(PATIENCE * 3)

    run(scenario())
    drawn = screen.getvalue().split("\r\x1b[K")
    assert drawn[0] == drawn[-1] == ""
    assert len(drawn) > 3
    for line in drawn[1:-1]:
        assert line[2:].startswith(text.replace("\u2026", "\\u2026"))
        assert "\n" not in line


def test_an_informer_can_be_asked_before_it_is_open() -> None:
    informer = FakeHost(seed=1).connect()
    assert "Connecting to" in Progress(informer, "host", Screen()).text

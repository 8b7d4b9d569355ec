"""How the live table looks, drawn for terminals that are not there."""

from __future__ import annotations

import io

import pyte
import pytest

import virtinformer as vi
from tests.cli.making import NOON, added, deleted, domain, health, updated
from virtinformer.cli.board import Board
from virtinformer.cli.output import Output
from virtinformer.cli.picture import Picture, console_of


def seen(
    *domains: vi.Domain,
    then: tuple[vi.Added | vi.Updated | vi.Deleted, ...] = (),
    columns: int = 80,
    lines: int = 10,
    encoding: str = "utf-8",
    colour: str = "always",
    **fields: object,
) -> pyte.Screen:
    """A terminal on which the table was drawn; what is in `then` happened just now."""
    board = Board()
    for one in domains:
        board.take(added(one), 0.0)
    board.take(vi.Synced(9), 0.0)
    for delta in then:
        board.take(delta, 0.0)
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="")
    console = console_of(Output(file, colour))
    console.size = (columns, lines)
    picture = Picture(
        board.entries(0.0),
        health(**fields),
        9,
        "qemu:///system",
        encoding,
        columns,
        lines,
        0.0,
        NOON,
    )
    console.print(picture, end="")
    file.flush()
    assert isinstance(file.buffer, io.BytesIO)
    screen = pyte.Screen(columns, lines)
    pyte.Stream(screen).feed(file.buffer.getvalue().decode(encoding).replace("\n", "\r\n"))
    return screen


def text(screen: pyte.Screen) -> list[str]:
    return [line.rstrip() for line in screen.display]


WEB = domain("web-1", 1)


def test_a_table_and_how_the_informer_is() -> None:
    assert text(seen(WEB, domain("db", 2, state=vi.DomainState.SHUTOFF), lines=6)) == [
        "   NAME   STATE    REASON     VERSION  GEN  PERSISTENT  AUTOSTART  AGE  TOLD BY",
        "   db     shutoff  destroyed        2    1  yes         no          3m",
        "   web-1  running  booted           1    1  yes         no         90s",
        "",
        "",
        "connected  synced  stale 0s  version 9  reconnects 0  2 domains  qemu:///system",
    ]


def test_what_changed_is_lit_up() -> None:
    paused = updated(WEB, "Suspended", state=vi.DomainState.PAUSED)
    screen = seen(WEB, domain("other", 2), then=(paused,))
    line = 2
    assert text(screen)[line].startswith("~  web-1  paused ")
    assert text(screen)[line].endswith("Suspended")
    lit = {column for column in range(80) if screen.buffer[line][column].reverse}
    place = screen.display[line].index("paused")
    assert lit == set(range(place, place + len("paused")))
    assert not any(screen.buffer[1][column].reverse for column in range(80))


def test_what_is_gone_is_lit_up_as_a_whole() -> None:
    screen = seen(WEB, then=(deleted(WEB),))
    assert text(screen)[1].startswith("-  web-1  deleted  undefined ")
    assert screen.buffer[1][3].reverse


def test_without_colours_it_is_still_lit_up() -> None:
    screen = seen(WEB, then=(deleted(WEB),), colour="never")
    assert screen.buffer[1][3].reverse
    assert {screen.buffer[y][x].fg for y in range(10) for x in range(80)} == {"default"}


@pytest.mark.parametrize("columns", range(11, 140, 3))
@pytest.mark.parametrize("lines", [2, 3, 5, 24])
def test_it_fits_every_terminal(columns: int, lines: int) -> None:
    domains = [domain(f"domain-with-a-long-name-{n}", n) for n in range(1, 30)]
    screen = seen(*domains, columns=columns, lines=lines)
    assert text(screen)[-1].startswith("connected"[:columns])
    assert "NAME" in text(screen)[0]
    assert screen.cursor.y == lines - 1


def test_where_it_is_narrow_the_less_telling_columns_go_first() -> None:
    assert text(seen(WEB, columns=48))[0] == "   NAME   STATE    REASON  VERSION  GEN  AGE"
    assert text(seen(WEB, columns=40))[0] == "   NAME   STATE    REASON  VERSION  AGE"
    assert text(seen(WEB, columns=20))[0] == "   NAME   STATE"


def test_where_it_is_low_the_rest_is_counted() -> None:
    lines = text(seen(*(domain(f"d-{n}", n) for n in range(1, 10)), lines=6))
    assert lines[4] == "and 6 more"


def test_a_long_name_is_cut_where_there_is_no_room() -> None:
    long = domain("n" * 60, 1)
    assert f" {'n' * 28}… " in text(seen(long))[1]
    assert f" {'n' * 28}~ " in text(seen(long, encoding="latin-1"))[1]
    assert "n" * 60 in text(seen(long, columns=140))[1]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_names_are_harmless_and_not_read_as_markup(encoding: str) -> None:
    name = "[red]\x1b[2J\u202e:smile:\\ \u20ac漢"
    screen = seen(domain(name, 1), columns=140, encoding=encoding)
    shown = r"[red]\x1b[2J\u202e:smile:\\ "
    assert shown in text(screen)[1]
    assert text(screen)[0].startswith("   NAME")


def test_a_host_that_is_away_is_said_to_be() -> None:
    cause = OSError("no such socket\n\x1b[2J" + "x" * 100)
    error = vi.ConnectError("cannot connect, and some advice")
    error.__cause__ = cause
    screen = seen(
        WEB, connected=False, synced=False, staleness=72.0, reconnects=2, last_error=error
    )
    last = text(screen)[-1]
    start = "AWAY  not synced  stale 72s  version 9  reconnects 2  no such socket "
    assert last == f"{start}\\x1b[2Jxxx…"


def test_no_domain_at_all_is_a_table_too() -> None:
    lines = text(seen())
    assert lines[0].split()[:2] == ["NAME", "STATE"]
    assert lines[-1].startswith("connected")

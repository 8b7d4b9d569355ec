"""``virtinformer watch``, in a pipe and on a terminal."""

from __future__ import annotations

import json
import os
import signal

import pyte
import pytest

from tests.cli.commands import CTRL_C, INTERRUPTED, URI, Terminal, line_of, run, running, terminal
from tests.daemons import Daemon, domain_xml


def test_json_lines(clean_qemu: Daemon) -> None:
    connection = clean_qemu.connect()
    connection.defineXML(domain_xml("first"))
    with running("watch", "-c", clean_qemu.uri, "-o", "json") as process:
        added, synced = (json.loads(line_of(process)) for _ in range(2))
        connection.lookupByName("first").undefine()
        deleted = json.loads(line_of(process))
    connection.close()
    assert (added["delta"], added["source"]) == ("Added", "initial")
    assert synced == {"delta": "Synced", "resource_version": added["resource_version"]}
    assert (deleted["delta"], deleted["reason"]) == ("Deleted", "undefined")
    assert [event["event_type"] for event in deleted["events"]] == ["Undefined"]


def test_a_line_for_each_change_of_what_is_asked_for(clean_qemu: Daemon) -> None:
    connection = clean_qemu.connect()
    connection.defineXML(domain_xml("web-1"))
    connection.defineXML(domain_xml("db"))
    with running("watch", "-c", clean_qemu.uri, "--where", "name=web-*") as process:
        assert line_of(process).split()[2:] == ["web-1", "shutoff", "(unknown)", "(initial)"]
        assert line_of(process).split()[2:] == ["synced"]
        connection.lookupByName("db").undefine()
        connection.lookupByName("web-1").undefine()
        assert line_of(process).split()[2:] == ["web-1", "undefined", "Undefined"]
    connection.close()


def test_a_host_that_goes_and_comes_back_is_told_on_standard_error(own_daemon: Daemon) -> None:
    with running("watch", "-c", own_daemon.uri) as process:
        assert line_of(process).endswith("synced\n")
        assert process.stderr is not None
        own_daemon.kill()
        assert process.stderr.readline().startswith("The host is away: ")
        own_daemon.start()
        assert process.stderr.readline().startswith("The host is back")


def test_a_live_table_needs_a_terminal() -> None:
    done = run("watch", "-c", URI, "-o", "table")
    assert done.returncode == 2
    assert "the live table needs a terminal" in done.stderr


def test_a_dumb_terminal_gets_lines() -> None:
    with terminal("watch", "-c", URI, variables={"TERM": "dumb"}) as screen:
        screen.until_seen("+      1 test", "synced")
        assert b"\x1b" not in screen.raw
        screen.type(CTRL_C)
        assert screen.end() == INTERRUPTED


def test_a_live_table_is_always_current(own_daemon: Daemon) -> None:
    connection = own_daemon.connect()
    connection.defineXML(domain_xml("web-1"))
    with terminal("watch", "-c", own_daemon.uri) as screen:
        screen.until_seen("web-1  shutoff", "connected  synced", "reconnects 0")
        connection.lookupByName("web-1").create()
        screen.until_seen("~  web-1  running  booted")
        assert is_lit(screen, "running")
        screen.until(lambda _: not is_lit(screen, "running"), "the light goes out")
        screen.resize(26, 8)
        screen.until(lambda text: "REASON" not in text, "a narrow table")
        screen.resize(80, 24)
        screen.until_seen("VERSION")
        connection.close()
        own_daemon.kill()
        screen.until_seen("AWAY  not synced", "web-1  running")
        own_daemon.start()
        screen.until_seen("connected  synced", "reconnects 1")
        screen.type(CTRL_C)
        assert screen.end() == INTERRUPTED
        assert b"Traceback" not in screen.raw


def is_lit(screen: Terminal, word: str) -> bool:
    for number, line in enumerate(screen.lines):
        if word in line:
            cell: pyte.screens.Char = screen.screen.buffer[number][line.index(word)]
            return bool(cell.reverse)
    return False


def test_it_gives_the_terminal_back_as_it_was() -> None:
    with terminal("watch", "-c", URI) as screen:
        screen.until_seen("test  running", "connected")
        assert b"\x1b[?1049h" in screen.raw
        assert b"\x1b[?25l" in screen.raw
        screen.type(CTRL_C)
        assert screen.end() == INTERRUPTED
        assert screen.raw.rindex(b"\x1b[?1049l") > screen.raw.rindex(b"\x1b[?1049h")
        assert screen.raw.rindex(b"\x1b[?25h") > screen.raw.rindex(b"\x1b[?25l")


def test_ctrl_z_gives_it_back_until_it_goes_on() -> None:
    with terminal("watch", "-c", URI) as screen:
        screen.until_seen("test  running", "connected")
        screen.process.send_signal(signal.SIGTSTP)
        screen.until(lambda _: b"\x1b[?1049l" in screen.raw, "the terminal is given back")
        os.waitid(os.P_PID, screen.process.pid, os.WSTOPPED)
        screen.process.send_signal(signal.SIGCONT)
        screen.until(lambda _: screen.raw.count(b"\x1b[?1049h") == 2, "it has it again")
        screen.until_seen("test  running", "connected")
        screen.type(CTRL_C)
        assert screen.end() == INTERRUPTED


def test_a_terminal_that_knows_no_unicode() -> None:
    variables = {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    with terminal("watch", "-c", URI, variables=variables) as screen:
        screen.until_seen("test  running", "connected")
        assert screen.raw.decode("ascii")


@pytest.mark.parametrize("arguments", [("get",), ("watch",)])
def test_who_waits_long_sees_what_for(arguments: tuple[str, ...], own_daemon: Daemon) -> None:
    own_daemon.stop()
    try:
        with terminal(*arguments, "-c", own_daemon.uri) as screen:
            screen.until_seen("Connecting to qemu+unix:///session")
            own_daemon.cont()
            if arguments == ("get",):
                assert screen.end() == 0
                assert screen.lines[0].startswith("NAME   STATE")
            else:
                screen.until_seen("connected  synced")
    finally:
        own_daemon.cont()


def test_progress_is_for_terminals(own_daemon: Daemon) -> None:
    own_daemon.kill()
    done = run("get", "-c", own_daemon.uri, "--connect-timeout", "1500ms")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1

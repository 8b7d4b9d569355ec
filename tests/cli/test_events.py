"""``virtinformer events`` and ``virtinformer diff``."""

from __future__ import annotations

import contextlib
import json
import select
import subprocess
from collections.abc import Iterator

import libvirt
import pytest

from tests.cli.commands import CTRL_C, INTERRUPTED, line_of, run, running, terminal
from tests.cli.making import domain, event, updated
from tests.daemons import Daemon, domain_xml
from virtinformer.cli.diff import diff_lines
from virtinformer.cli.lines import delta_line, event_line
from virtinformer.cli.output import Output


class Life:
    """A domain to which something happens, until the command has begun to listen."""

    def __init__(self, connection: libvirt.virConnect, name: str) -> None:
        self._connection = connection
        self.uuid = connection.defineXML(domain_xml(name)).UUIDString()
        self._name = name

    def go_on(self) -> None:
        memory = 32768 + (1024 if self._memory() == 32768 else 0)
        self._connection.defineXML(domain_xml(self._name, uuid=self.uuid, memory_kib=memory))

    def _memory(self) -> int:
        return int(self._connection.lookupByUUIDString(self.uuid).maxMemory())

    def until_told(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        while not select.select([process.stdout], [], [], 0.05)[0]:
            self.go_on()


@contextlib.contextmanager
def life(daemon: Daemon, name: str) -> Iterator[Life]:
    connection = daemon.connect()
    try:
        yield Life(connection, name)
    finally:
        connection.close()


def test_events_are_the_record_of_the_2016_message(clean_qemu: Daemon) -> None:
    with (
        life(clean_qemu, "record") as one,
        running("events", "-c", clean_qemu.uri, "-o", "json") as process,
    ):
        one.until_told(process)
        record = json.loads(line_of(process))
    assert record.pop("timestamp").endswith("+00:00")
    assert record.pop("resource_version") > 0
    assert record.pop("generation") > 0
    assert record == {
        "event_type": "Defined",
        "reason": "Updated",
        "domain_name": "record",
        "domain_id": one.uuid,
        "state": "shutoff",
        "inferred": False,
    }


def test_so_many_events_of_a_type_and_then_the_end(clean_qemu: Daemon) -> None:
    arguments = ("-n", "2", "-t", "Def*", "-t", "Started", "--where", "name=chosen")
    with (
        life(clean_qemu, "chosen") as one,
        running("events", "-c", clean_qemu.uri, *arguments) as process,
    ):
        one.until_told(process)
        one.go_on()
        one.go_on()
        out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    assert [line.split()[2:4] for line in out.splitlines()] == [["chosen", "Defined"]] * 2


def test_the_end_comes_in_time() -> None:
    done = run("events", "-c", "test:///default", "--timeout", "10ms")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_person_is_told_that_it_listens() -> None:
    with terminal("events", "-c", "test:///default") as screen:
        screen.until_seen("Listening for events of 1 domains; Ctrl-C ends.")
        screen.type(CTRL_C)
        assert screen.end() == INTERRUPTED


def test_a_difference_is_shown_as_it_happens(clean_qemu: Daemon) -> None:
    with (
        life(clean_qemu, "web") as one,
        running("diff", "web", "-c", clean_qemu.uri) as process,
    ):
        one.until_told(process)
        head = [line_of(process) for _ in range(4)]
    assert head[0].startswith("~ ")
    assert head[0].endswith(" config_xml,xml Defined\n")
    assert head[1:3] == ["--- web\n", "+++ web\n"]
    assert head[3].startswith("@@ ")


class Paper:
    """What lines are written for: an output that is no file."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return False


@pytest.fixture
def output() -> Output:
    return Output(Paper(), "always")  # type: ignore[arg-type]


def test_a_diff_is_coloured_as_git_has_it(output: Output) -> None:
    text = "--- a\n+++ a\n@@ -1 +1 @@\n <a>\n-\x9b<b/>\n+<c/>"
    assert diff_lines(text, output) == [
        "\x1b[1m--- a\x1b[0m",
        "\x1b[1m+++ a\x1b[0m",
        "\x1b[36m@@ -1 +1 @@\x1b[0m",
        " <a>",
        "\x1b[31m-&#155;<b/>\x1b[0m",
        "\x1b[32m+<c/>\x1b[0m",
    ]
    assert diff_lines("", output) == []


def test_lines_of_names_are_harmless(output: Output) -> None:
    bad = domain("\x9b2J\n[red]")
    for line in (
        delta_line(updated(bad, "Resumed"), output),
        event_line(event(bad, "Resumed\x9b"), output),
    ):
        assert r"\x9b2J\n[red]" in line
        assert "\x9b" not in line
        assert "\n" not in line

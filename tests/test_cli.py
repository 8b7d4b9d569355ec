"""The command line, as a user types it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.daemons import Daemon, domain_xml
from virtinformer.cli import cli, printable

URI = "test:///default"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "virtinformer", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={key: value for key, value in os.environ.items() if not key.endswith("_URI")},
    )


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "virtinformer", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_get_prints_a_line_for_each_domain() -> None:
    done = run("get", "-c", URI)
    assert done.returncode == 0
    assert done.stderr == ""
    head, line = (text.split() for text in done.stdout.splitlines())
    assert head == ["NAME", "STATE", "REASON", "VERSION", "GEN", "PERSISTENT", "AUTOSTART", "AGE"]
    assert line == ["test", "running", "unknown", "1", "1", "yes", "no", "0s"]


def test_a_terminal_that_has_not_got_a_character_is_shown_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    hosts = tmp_path / "host.xml"
    hosts.write_text(f"<node>{domain_xml('euro €')}</node>".replace("'qemu'", "'test'"), "utf-8")
    done = run("get", "-c", f"test://{hosts}")
    assert done.stderr == ""
    assert r"euro \u20ac   running" in done.stdout


def test_get_prints_json_with_and_without_xml() -> None:
    plain = json.loads(run("get", "test", "-c", URI, "-o", "json").stdout)
    whole = json.loads(run("get", "test", "-c", URI, "-o", "json", "--xml").stdout)
    assert plain["name"] == "test"
    assert plain["state"] == "running"
    assert "xml" not in plain
    assert whole["xml"].startswith("<domain ")


def test_get_of_an_unknown_name_is_an_error() -> None:
    done = run("get", "no\x1b[2Jsuch", "-c", URI)
    assert done.returncode == 1
    assert done.stderr == (
        "Error: no domain named no\\x1b[2Jsuch; `virtinformer get -o name` lists them\n"
    )


def test_without_a_uri_it_says_where_one_can_come_from() -> None:
    done = run("watch")
    assert done.returncode == 2
    assert "LIBVIRT_DEFAULT_URI" in done.stderr


def test_the_uri_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIBVIRT_DEFAULT_URI", URI)
    assert CliRunner().invoke(cli, ["get"]).exit_code == 0


def test_an_error_is_one_line_with_a_hint() -> None:
    done = run("get", "-c", "nonsense:///")
    assert done.returncode == 1
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("Error: ")
    assert "no driver 'nonsense'" in lines[0]


def test_ctrl_c_ends_it_at_once_and_cleanly() -> None:
    with running("watch", "-c", URI) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("+ ")
        assert process.stdout.readline().endswith(" synced\n")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (out, err) == ("", "")
    assert process.returncode == 130


def test_a_broken_pipe_is_silent(clean_qemu: Daemon) -> None:
    with running("events", "-c", clean_qemu.uri) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        connection = clean_qemu.connect()
        domain = connection.defineXML(domain_xml("pipe"))
        # It may not be listening yet: go on until the first line, then close and go on.
        while not _readable(process):
            domain = connection.defineXML(domain_xml("pipe", uuid=domain.UUIDString()))
        process.stdout.close()
        while process.poll() is None:
            connection.defineXML(domain_xml("pipe", uuid=domain.UUIDString()))
        assert process.stderr.read() == ""
        connection.close()


def _readable(process: subprocess.Popen[str]) -> bool:
    assert process.stdout is not None
    return bool(select.select([process.stdout], [], [], 0.05)[0])


def test_events_are_the_record_of_the_2016_message(clean_qemu: Daemon) -> None:
    connection = clean_qemu.connect()
    with running("events", "-c", clean_qemu.uri, "-o", "json") as process:
        assert process.stdout is not None
        domain = connection.defineXML(domain_xml("record"))
        while not _readable(process):
            domain = connection.defineXML(domain_xml("record", uuid=domain.UUIDString()))
        record = json.loads(process.stdout.readline())
    connection.close()
    assert record.pop("timestamp").endswith("+00:00")
    assert record.pop("resource_version") > 0
    assert record.pop("reason") in {"Added", "Updated"}
    assert record == {
        "event_type": "Defined",
        "domain_name": "record",
        "domain_id": domain.UUIDString(),
        "generation": 1,
        "state": "shutoff",
        "inferred": False,
    }


def test_watch_prints_json_lines(clean_qemu: Daemon) -> None:
    connection = clean_qemu.connect()
    connection.defineXML(domain_xml("first"))
    with running("watch", "-c", clean_qemu.uri, "-o", "json") as process:
        assert process.stdout is not None
        added, synced = (json.loads(process.stdout.readline()) for _ in range(2))
        connection.lookupByName("first").undefine()
        deleted = json.loads(process.stdout.readline())
    connection.close()
    assert (added["delta"], added["source"]) == ("Added", "initial")
    assert synced == {"delta": "Synced", "resource_version": added["resource_version"]}
    assert (deleted["delta"], deleted["reason"]) == ("Deleted", "undefined")
    assert [event["event_type"] for event in deleted["events"]] == ["Undefined"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain-1", "plain-1"),
        ("tür <&'\">", "tür <&'\">"),
        ("a\x1b[31mred", "a\\x1b[31mred"),
        ("two\nlines", "two\\nlines"),
        (r"two\nlines", r"two\\nlines"),
        ("\u202eflipped", "\\u202eflipped"),
    ],
)
def test_a_name_cannot_disturb_the_terminal(name: str, shown: str) -> None:
    assert printable(name) == shown

"""From start to exit status: options, errors, signals, pipes."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from click.testing import CliRunner

import virtinformer as vi
from tests.cli.commands import (
    CTRL_C,
    INTERRUPTED,
    URI,
    command,
    ended,
    environment,
    line_of,
    run,
    run_alone,
    running,
    terminal,
)
from tests.daemons import Daemon, domain_xml, wait_until
from virtinformer.cli import cli

COMMANDS = ("get", "watch", "events", "diff", "wait", "doctor", "completion")


def test_without_a_uri_it_says_where_one_can_come_from() -> None:
    done = run("watch")
    assert done.returncode == 2
    assert "-c URI" in done.stderr
    assert "LIBVIRT_DEFAULT_URI" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [("-c", URI, "get"), ("get", "-c", URI), ("-c", "nonsense:///", "get", "--connect", URI)],
)
def test_the_uri_stands_before_or_after_the_command(arguments: tuple[str, ...]) -> None:
    # In the environment there is another; what is typed counts.
    result = CliRunner().invoke(cli, arguments, env={"VIRTINFORMER_URI": "nonsense:///"})
    assert result.exit_code == 0, result.output


def test_the_uri_comes_from_the_environment_in_this_order() -> None:
    both = {"VIRTINFORMER_URI": URI, "LIBVIRT_DEFAULT_URI": "nonsense:///"}
    assert CliRunner().invoke(cli, ["get"], env=both).exit_code == 0
    other = {"VIRTINFORMER_URI": "", "LIBVIRT_DEFAULT_URI": URI}
    assert CliRunner().invoke(cli, ["get"], env=other).exit_code == 0


def test_one_run_knows_nothing_of_another() -> None:
    runner = CliRunner()
    assert runner.invoke(cli, ["get", "-c", URI]).exit_code == 0
    assert runner.invoke(cli, ["get"], env={"LIBVIRT_DEFAULT_URI": None}).exit_code == 2


def test_it_needs_no_terminal_width_to_help() -> None:
    for name in COMMANDS:
        result = CliRunner().invoke(cli, [name, "--help"])
        assert result.exit_code == 0
        assert "--help" in result.output


def test_the_version() -> None:
    assert run("--version").stdout == f"virtinformer, version {vi.__version__}\n"


# ---------------------------------------------------------------------- errors


def test_an_error_is_one_line_with_a_hint() -> None:
    done = run_alone("get", "-c", "nonsense:///")
    assert done.returncode == 1
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("Error: ")
    assert "no driver 'nonsense'" in lines[0]


def test_a_traceback_is_to_be_had() -> None:
    done = run_alone("get", "-c", "nonsense:///", "--debug")
    assert done.returncode == 1
    assert "Traceback (most recent call last)" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("Error: cannot connect to 'nonsense:///'")


def test_a_host_that_is_not_up_is_given_up_after_a_while(tmp_path: Path) -> None:
    uri = f"qemu+unix:///session?socket={tmp_path}/none"
    done = run("get", "-c", uri, "--connect-timeout", "200ms")
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "Is the daemon (libvirtd, virtqemud, ...) running" in done.stderr


def test_a_password_in_the_uri_is_not_shown(tmp_path: Path) -> None:
    uri = f"qemu+unix://me:secret@/session?socket={tmp_path}/none"
    done = run("get", "-c", uri, "--connect-timeout", "200ms")
    assert done.returncode == 1
    assert "secret" not in done.stderr


def test_a_fault_of_our_own_is_one_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by\nzero")

    monkeypatch.setattr(vi, "connect", fail)
    result = CliRunner().invoke(cli, ["get", "-c", URI])
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "Error: a fault in virtinformer itself: ZeroDivisionError: by zero; run it again with "
        "--debug, and please report what that shows"
    ]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_what_cannot_be_written_is_an_error() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command("get", "-c", URI),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=30,
            env=environment(),
        )
    assert done.returncode == 1
    assert done.stderr == "Error: cannot write: No space left on device\n"


# ---------------------------------------------------------------------- signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(number: signal.Signals) -> None:
    with running("watch", "-c", URI) as process:
        assert line_of(process).startswith("+ ")
        assert line_of(process).endswith(" synced\n")
        process.send_signal(number)
        assert ended(process) == (128 + number, "", "")


def test_ctrl_c_ends_it_while_it_connects(tmp_path: Path) -> None:
    uri = f"qemu+unix:///session?socket={tmp_path}/none"
    with terminal("get", "-c", uri, "--connect-timeout", "1h") as screen:
        screen.until_seen("Not connected yet")
        screen.type(CTRL_C)
        assert screen.end() == INTERRUPTED


def test_ctrl_c_ends_it_while_the_host_hangs(own_daemon: Daemon) -> None:
    with running("watch", "-c", own_daemon.uri, "-o", "lines") as process:
        assert line_of(process).endswith(" synced\n")
        own_daemon.stop()
        try:
            process.send_signal(signal.SIGINT)
            assert ended(process) == (INTERRUPTED, "", "")
        finally:
            own_daemon.cont()


def test_ctrl_c_ends_it_while_nobody_takes_what_it_writes(clean_qemu: Daemon) -> None:
    connection = clean_qemu.connect()
    for number in range(20):
        connection.defineXML(domain_xml(f"d-{number}"))
    connection.close()
    reader, writer = os.pipe()
    # It holds a few lines, and takes each as a whole or not at all.
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    process = subprocess.Popen(
        command("watch", "-o", "json", "-c", clean_qemu.uri),
        stdout=writer,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    try:
        wait_until(lambda: filled(reader) > 4096 - 1024, "the pipe is full")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == INTERRUPTED
        assert process.stderr is not None
        assert process.stderr.read() == b""
    finally:
        process.kill()
        process.communicate()
        os.close(reader)
        os.close(writer)


def filled(pipe: int) -> int:
    size = fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4)
    return int.from_bytes(size, sys.byteorder)


# ---------------------------------------------------------------------- pipes


def test_a_reader_that_goes_ends_it_at_once() -> None:
    # Nothing happens on this host: no write could find out.
    with running("watch", "-c", URI) as process:
        line_of(process)
        assert process.stdout is not None
        process.stdout.close()
        process.wait(30)
        assert process.returncode == 128 + signal.SIGPIPE
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_a_broken_pipe_is_silent(clean_qemu: Daemon) -> None:
    connection = clean_qemu.connect()
    for number in range(30):
        connection.defineXML(domain_xml(f"d-{number}"))
    connection.close()
    shell = f"{' '.join(command('get', '-o', 'json', '-c', clean_qemu.uri, '--xml'))} | head -n 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", shell.replace("&", "\\&").replace("?", "\\?")],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env=environment(),
    )
    assert (done.stdout, done.stderr) == ("{\n", "")
    assert done.returncode == 128 + signal.SIGPIPE


def test_nothing_but_json_goes_to_a_pipe() -> None:
    done = run_alone("get", "-o", "json", "-c", URI, "-v", "--color", "always")
    assert json.loads(done.stdout)["domains"][0]["name"] == "test"
    assert "INFO virtinformer" in done.stderr


def test_importing_the_library_needs_nothing_of_the_command_line() -> None:
    code = (
        "import sys; import virtinformer; "
        "sys.exit(bool({'click', 'rich', 'yaml', 'virtinformer.cli'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=30).returncode == 0


def test_only_the_live_table_loads_rich() -> None:
    code = (
        "import sys; import virtinformer.cli; sys.exit(bool({'rich', 'yaml'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=30).returncode == 0


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    code = "import sys; sys.modules['click'] = None; from virtinformer.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 1
    assert done.stderr == "The command line needs click: pip install 'virtinformer[cli]'\n"

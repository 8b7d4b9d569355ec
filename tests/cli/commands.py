"""The command as a user starts it: to its end, or going on in a pipe or on a terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import pyte
from click.testing import CliRunner

from virtinformer.cli import cli

URI: Final = "test:///default"
PATIENCE: Final = 30.0
"""Seconds within which what is waited for has to come."""

_STRANGE: Final = ("NO_COLOR", "PYTHONIOENCODING", "COLUMNS", "LINES")


def environment(**more: str) -> dict[str, str]:
    """One in which nothing names a host, or says how to write."""
    ours = {
        key: value
        for key, value in os.environ.items()
        if not key.endswith("_URI") and key not in _STRANGE
    }
    return ours | {"PYTHONUTF8": "1", "TERM": "xterm-256color"} | more


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-W", "error", "-m", "virtinformer", *arguments]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end in this process, which is quicker than `run_alone`."""
    nothing = {key: None for key in os.environ if key not in environment()}
    result = CliRunner().invoke(cli, arguments, env=nothing, prog_name="virtinformer")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    status = result.exit_code
    return subprocess.CompletedProcess(arguments, status, result.stdout, result.stderr)


def run_alone(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end in a process of its own, in pipes."""
    return subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env=environment(**variables),
    )


@contextlib.contextmanager
def running(*arguments: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """It, while it runs in pipes."""
    process = subprocess.Popen(
        command(*arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**variables),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """The status and the rest of the output, once it has ended."""
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


class Terminal:
    """A terminal with the command in it.

    `lines` is what a person would see: a real emulator has obeyed every sequence.
    """

    def __init__(self, columns: int, lines: int) -> None:
        self.screen = pyte.Screen(columns, lines)
        self.raw = b""
        self._stream = pyte.ByteStream(self.screen)
        self._master, self.slave = pty.openpty()
        self.resize(columns, lines)

    def start(self, *arguments: str, **variables: str) -> None:
        self.process = subprocess.Popen(
            command(*arguments),
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            env=environment(**variables),
            preexec_fn=_take_terminal,
        )

    def resize(self, columns: int, lines: int) -> None:
        termios.tcsetwinsize(self._master, (lines, columns))
        self.screen.resize(lines, columns)

    def type(self, text: bytes) -> None:
        os.write(self._master, text)

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def until(self, holds: Callable[[str], object], what: str) -> str:
        """Wait until what is seen is as it should be, and return it."""
        deadline = time.monotonic() + PATIENCE
        while not holds(self.text):
            assert time.monotonic() < deadline, f"never seen: {what}; but:\n{self.text}"
            self.read(0.1)
        return self.text

    def until_seen(self, *words: str) -> str:
        return self.until(lambda text: all(word in text for word in words), " and ".join(words))

    def read(self, seconds: float) -> bool:
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # its last user has gone
            return False
        self.raw += data
        self._stream.feed(data)
        return bool(data)

    def end(self) -> int:
        """Wait for the end, read all there is, and return the status."""
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it does not end:\n{self.text}"
            self.read(0.05)
        while self.read(0.0):
            pass
        return self.process.returncode

    def close(self) -> None:
        if hasattr(self, "process"):
            self.process.kill()
            self.process.wait()
        os.close(self._master)
        os.close(self.slave)


@contextlib.contextmanager
def terminal(
    *arguments: str,
    columns: int = 80,
    lines: int = 24,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Terminal]:
    """The command on a terminal of its own."""
    found = Terminal(columns, lines)
    try:
        found.start(*arguments, **(variables or {}))
        yield found
    finally:
        found.close()


def _take_terminal() -> None:
    """Make standard input the terminal that this process belongs to: Ctrl-C is for it."""
    os.setsid()
    os.close(os.open(os.ttyname(0), os.O_RDWR))


CTRL_C: Final = b"\x03"
INTERRUPTED: Final = 128 + signal.SIGINT

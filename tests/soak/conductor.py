"""Starts everything, does the daemon harm now and then, and writes down what comes of it."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import platform
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Final

import attrs
import libvirt

from tests.daemons import Daemon
from tests.soak.recording import Fault, Recording

__all__ = ["Plan", "conduct"]

ROOT: Final = Path(__file__).parent.parent.parent
PATIENCE: Final = 120.0
"""Seconds for a process to end that was told to."""

Seconds = tuple[float, float]
"""The least and the most."""


@attrs.frozen
class Plan:
    """What is to be done.

    Attributes:
        minutes: how long.
        every: seconds between two samples.
        faults: between two faults of the daemon.
        away: for so long a killed daemon stays away.
        hangs: for so long one hangs; keepalive needs less to notice.
        quiet: for so many seconds before the end the daemon is left alone.
        rates: changes a second, by host.
        keepalive, resync_period: as `virtinformer.connect` has them.
        seed: of all that is drawn.
    """

    minutes: float = 30.0
    every: float = 5.0
    faults: Seconds = (60.0, 90.0)
    away: Seconds = (0.0, 4.0)
    hangs: Seconds = (5.0, 9.0)
    quiet: float = 15.0
    rates: dict[str, float] = attrs.Factory(lambda: {"test": 40.0, "qemu": 3.0})
    keepalive: tuple[int, int] = (1, 2)
    resync_period: float = 20.0
    seed: int = 1

    @classmethod
    def quick(cls) -> Plan:
        """Only to see that it runs, and that a killed daemon is survived."""
        return cls(minutes=0.15, every=0.5, faults=(2.0, 2.0), away=(0.0, 0.0), quiet=5.0)


def conduct(plan: Plan, recording: Recording, say: Callable[[str], None]) -> None:
    """One run; what is recorded when it fails half-way is recorded."""
    recording.about = _about(plan)
    with Daemon() as daemon:
        told = attrs.asdict(plan) | {"uris": {"test": daemon.test_uri, "qemu": daemon.uri}}
        with _started("tests.soak.writers", told) as writers:
            _is_ready(writers)
            with _started("tests.soak.subject", told) as subject:
                listener = Listener(subject, recording, say)
                listener.wait_for_first()
                _harm(daemon, plan, recording, listener)
                _end(writers)
                recording.about["changes"] = _last_words(writers)
                _buried(writers)
                _end(subject)
                listener.join()
                _buried(subject)


def _about(plan: Plan) -> dict[str, Any]:
    version = libvirt.getVersion()
    return {
        "plan": attrs.asdict(plan),
        "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "libvirt": f"{version // 1_000_000}.{version // 1000 % 1000}.{version % 1000}",
    }


@contextlib.contextmanager
def _started(module: str, told: dict[str, Any]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", module, json.dumps(told)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()  # one that has ended does not mind
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _is_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    if process.stdout.readline() != "ready\n":
        raise RuntimeError("the writers cannot begin: see what they wrote to stderr")


def _end(process: subprocess.Popen[str]) -> None:
    """Tell it to end."""
    assert process.stdin is not None
    process.stdin.close()


def _last_words(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    return dict(json.loads(process.stdout.read()))


def _buried(process: subprocess.Popen[str]) -> None:
    if process.wait(PATIENCE):
        raise RuntimeError(f"{process.args!r} ended with status {process.returncode}")


class Listener:
    """Writes down what the subject tells."""

    def __init__(
        self, subject: subprocess.Popen[str], recording: Recording, say: Callable[[str], None]
    ) -> None:
        assert subject.stdout is not None
        self._recording = recording
        self._say = say
        self._first = threading.Event()
        self._began = 0.0
        self._thread = threading.Thread(
            target=self._run, args=[subject.stdout], name="soak-listener", daemon=True
        )
        self._thread.start()

    def wait_for_first(self) -> None:
        """Return when the subject has begun to measure."""
        if not self._first.wait(PATIENCE) or not self._recording.samples:
            raise RuntimeError("the subject does not begin: see what it wrote to stderr")

    def now(self) -> float:
        """The time as samples have it."""
        return time.monotonic() - self._began

    def join(self) -> None:
        """Wait until all was said."""
        self._thread.join()

    def _run(self, lines: IO[str]) -> None:
        for line in lines:
            if not self._first.is_set():
                self._began = time.monotonic()
            self._recording.add(json.loads(line))
            self._first.set()
            self._say(line)
        self._first.set()


# ---------------------------------------------------------------------- faults


def _harm(daemon: Daemon, plan: Plan, recording: Recording, listener: Listener) -> None:
    """Kill the daemon or have it hang, in turn, until the time is over."""
    chance = random.Random(plan.seed)
    last = plan.minutes * 60
    harms = itertools.cycle([_kill, _hang])
    while (pause := chance.uniform(*plan.faults)) < last - listener.now() - plan.quiet:
        time.sleep(pause)  # the load, not a condition
        began = round(listener.now(), 2)
        what = next(harms)(daemon, plan, chance)
        recording.faults.append(Fault(began, round(listener.now(), 2), what))
    time.sleep(max(0.0, last - listener.now()))


def _kill(daemon: Daemon, plan: Plan, chance: random.Random) -> str:
    daemon.kill()
    time.sleep(chance.uniform(*plan.away))
    daemon.start()
    return "killed"


def _hang(daemon: Daemon, plan: Plan, chance: random.Random) -> str:
    daemon.stop()
    try:
        time.sleep(chance.uniform(*plan.hangs))
    finally:
        daemon.cont()
    return "hung"

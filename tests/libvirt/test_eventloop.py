"""Who runs libvirt's event loop. One per process: so each case has a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import libvirt
import pytest

from virtinformer._libvirt import eventloop

SRC = Path(__file__).parents[2] / "src"


@pytest.fixture
def open_door() -> Iterator[threading.Event]:
    """Until it is set, libvirt's event loop is held up by a callback."""
    eventloop.ensure_running()
    door, inside = threading.Event(), threading.Event()

    def hold(timer: int, opaque: object) -> None:
        libvirt.virEventRemoveTimeout(timer)
        inside.set()
        door.wait(30)

    libvirt.virEventAddTimeout(0, hold, None)
    assert inside.wait(10)
    yield door
    door.set()


def run(code: str) -> str:
    """What a process that runs `code` prints."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": str(SRC)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


TRY = """
from virtinformer._libvirt.eventloop import ensure_running
from virtinformer.exceptions import EventLoopError
def attempt():
    try:
        ensure_running()
    except EventLoopError as error:
        print("refused:", error)
    else:
        print("runs")
"""


def test_it_runs_on_one_daemon_thread_however_often_it_is_asked_for() -> None:
    threads = [threading.Thread(target=eventloop.ensure_running) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ours = [t for t in threading.enumerate() if t.name == eventloop.THREAD_NAME]
    assert len(ours) == 1
    assert ours[0].daemon


def test_fence_returns_once_the_loop_has_turned() -> None:
    eventloop.ensure_running()
    assert eventloop.fence()


def test_a_fence_adds_no_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """The binding would keep its callback, and all that hangs on it, for ever."""
    eventloop.ensure_running()
    added: list[object] = []
    monkeypatch.setattr(libvirt, "virEventAddTimeout", lambda *args: added.append(args))
    assert eventloop.fence()
    assert added == []


def test_a_fence_waits_for_the_callback_that_is_running(open_door: threading.Event) -> None:
    eventloop.ensure_running()
    assert not eventloop.fence(0.05)
    open_door.set()
    assert eventloop.fence()


def test_fences_of_many_threads_at_once() -> None:
    eventloop.ensure_running()
    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(lambda _: eventloop.fence(10.0), range(200)))


def test_there_is_nothing_to_wait_for_before_the_loop_runs() -> None:
    assert run("from virtinformer._libvirt.eventloop import fence\nprint(fence())") == "False"


def test_a_process_that_never_closes_anything_still_exits() -> None:
    out = run(
        TRY + "attempt()\n"
        "import libvirt\n"
        "host = libvirt.open('test:///default')\n"
        "host.domainEventRegisterAny(None, 0, print, None)\n"
    )
    assert out == "runs"


def test_an_error_of_libvirt_is_not_printed() -> None:
    code = TRY + "attempt()\nimport libvirt\ntry: libvirt.open('not a uri')\nexcept Exception: pass"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(SRC)},
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    assert done.stderr == ""


@pytest.mark.parametrize("debug", [False, True])
def test_libvirtaio_first_is_refused(debug: bool) -> None:
    out = run(
        TRY
        + f"debug = {debug}"
        + """
import asyncio, importlib
async def main():
    importlib.import_module("libvirtaio").virEventRegisterAsyncIOImpl()
    await asyncio.to_thread(attempt)
    attempt()                         # the verdict is kept
asyncio.run(main(), debug=debug)
"""
    )
    first, second = out.splitlines()
    assert first.startswith("refused:")
    assert "libvirtaio" in first
    assert second == first


def test_a_foreign_implementation_that_nobody_runs_is_refused() -> None:
    out = run(
        TRY
        + """
import libvirt
def nothing(*args): return 1
libvirt.virEventRegisterImpl(nothing, nothing, nothing, nothing, nothing, nothing)
attempt()
"""
    )
    assert out.startswith("refused:")
    assert "another was registered first" in out


def test_a_foreign_implementation_that_another_thread_runs_is_refused() -> None:
    out = run(
        TRY
        + """
import itertools, libvirt, threading, time
timers, numbers = {}, itertools.count(1)
def add(interval, callback, opaque):
    timers[number := next(numbers)] = (interval, callback, opaque)
    return number
def turn():
    while True:
        for number, (interval, callback, opaque) in tuple(timers.items()):
            if interval == 0:
                callback(number, opaque)
        time.sleep(0.01)
def nothing(*args): return 1
libvirt.virEventRegisterImpl(nothing, nothing, nothing, add, nothing, lambda n: timers.pop(n) and 0)
threading.Thread(target=turn, name="theirs", daemon=True).start()
attempt()
"""
    )
    assert out.startswith("refused:")
    assert "'theirs'" in out


def test_the_default_implementation_registered_before_us_is_as_good() -> None:
    assert run(TRY + "import libvirt\nlibvirt.virEventRegisterDefaultImpl()\nattempt()") == "runs"


def test_a_thread_that_cannot_be_had_now_may_be_had_later() -> None:
    out = run(
        TRY
        + """
import threading
start = threading.Thread.start
def refuse(thread): raise RuntimeError("can't start new thread")
threading.Thread.start = refuse
attempt()
threading.Thread.start = start
attempt()
"""
    )
    first, second = out.splitlines()
    assert first.startswith("refused:")
    assert "can't start new thread" in first
    assert second == "runs"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_a_forked_child_is_refused_and_told_to_spawn() -> None:
    out = run(
        TRY
        + """
import os, sys
attempt()
sys.stdout.flush()
if os.fork() == 0:
    attempt()
    sys.stdout.flush()
    os._exit(0)
os.wait()
"""
    )
    first, second = out.splitlines()
    assert first == "runs"
    assert second.startswith("refused:")
    assert "'spawn'" in second


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_a_child_forked_before_anything_ran_is_welcome() -> None:
    out = run(
        TRY
        + """
import os, sys
if os.fork() == 0:
    attempt()
    sys.stdout.flush()
    os._exit(0)
os.wait()
"""
    )
    assert out == "runs"


def test_while_calls_are_made_in_a_row_the_loop_rests_between_its_turns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rests, turns = list[float](), threading.Semaphore(0)

    def rest(seconds: float) -> None:
        rests.append(seconds)

    def turn(timer: int, opaque: object) -> None:
        libvirt.virEventRemoveTimeout(timer)
        turns.release()

    eventloop.ensure_running()
    assert eventloop.fence(10)
    monkeypatch.setattr("virtinformer._libvirt.eventloop.time.sleep", rest)
    libvirt.virEventAddTimeout(0, turn, None)
    assert turns.acquire(timeout=10)
    assert rests == []
    with eventloop.slowly():
        with eventloop.slowly():
            pass
        for _ in range(3):  # the third comes after a whole turn
            libvirt.virEventAddTimeout(0, turn, None)
            assert turns.acquire(timeout=10)
        assert rests
    assert set(rests) == {eventloop.REST_SECONDS}
    monkeypatch.undo()
    assert eventloop._haste.calls == 0
    assert eventloop.fence(10)

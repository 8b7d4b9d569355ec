"""Threads for calls that block."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.daemons import wait_until
from tests.libvirt.recording import NoThreads
from virtinformer._libvirt.readers import Readers

SRC = Path(__file__).parents[2] / "src"


def test_jobs_run_elsewhere_and_at_most_so_many_at_once() -> None:
    readers, release = Readers("pool", size=2), threading.Event()
    running, third = threading.Semaphore(0), threading.Event()

    def hang() -> None:
        running.release()
        release.wait(10)

    for _ in range(2):
        readers.submit(hang)
    readers.submit(third.set)
    assert running.acquire(timeout=10)
    assert running.acquire(timeout=10)
    assert not third.is_set()
    release.set()
    assert third.wait(10)
    readers.close()
    assert readers.join(10)


def test_jobs_begin_in_the_order_of_their_submission() -> None:
    readers, seen, done = Readers("pool", size=1), list[int](), threading.Event()
    for number in range(100):
        readers.submit(lambda number=number: seen.append(number))  # type: ignore[misc]
    readers.submit(done.set)
    assert done.wait(10)
    assert seen == list(range(100))
    readers.close()
    assert readers.join(10)


def test_an_idle_thread_serves_again() -> None:
    readers, names = Readers("pool", size=4), list[str]()
    for number in range(5):
        readers.submit(lambda: names.append(threading.current_thread().name))
        wait_until(lambda: len(names) > number and readers._idle == 1, "idle again")  # noqa: B023
    assert names == ["pool-0"] * 5
    readers.close()
    assert readers.join(10)


def test_close_waits_for_no_job_and_begins_none() -> None:
    readers, hung, release = Readers("pool", size=1), threading.Event(), threading.Event()

    def hang() -> None:
        hung.set()
        release.wait(10)

    readers.submit(hang)
    assert hung.wait(10)
    begun: list[str] = []
    readers.submit(lambda: begun.append("queued before"))
    readers.close()
    readers.submit(lambda: begun.append("submitted after"))
    assert not readers.join(0.05)
    release.set()
    assert readers.join(10)
    assert begun == []


def test_a_job_that_raises_is_logged_and_the_thread_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    readers, done = Readers("pool", size=1), threading.Event()

    def fail() -> None:
        raise ValueError("no good")

    with caplog.at_level(logging.ERROR, "virtinformer.libvirt"):
        readers.submit(fail)
        readers.submit(done.set)
        assert done.wait(10)
    assert "no good" in caplog.text
    readers.close()
    assert readers.join(10)


def test_what_a_job_holds_is_free_when_it_is_done() -> None:
    import weakref

    class Held:
        def run(self) -> None:
            pass

    readers, held = Readers("pool", size=1), Held()
    freed = threading.Event()
    weakref.finalize(held, freed.set)
    readers.submit(held.run)
    del held
    assert freed.wait(10)
    readers.close()
    assert readers.join(10)


def test_a_hung_job_does_not_keep_the_interpreter_from_exiting() -> None:
    code = (
        f"import sys, threading; sys.path.insert(0, {str(SRC)!r})\n"
        "from virtinformer._libvirt.readers import Readers\n"
        "hung = threading.Event()\n"
        "Readers('pool', 4).submit(lambda: (hung.set(), threading.Event().wait()))\n"
        "assert hung.wait(10)\n"
    )
    subprocess.run([sys.executable, "-c", code], timeout=30, check=True)


def test_without_any_thread_a_job_is_refused_and_nothing_is_left_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    readers, threads, done = Readers("pool", size=1), NoThreads(monkeypatch), threading.Event()
    refused: list[str] = []
    threads.refuse()
    with pytest.raises(RuntimeError, match="can't start"):
        readers.submit(lambda: refused.append("ran"))
    threads.allow()
    readers.submit(done.set)
    assert done.wait(10)
    readers.close()
    assert readers.join(10)
    assert refused == []


def test_a_second_thread_that_cannot_be_had_is_done_without(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    readers, hung, release = Readers("pool", size=2), threading.Event(), threading.Event()
    done = threading.Event()

    def hang() -> None:
        hung.set()
        release.wait(10)

    readers.submit(hang)
    assert hung.wait(10)
    NoThreads(monkeypatch).refuse()
    readers.submit(done.set)
    release.set()
    assert done.wait(10)
    readers.close()
    assert readers.join(10)
    assert "goes on with 1 threads" in caplog.text


def test_the_last_thread_does_the_last_thing_when_all_jobs_are_done() -> None:
    readers, release, hung = Readers("pool", size=2), threading.Event(), threading.Semaphore(0)
    seen: list[str] = []

    def hang() -> None:
        hung.release()
        release.wait(10)
        seen.append("job")

    for _ in range(2):
        readers.submit(hang)
        assert hung.acquire(timeout=10)
    readers.close(lambda: seen.append(threading.current_thread().name))
    readers.close(lambda: seen.append("closed again"))
    assert seen == []
    release.set()
    assert readers.join(10)
    assert seen[:2] == ["job", "job"]
    assert seen[2] in {"pool-0", "pool-1"}
    assert len(seen) == 3


def test_if_there_never_was_a_thread_the_last_thing_is_done_at_once() -> None:
    done: list[str] = []
    Readers("pool", size=2).close(lambda: done.append("last"))
    assert done == ["last"]

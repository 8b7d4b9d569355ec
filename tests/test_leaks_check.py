"""The look at what each test left behind sees what is left, and names it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import libvirt
import pytest
import uvloop

from tests.daemons import Daemon
from tests.leaks import Leaks
from tests.libvirt.recording import URI, defined, opened
from tests.loops import LoopFactory
from virtinformer._libvirt.eventloop import ensure_running
from virtinformer.testing import VirtualLoop

ROOT = Path(__file__).parent.parent
LIFECYCLE = libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE


async def wait_for_nothing() -> None:
    await asyncio.Event().wait()


async def leave_a_task() -> asyncio.Task[None]:
    task = asyncio.create_task(wait_for_nothing(), name="the stray")
    await asyncio.sleep(0)
    return task


def test_a_test_that_leaves_nothing(leaks: Leaks) -> None:
    assert leaks.new() == {}
    assert leaks.left() == {}


@pytest.mark.parametrize(
    "factory",
    [asyncio.new_event_loop, uvloop.new_event_loop, VirtualLoop],
    ids=["asyncio", "uvloop", "virtual"],
)
def test_a_task_is_named(leaks: Leaks, factory: LoopFactory) -> None:
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(leave_a_task())
    (stray,) = leaks.left()["tasks"]
    assert stray.startswith("the stray (wait_for_nothing) at ")
    assert f"{Path(__file__).name}:" in stray
    leaks.stragglers.forget()


def test_a_task_that_was_told_to_end_is_given_a_turn(leaks: Leaks) -> None:
    async def cancel_it() -> None:
        (await leave_a_task()).cancel()

    asyncio.run(cancel_it())
    assert leaks.new() == {}


def test_a_task_that_will_not_end_is_named(leaks: Leaks) -> None:
    async def swallow() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await wait_for_nothing()
        await wait_for_nothing()

    async def leave() -> None:
        task = asyncio.create_task(swallow(), name="stubborn")
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(leave())
    assert [name.partition(" ")[0] for name in leaks.new()["tasks"]] == ["stubborn"]
    leaks.stragglers.forget()


def test_a_thread_is_named(leaks: Leaks) -> None:
    end = threading.Event()
    thread = threading.Thread(target=end.wait, name="the stray")
    thread.start()
    try:
        assert leaks.new() == {"threads": [f"the stray ({thread.ident})"]}
    finally:
        end.set()
        thread.join()


def test_a_descriptor_is_named(leaks: Leaks) -> None:
    ends = os.pipe()
    try:
        left = leaks.new()["descriptors"]
        assert [name.partition(" ")[0] for name in left] == [str(end) for end in sorted(ends)]
        assert all(" pipe:[" in name for name in left)
    finally:
        for end in ends:
            os.close(end)


def test_a_connection_is_named(leaks: Leaks) -> None:
    host = libvirt.open(URI)
    (left,) = leaks.new()["libvirt objects"]
    assert left.startswith("virConnect #")
    assert f" opened at {__file__}:" in left
    host.close()
    assert leaks.new() == {}


def test_a_domain_handle_is_named(leaks: Leaks) -> None:
    with opened() as host, defined(host, name="the-stray"):
        handle = host.lookupByName("the-stray")
    (left,) = leaks.new()["libvirt objects"]
    assert left.startswith("virDomain #")
    assert left.endswith(" 'the-stray'")
    # It is known why this connection was not freed when it was closed.
    assert "libvirt references" not in leaks.new()
    del handle
    assert leaks.new() == {}


def listen(host: libvirt.virConnect) -> int:
    return host.domainEventRegisterAny(None, LIFECYCLE, lambda *_: None, None)


def test_each_callback_is_named(leaks: Leaks) -> None:
    ensure_running()
    with opened() as one, opened() as other:
        numbers = listen(one), listen(other)
        left = leaks.new()["callbacks"]
        assert len(left) == 2
        for name, number in zip(left, numbers, strict=True):
            assert name.startswith(f"{number} for event id {LIFECYCLE} of connection #")
            assert f", registered at {__file__}:" in name
        one.domainEventDeregisterAny(numbers[0])
        assert len(leaks.new()["callbacks"]) == 1
        other.domainEventDeregisterAny(numbers[1])
    assert leaks.new() == {}


def test_a_close_callback_is_named(leaks: Leaks, qemu: Daemon) -> None:
    ensure_running()
    with opened(qemu.test_uri) as host:  # the test driver itself has none
        host.registerCloseCallback(lambda *_: None, None)
        (left,) = leaks.new()["callbacks"]
        assert left.startswith("for the close of connection #")
        host.unregisterCloseCallback()
        assert "callbacks" not in leaks.new()


def test_a_connection_that_libvirt_cannot_free_is_told(leaks: Leaks) -> None:
    host = libvirt.open(URI)
    unknown = host.networkLookupByName("default")  # of no kind that is counted
    assert host.close() == 1
    assert leaks.new().keys() == {"libvirt references"}
    (left,) = leaks.new()["libvirt references"]
    assert left.startswith("1 to connection #")
    assert f", closed at {__file__}:" in left
    del unknown
    leaks.ledger.forget()
    assert leaks.new() == {}


LEAKY = """
import asyncio
import pytest

async def wait():
    await asyncio.Event().wait()

async def leave():
    asyncio.create_task(wait(), name="the stray")

def test_tidy():
    asyncio.run(asyncio.sleep(0))

def test_untidy():
    asyncio.run(leave())

@pytest.mark.leaves("tasks")
def test_allowed():
    asyncio.run(leave())

@pytest.mark.asyncio
async def test_untidy_too():
    await leave()
"""


def test_a_test_that_leaves_something_fails(tmp_path: Path) -> None:
    file = tmp_path / "test_leaky.py"
    file.write_text(LEAKY)
    arguments = [
        "-p",
        "no:cacheprovider",
        "-p",
        "tests.conftest",
        "-c",
        str(ROOT / "pyproject.toml"),
    ]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments, "--rootdir", str(tmp_path), str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "4 passed, 2 errors" in result.stdout, result.stdout + result.stderr
    assert result.stdout.count("the test left behind tasks: ['the stray (wait) at ") >= 2
    errors = [line for line in result.stdout.splitlines() if line.startswith("ERROR ")]
    untidy = {line.partition(" - ")[0].rpartition("::")[2] for line in errors}
    assert untidy == {"test_untidy", "test_untidy_too"}

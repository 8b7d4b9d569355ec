"""What all tests share: hosts, event loops, and a look at what each test left behind."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path

import hypothesis
import libvirt
import pytest
import uvloop

from tests.daemons import Daemon, DaemonError, wait_until
from tests.loops import LoopFactory, loop_factories

# No deadline: a time is no promise, and other programs run beside the tests. "ci" tries the
# same examples each time, so that a change is judged by itself; "nightly" goes looking.
hypothesis.settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True)
hypothesis.settings.register_profile(
    "nightly",
    deadline=None,
    print_blob=True,
    max_examples=20_000,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
# For scripts/mutants.py: whether it fails is all that is asked, some thousand times.
hypothesis.settings.register_profile(
    "mutants",
    deadline=None,
    database=None,
    derandomize=True,
    max_examples=20,
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    suppress_health_check=list(hypothesis.HealthCheck),
)

EVENT_THREAD = "virtinformer-events"
"""libvirt's event loop: one thread a process, started once, never ended."""

_KINDS = ("socket:", "pipe:", "anon_inode:")
_PASSED = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """For `./scripts/test`, on whose machines nothing is missing."""
    parser.addoption("--no-skips", action="store_true", help="a skipped test is a failed test")


def pytest_configure(config: pytest.Config) -> None:
    """Choose hypothesis's profile, and have libvirt tell its errors as exceptions only."""
    if not config.getoption("--hypothesis-profile"):
        hypothesis.settings.load_profile("ci")
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # end as on Ctrl-C: tidily
    # Both open some things once a process, for ever.
    libvirt.open("test:///default").close()
    uvloop.new_event_loop().close()


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, LoopFactory]:
    """See `tests.loops`."""
    return loop_factories(item)


@pytest.fixture(scope="session")
def qemu() -> Iterator[Daemon]:
    """A host with QEMU that all tests share; leave it running, and see `clean_qemu`."""
    with Daemon() as daemon:
        host = daemon.connect()
        host.getCapabilities()  # what its QEMU can do: `Daemon(like=…)` copies the answer
        host.close()
        yield daemon


@pytest.fixture
def clean_qemu(qemu: Daemon) -> Iterator[Daemon]:
    """The shared host, without a domain before and after."""
    qemu.clear()
    yield qemu
    qemu.clear()


@pytest.fixture
def own_daemon(qemu: Daemon) -> Iterator[Daemon]:
    """A host with QEMU for one test alone, which may kill it."""
    with Daemon(like=qemu) as daemon:
        yield daemon


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember that a test passed; `--no-skips`: a skip is a failure."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and item.config.getoption("--no-skips"):
        report.outcome = "failed"
    if report.when == "call":
        item.stash[_PASSED] = report.passed
    return report


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """After a test there is no thread and no open socket, pipe or the like that was not before.

    It is set up first and therefore looks last, when the test's other fixtures and its event
    loop are gone. libvirt closes a socket a moment after its connection: hence the wait.
    """
    if "qemu" in request.fixturenames:
        request.getfixturevalue("qemu")  # what outlives the test must be there before it
    ran, threads, descriptors = _event_thread_runs(), _threads(), _descriptors()
    yield
    if not request.node.stash.get(_PASSED, False):
        return  # a traceback may well hold what would otherwise be gone
    _expect_none(lambda: _threads() - threads, "threads")
    # libvirt's event loop keeps what it wakes itself with; it begins in one test of a process.
    kinds = _KINDS if ran or not _event_thread_runs() else ("socket:",)
    _expect_none(lambda: _descriptors(kinds) - descriptors, "descriptors")


def _expect_none(left: Callable[[], set[str]], what: str) -> None:
    try:
        wait_until(lambda: not left(), what, timeout=1.0)
    except DaemonError:
        gc.collect()  # only now: it takes longer than most tests
    try:
        wait_until(lambda: not left(), what, timeout=2.0)
    except DaemonError:
        pytest.fail(f"the test left {what} behind: {sorted(left())}")


def _event_thread_runs() -> bool:
    return any(thread.name == EVENT_THREAD for thread in threading.enumerate())


def _threads() -> set[str]:
    threads = (thread for thread in threading.enumerate() if thread.name != EVENT_THREAD)
    return {f"{thread.name} ({thread.ident})" for thread in threads}


def _descriptors(kinds: tuple[str, ...] = _KINDS) -> set[str]:
    """What is open beside files: by number and name. Empty where there is no /proc."""
    found = set()
    for entry in Path("/proc/self/fd").glob("*"):
        with contextlib.suppress(FileNotFoundError):  # the one that this glob itself had open
            target = os.readlink(entry)
            if target.startswith(kinds):
                found.add(f"{entry.name} {target}")
    return found

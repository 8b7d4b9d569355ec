"""What all tests share: hosts, event loops, and a look at what each test left behind."""

from __future__ import annotations

import signal
from collections.abc import Generator, Iterator, Mapping

import hypothesis
import libvirt
import pytest
import uvloop

from tests.daemons import Daemon
from tests.leaks import Leaks
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

LEAKS = Leaks()

_PASSED = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """For `./scripts/test`, on whose machines nothing is missing."""
    parser.addoption("--no-skips", action="store_true", help="a skipped test is a failed test")


def pytest_configure(config: pytest.Config) -> None:
    """Choose hypothesis's profile, and have libvirt tell its errors as exceptions only."""
    config.addinivalue_line("markers", "leaves(kind): a test that may leave such things behind")
    if not config.getoption("--hypothesis-profile"):
        hypothesis.settings.load_profile("ci")
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # end as on Ctrl-C: tidily
    # Both open some things once a process, for ever.
    libvirt.open("test:///default").close()
    uvloop.new_event_loop().close()
    LEAKS.install()


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


@pytest.fixture
def leaks() -> Leaks:
    """What looks after each test; for tests that leave something and tidy up themselves."""
    return LEAKS


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """After a test there is nothing of what `tests.leaks` looks for that was not there before.

    It is set up first and therefore looks last, when the test's other fixtures and its event
    loop are gone.
    """
    if "qemu" in request.fixturenames:
        request.getfixturevalue("qemu")  # what outlives the test must be there before it
    LEAKS.begin()
    yield
    if not request.node.stash.get(_PASSED, False):
        return  # a traceback may well hold what would otherwise be gone
    allowed = [kind for mark in request.node.iter_markers("leaves") for kind in mark.args]
    if left := LEAKS.left(*allowed):
        pytest.fail("the test left behind " + "; ".join(f"{k}: {v}" for k, v in left.items()))


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What each `virConnectClose` returned: how many references were left."""
    left: list[int] = []
    close = libvirt.virConnect.close

    def recorded(host: libvirt.virConnect) -> int:
        left.append(close(host))
        return left[-1]

    monkeypatch.setattr(libvirt.virConnect, "close", recorded)
    return left

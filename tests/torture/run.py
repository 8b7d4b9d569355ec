"""A round of torture: writers, watchers and a tormentor, until everything comes to rest.

Then the store must be what an independent read of the host finds, field by field; nothing
may be left of the informers; and every validator must believe the history.

A round is one history, of one life of an informer, on a host as the round before left it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, Final

import attrs
import libvirt

import virtinformer as vi
from tests.daemons import Daemon, is_alive, wait_until
from tests.guarantees.contract import violations
from tests.guarantees.history import History, Violation
from tests.guarantees.recorder import Recorder
from tests.live.hands import opened, read_host
from tests.torture.crowd import Crowd
from tests.torture.promptness import Promptness
from tests.torture.remains import counted, left
from tests.torture.tally import Tally
from tests.torture.team import Team, observation_of
from tests.torture.tormentor import KEEPALIVE, Tormentor
from virtinformer._libvirt import LibvirtSource

__all__ = ["DRIVERS", "Broken", "Plan", "private_daemon", "torture"]

DRIVERS: Final = ("qemu", "test")
QUIET: Final = 1.0
"""Seconds in which nothing happens any more."""
REST: Final = 60.0
"""Seconds after which it should have come to rest."""
TEAMS: Final[Mapping[str, Mapping[str, Any]]] = {
    "qemu": {"members": 3, "domains": 2, "pace": 0.1},
    "test": {"members": 3, "domains": 5, "pace": 0.03},
}


class Broken(AssertionError):
    """A round ended badly; the text says how to look at it."""


@attrs.frozen
class Plan:
    """One round.

    Attributes:
        seed: decides what is decided here.
        seconds: how long everybody works.
        drivers: of which hosts: ``"qemu"``, ``"test"``, or both at once.
        pause: seconds between two faults: the shortest, and the longest.
    """

    seed: int
    seconds: float
    drivers: tuple[str, ...] = DRIVERS
    pause: tuple[float, float] = (0.5, 10.0)


@asynccontextmanager
async def private_daemon(like: Daemon | None = None) -> AsyncIterator[Daemon]:
    """A daemon of our own, of which nothing is left, not even a QEMU that it has lost."""
    daemon = await asyncio.to_thread(lambda: Daemon(like=like))
    try:
        with opened(daemon.uri) as host:
            host.getCapabilities()  # finds out about QEMU now, and not while a guest starts
        async with vi.connect(daemon.test_uri):
            pass  # what is opened once, for ever, is open now
        yield daemon
    finally:
        await asyncio.to_thread(_end, daemon)


def _end(daemon: Daemon) -> None:
    """One that was killed while it started a guest may not have written down which."""
    lost = [*_guests_of(daemon)]
    daemon.close()
    for pid in lost:
        if str(daemon.root).encode() in _command(pid):
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(map(is_alive, lost)), "all guests are gone")


def _guests_of(daemon: Daemon) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        command = _command(entry.name) if entry.name.isdigit() else b""
        if b"qemu-system" in command and str(daemon.root).encode() in command:
            yield int(entry.name)


def _command(pid: int | str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


# ---------------------------------------------------------------------- one host


class Host:
    """One driver of the daemon, with all who work on it and all who watch it.

    Args:
        daemon: serves it.
        driver: ``"qemu"`` or ``"test"``.
        plan: of the round.
        tally: counts.
    """

    def __init__(self, daemon: Daemon, driver: str, plan: Plan, tally: Tally) -> None:
        self._random = Random(f"{plan.seed} {driver}")
        self.driver = driver
        self.uri = daemon.uri if driver == "qemu" else daemon.test_uri
        self.tally = tally
        self.recorder = Recorder(
            resync_period=self._random.choice((1.0, 3.0)),
            reorder_window=self._random.choice((0.05, 0.1)),
            history=self._random.choice((16, 1024)),
        )
        self.team = Team(
            self.recorder, tally, self.uri, daemon.root, seed=plan.seed, **TEAMS[driver]
        )

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Everybody works and watches, within; then everything comes to rest."""
        source = LibvirtSource(self.uri, keepalive=KEEPALIVE)
        async with self.recorder.informer(source) as informer, self.team:
            crowd = Crowd(self.recorder, informer, self.team.uuids, self._random)
            async with crowd:
                yield
                # The last to close takes the test driver's domains with it.
                keeper = await asyncio.to_thread(libvirt.open, self.uri)
                try:
                    await self.team.stop()
                    await crowd.calm_down()
                    await self._rest(informer)
                finally:
                    await asyncio.to_thread(keeper.close)
            self.tally.saw(informer.statistics(), informer.health)

    async def _rest(self, informer: vi.DomainInformer) -> None:
        async with asyncio.timeout(REST):
            await self.recorder.want("sync")
            await _until_quiet(informer)
        truth = await asyncio.to_thread(read_host, self.uri)
        self.recorder.rest({uuid: observation_of(record) for uuid, record in truth.items()})

    def judge(self) -> list[Violation]:
        """What is wrong with the history."""
        history = self.recorder.history
        prompt = Promptness(history)
        found = violations(history)
        try:
            prompt.check()
        except Violation as violation:
            found.append(violation)
        self.tally.asked += prompt.asked
        self.tally.slowest = max(self.tally.slowest, prompt.slowest)
        self.tally.lines += len(history.lines)
        return found


async def _until_quiet(informer: vi.DomainInformer) -> None:
    """Wait until nothing has changed for a while, and nobody has anything left to read."""
    loop = asyncio.get_running_loop()
    version, since = informer.resource_version, loop.time()
    while loop.time() - since < QUIET:
        await asyncio.sleep(0.05)
        statistics = informer.statistics()
        settled = all(domain.settled for domain in informer.list())
        if informer.resource_version != version or statistics.queued or not settled:
            version, since = informer.resource_version, loop.time()


# ---------------------------------------------------------------------- one round


async def torture(daemon: Daemon, plan: Plan, tallies: Mapping[str, Tally]) -> None:
    """One round.

    Raises:
        Broken: if a promise was broken.
    """
    loop = asyncio.get_running_loop()
    before, began = counted(), loop.time()
    hosts = [Host(daemon, driver, plan, tallies[driver]) for driver in plan.drivers]
    try:
        await _work(daemon, plan, hosts)
        remains = await left(before)
    except BaseException as error:
        if isinstance(error, Exception):
            raise Broken(_report(plan, hosts, repr(error))) from error
        raise
    for host in hosts:
        host.recorder.left(remains)
        host.tally.rounds += 1
        host.tally.seconds += loop.time() - began
    found = [(host, violation) for host in hosts for violation in host.judge()]
    if found:
        found.sort(key=lambda pair: len(pair[1].lines))
        texts = [f"{violation}\non {host.driver}" for host, violation in found]
        raise Broken(_report(plan, hosts, "\n\n".join(texts)))


async def _work(daemon: Daemon, plan: Plan, hosts: list[Host]) -> None:
    tormentor = Tormentor(
        daemon,
        [host.recorder for host in hosts],
        [host.team for host in hosts],
        [host.tally for host in hosts],
        Random(plan.seed),
        plan.pause,
    )
    async with contextlib.AsyncExitStack() as stack:
        for host in hosts:
            await stack.enter_async_context(host.at_work())
        stack.push_async_callback(tormentor.stop)
        # A tormentor that failed has left a daemon that nobody can go on with.
        await asyncio.wait([tormentor.start()], timeout=plan.seconds)


def _report(plan: Plan, hosts: list[Host], text: str) -> str:
    paths = ", ".join(str(_written(plan, host.driver, host.recorder.history)) for host in hosts)
    return f"{text}\nseed {plan.seed}; the whole history: {paths}"


def _written(plan: Plan, driver: str, history: History) -> Path:
    name = f"torture-{plan.seed}-{driver}-"
    with tempfile.NamedTemporaryFile(
        "w", prefix=name, suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        file.write(f"{history}\n")
    return Path(file.name)

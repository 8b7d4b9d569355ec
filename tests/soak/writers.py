"""Somebody else at work on the host, at a steady rate: plain libvirt in a process of its own.

Each thread has one connection and its own domains. When the daemon goes, all calls fail; then
it connects anew and sets up its domains again, as the test driver's are lost with its daemon.
It says a line when all is set up for the first time, and ends when its standard input does,
with a line on how much it did.
"""

from __future__ import annotations

import itertools
import json
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

import libvirt

from tests.daemons import domain_xml
from tests.live.hands import describe, domain_named

__all__ = ["TEST_DOMAINS", "main"]

TEST_DOMAINS: Final = 60
QEMU_GUESTS: Final = 2
QEMU_IDLE: Final = 4
"""Domains of QEMU that are only defined."""

QEMU_START_SECONDS: Final = 60.0
"""A start is dear without hardware to help: only so often."""

_RETRY_SECONDS: Final = 0.1
_LIFE_SECONDS: Final = 0.05

Work = Callable[["Writer"], None]


def uuid_of(name: str) -> UUID:
    """The same in every life of the daemon, so that UUIDs come again."""
    return uuid5(NAMESPACE_URL, f"virtinformer-soak:{name}")


def _state_of(domain: libvirt.virDomain) -> int:
    state, _reason = map(int, domain.state())
    return state


class Writer:
    """One connection, and works that are drawn by their weight."""

    def __init__(
        self, uri: str, rate: float, seed: int, set_up: Work, works: Sequence[tuple[int, Work]]
    ) -> None:
        self._uri = uri
        self._rate = rate
        self._set_up = set_up
        self._works = [work for _, work in works]
        self._weights = [weight for weight, _ in works]
        self.random = random.Random(seed)
        self.ready = threading.Event()
        self.done = 0
        self.refused = 0
        self.host: libvirt.virConnect

    def run(self, stop: threading.Event) -> None:
        """Connect and write, again and again, until told to stop."""
        while not stop.is_set():
            try:
                self.host = libvirt.open(self._uri)
            except libvirt.libvirtError:
                stop.wait(_RETRY_SECONDS)
                continue
            try:
                self._attempt(self._set_up)
                self.ready.set()
                self._write(stop)
            finally:
                self.host.close()

    def _write(self, stop: threading.Event) -> None:
        for due in self._times():
            if stop.wait(max(0.0, due - time.monotonic())) or not self.host.isAlive():
                return
            (work,) = self.random.choices(self._works, self._weights)
            self._attempt(work)

    def _times(self) -> Iterator[float]:
        """When to work: evenly, and not faster after a time in which it could not."""
        due = time.monotonic()
        while True:
            yield due
            due = max(due + 1.0 / self._rate, time.monotonic() - 1.0)

    def _attempt(self, work: Work) -> None:
        try:
            work(self)
        except libvirt.libvirtError:  # not possible as things stand, or the daemon is gone
            self.refused += 1
        else:
            self.done += 1

    def domain(self, name: str) -> libvirt.virDomain:
        """One of its domains."""
        return self.host.lookupByUUID(uuid_of(name).bytes)

    def any_of(self, names: Sequence[str]) -> libvirt.virDomain:
        """One of these, drawn."""
        return self.domain(self.random.choice(names))

    def describe(self, names: Sequence[str]) -> None:
        """Change the metadata of one."""
        describe(self.any_of(names), f"note {self.random.randrange(10**9)}")

    def step(self, names: Sequence[str]) -> None:
        """One step in the life of one."""
        domain = self.any_of(names)
        state = _state_of(domain)
        if state == libvirt.VIR_DOMAIN_SHUTOFF:
            domain.create()
        elif state == libvirt.VIR_DOMAIN_PAUSED:
            domain.resume()
        else:
            self.random.choice([domain.suspend, domain.destroy])()

    def redefine(self, names: Sequence[str], xml: Callable[[str], str]) -> None:
        """Take one away and define it again under its UUID, or only again."""
        name = self.random.choice(names)
        if self.random.random() < 0.5:
            self._undefine(name)
        self.host.defineXML(xml(name))

    def _undefine(self, name: str) -> None:
        domain = self.domain(name)
        if domain.isActive():
            domain.destroy()
        domain.undefine()


# ---------------------------------------------------------------------- the test driver

TEST_NAMES: Final = [f"soak-{number}" for number in range(TEST_DOMAINS)]


def _test_xml(name: str) -> str:
    return domain_named(name, uuid=uuid_of(name))


def _set_up_test(writer: Writer) -> None:
    for name in TEST_NAMES:
        writer.host.defineXML(_test_xml(name))


def _flash(writer: Writer) -> None:
    """A transient domain of which nobody has heard, nor will again."""
    uuid = uuid4()
    domain = writer.host.createXML(domain_named(f"flash-{uuid.hex[:8]}", uuid=uuid))
    time.sleep(_LIFE_SECONDS)  # the load, not a condition
    domain.destroy()


def _silently(writer: Writer) -> None:
    """A change of which libvirt tells nobody."""
    domain = writer.any_of(TEST_NAMES)
    domain.setAutostart(not domain.autostart())


TEST_WORKS: Final[Sequence[tuple[int, Work]]] = (
    (45, lambda writer: writer.describe(TEST_NAMES)),
    (30, lambda writer: writer.step(TEST_NAMES)),
    (10, lambda writer: writer.redefine(TEST_NAMES, _test_xml)),
    (10, _flash),
    (5, _silently),
)

# ---------------------------------------------------------------------- QEMU

GUESTS: Final = [f"guest-{number}" for number in range(QEMU_GUESTS)]
IDLE: Final = [f"idle-{number}" for number in range(QEMU_IDLE)]


def _qemu_xml(name: str) -> str:
    return domain_xml(name, uuid=str(uuid_of(name)))


def _set_up_qemu(writer: Writer) -> None:
    for name in (*GUESTS, *IDLE):
        writer.host.defineXML(_qemu_xml(name))
    for name in GUESTS:
        domain = writer.domain(name)
        if not domain.isActive():
            domain.create()


def _pause(writer: Writer) -> None:
    domain = writer.any_of(GUESTS)
    state = _state_of(domain)
    (domain.resume if state == libvirt.VIR_DOMAIN_PAUSED else domain.suspend)()


def _boot(writer: Writer) -> None:
    domain = writer.any_of(GUESTS)
    if domain.isActive():
        domain.destroy()
    domain.create()


def qemu_works(rate: float) -> Sequence[tuple[int, Work]]:
    """Weights by the thousand."""
    boots = max(1, round(1000 / (rate * QEMU_START_SECONDS)))
    return (
        (400, lambda writer: writer.describe([*GUESTS, *IDLE])),
        (300, _pause),
        (300, lambda writer: writer.redefine(IDLE, _qemu_xml)),
        (boots, _boot),
    )


# ---------------------------------------------------------------------- the process


def main() -> None:
    """Write until the standard input ends; takes the plan as JSON, as the one argument."""
    plan = json.loads(sys.argv[1])
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    test_rate, qemu_rate = plan["rates"]["test"], plan["rates"]["qemu"]
    seeds = itertools.count(plan["seed"])
    uris = plan["uris"]
    writers = {
        "test": Writer(uris["test"], test_rate, next(seeds), _set_up_test, TEST_WORKS),
        "qemu": Writer(uris["qemu"], qemu_rate, next(seeds), _set_up_qemu, qemu_works(qemu_rate)),
    }
    stop = threading.Event()
    threads = [threading.Thread(target=writer.run, args=[stop]) for writer in writers.values()]
    for thread in threads:
        thread.start()
    for writer in writers.values():
        writer.ready.wait()
    print("ready", flush=True)  # noqa: T201 - a pipe is its other end
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join()
    done = {name: {"done": it.done, "refused": it.refused} for name, it in writers.items()}
    print(json.dumps(done), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()

"""Somebody else who changes the host: a process of its own, with plain libvirt.

It owns some domains, by their UUIDs, and does random things to them, one at a time, so that
it alone knows what is true of them. It tells so on its standard output, in lines of JSON::

    {"begun": 7, "at": …, "uuid": …, "text": "suspend"}
    {"done": 7, "at": …, "uuid": …, "did": [["suspend", null]], "lost": false, "seen": {…}}

and between the two it waits for a line, ``go`` or ``stop``: whoever listens has written down
that something begins before it begins, and learns of its end after it. Sometimes it does
several things at once (``burst``), with no look in between.

When the daemon dies it connects again, and before it goes on (so before the ``done`` of
what was under way) it tells what is left::

    {"again": <when the connection was opened>, "seen": {uuid: {…} or null, …}}

The seed decides what it does; when it does it is up to the host.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from pathlib import Path
from random import Random
from uuid import UUID

import libvirt

from tests.torture.domains import Domains
from tests.torture.operations import OPERATIONS, Operation, Work
from tests.torture.reading import Seen, look_at

__all__ = ["Writer", "uuids_of"]

ANYTHING = 0.08
"""How often it does not ask what is possible."""
BURST = 0.1
"""How often it does several things at once."""


class Stop(Exception):
    """It is told to."""


class Lost(Exception):
    """The connection is."""


def uuids_of(number: int, many: int) -> list[UUID]:
    """The domains of the writer of that number: the same ones in each of its lives."""
    return [UUID(int=(number << 16) + nth + 1, version=4) for nth in range(many)]


class Writer:
    """See the module."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._uri: str = arguments.uri
        self._pace: float = arguments.pace
        self._random = Random(arguments.seed)
        self._domains = Domains(arguments.uri, arguments.root)
        self._uuids = uuids_of(arguments.number, arguments.domains)
        self._names = [f"w{arguments.number}-{n}" for n in range(2 * arguments.domains)]
        self._operations = [o for o in OPERATIONS if o.fits(self._domains.emulated)]
        self._seen: dict[UUID, Seen | None] = {}
        self._host: libvirt.virConnect
        self._begun = 0

    def run(self) -> None:
        """Work until told to stop."""
        for uuid in self._uuids:
            self._domains.make_disk(uuid)
        self._connect()
        with contextlib.suppress(Stop):
            while True:
                self._operate(self._random.choice(self._uuids))
                time.sleep(self._random.expovariate(1 / self._pace))
        self._host.close()

    # ------------------------------------------------------------ the connection

    def _connect(self) -> None:
        """Connect, and tell how all domains are found."""
        while True:
            try:
                self._host = libvirt.open(self._uri)
                opened = time.monotonic()
                self._seen = {uuid: look_at(self._host, uuid) for uuid in self._uuids}
            except libvirt.libvirtError:
                time.sleep(0.05)
            else:
                _tell(again=opened, seen={str(uuid): seen for uuid, seen in self._seen.items()})
                return

    def _connect_again(self) -> None:
        with contextlib.suppress(libvirt.libvirtError):
            self._host.close()
        self._connect()

    # ------------------------------------------------------------ the work

    def _operate(self, uuid: UUID) -> None:
        operations = self._choose(self._seen[uuid])
        text = "burst: " * (len(operations) > 1) + ", ".join(o.name for o in operations)
        self._begun += 1
        _tell(begun=self._begun, uuid=str(uuid), text=text)
        _wait_to_go()
        did: list[tuple[str, str | None]] = []
        try:
            for operation in operations:
                did.append((operation.name, "lost"))
                did[-1] = operation.name, self._act(operation, uuid)
            self._seen[uuid] = self._look(uuid)
        except Lost:
            self._connect_again()
        ended = {"done": self._begun, "uuid": str(uuid), "seen": self._seen[uuid]}
        _tell(**ended, did=did)

    def _choose(self, seen: Seen | None) -> list[Operation]:
        if self._random.random() < ANYTHING:
            return [self._random.choice(self._operations)]
        if self._random.random() < BURST:
            quick = [operation for operation in self._operations if operation.quick]
            return self._random.choices(quick, k=self._random.randint(2, 8))
        possible = [operation for operation in self._operations if operation.when(seen)]
        return self._random.choices(possible, [operation.weight for operation in possible])

    def _act(self, operation: Operation, uuid: UUID) -> str | None:
        """Do it; return what libvirt says if it will not.

        Raises:
            Lost: if nobody knows whether it was done.
        """
        work = Work(self._host, self._domains, uuid, self._seen[uuid], self._names, self._random)
        try:
            operation.act(work)
        except libvirt.libvirtError as error:
            self._still_there()
            return f"{error.get_error_code()}"
        return None

    def _look(self, uuid: UUID) -> Seen | None:
        while True:
            try:
                return look_at(self._host, uuid)
            except libvirt.libvirtError:
                self._still_there()
            time.sleep(0.01)

    def _still_there(self) -> None:
        if not self._host.isAlive():
            raise Lost


def _tell(**message: object) -> None:
    print(json.dumps({**message, "at": time.monotonic()}), flush=True)  # noqa: T201 - its voice


def _wait_to_go() -> None:
    if sys.stdin.readline().strip() != "go":
        raise Stop


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="See the module.")
    parser.add_argument("--uri", required=True)
    parser.add_argument("--root", type=Path, required=True, help="directory of the daemon")
    parser.add_argument("--number", type=int, required=True, help="which writer it is")
    parser.add_argument("--domains", type=int, required=True, help="how many are its own")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--pace", type=float, required=True, help="seconds between two deeds")
    return parser.parse_args()


if __name__ == "__main__":
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    Writer(_arguments()).run()

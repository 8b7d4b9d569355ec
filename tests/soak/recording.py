"""What is written down: JSON lines, each of one kind."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

import attrs

__all__ = ["End", "Fault", "HostSample", "Recording", "Sample"]


@attrs.frozen
class HostSample:
    """One informer at one moment.

    Attributes:
        synced: whether it is connected and has caught up.
        staleness: the worst since the last sample, seconds, as `virtinformer.Health` has it.
        reconnects: how often the connection was made again.
        resource_version: the version.
        domains: how many are known.
        events: how many came from libvirt.
        deltas: how many the fast subscriber was given.
        queues: what waits, by subscriber.
        bounds: the most that may wait, of the subscribers for which that can be said.
    """

    synced: bool
    staleness: float
    reconnects: int
    resource_version: int
    domains: int
    events: int
    deltas: int
    queues: dict[str, int]
    bounds: dict[str, int]


@attrs.frozen
class Sample:
    """The subject at one moment.

    Attributes:
        at: seconds since the subject was ready.
        rss: resident memory, bytes.
        blocks: how many blocks of memory Python has given out.
        descriptors: how many are open.
        threads: how many the kernel knows.
        tasks: of asyncio.
        connections: of libvirt, open.
        handles: of domains; a list holds one for each while it is read.
        callbacks: how many are registered at libvirt.
        stall: the longest time for which the loop let nobody run, since the last sample, seconds.
        cpu: processor time used up to now, seconds.
        load: of the whole machine, over the last minute.
        hosts: each informer, by the name of its host.
    """

    at: float
    rss: int
    blocks: int
    descriptors: int
    threads: int
    tasks: int
    connections: int
    handles: int
    callbacks: int
    stall: float
    cpu: float
    load: float
    hosts: dict[str, HostSample]

    @property
    def is_synced(self) -> bool:
        """Whether every informer has caught up."""
        return all(host.synced for host in self.hosts.values())

    @property
    def deltas(self) -> int:
        """How many were given to the fast subscribers of all hosts together."""
        return sum(host.deltas for host in self.hosts.values())


@attrs.frozen
class Fault:
    """What was done to the daemon, and from when to when (seconds, as a sample's `at`)."""

    at: float
    until: float
    what: str


@attrs.frozen
class End:
    """What was found when the load had ended.

    Attributes:
        differences: where an informer's view is not what the host says.
        faults: what subscribers found wrong.
        left: what remained when the informers were closed.
    """

    differences: list[str]
    faults: list[str]
    left: list[str]


@attrs.define
class Recording:
    """All of one run; `about` says on what and with what it was made."""

    about: dict[str, Any] = attrs.Factory(dict)
    samples: list[Sample] = attrs.Factory(list)
    faults: list[Fault] = attrs.Factory(list)
    end: End | None = None

    def save(self, path: Path) -> None:
        """Write all of it."""
        path.write_text("".join(f"{line}\n" for line in self._lines()))

    def _lines(self) -> Iterable[str]:
        yield json.dumps({"kind": "about"} | self.about)
        entries: list[Sample | Fault] = [*self.samples, *self.faults]
        for entry in sorted(entries, key=lambda entry: entry.at):
            yield to_line(entry)
        if self.end is not None:
            yield to_line(self.end)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        recording = cls()
        for line in path.read_text().splitlines():
            recording.add(json.loads(line))
        return recording

    def add(self, entry: dict[str, Any]) -> None:
        """Take in one line."""
        kind = entry.pop("kind")
        match kind:
            case "about":
                self.about = entry
            case "sample":
                hosts = {name: HostSample(**host) for name, host in entry.pop("hosts").items()}
                self.samples.append(Sample(hosts=hosts, **entry))
            case "fault":
                self.faults.append(Fault(**entry))
            case "end":
                self.end = End(**entry)
            case _:
                raise ValueError(f"a line of unknown kind {kind!r}")


def to_line(entry: Sample | Fault | End) -> str:
    """One line of JSON."""
    return json.dumps({"kind": type(entry).__name__.lower()} | attrs.asdict(entry))

"""What is done to the host: its operations, its lies, and the death of its daemon.

Each deed is a method of `FakeHost` or close to one. Domains are given by number. A deed that
the host refuses, as libvirt would, raises `ValueError`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from tests.simulation.script import Script, Step, uuid_of
from virtinformer.testing import FakeHost, Faults, Latency
from virtinformer.testing.liar import Script as Lies

__all__ = ["LIES", "OPERATIONS", "calm", "do", "host_of"]


def host_of(script: Script) -> FakeHost:
    """The host of a script, empty."""
    return FakeHost(
        seed=script.seed,
        keepalive=script.keepalive,
        eager_reads=script.eager_reads,
        latency=Latency(**script.latency),
    )


# ---------------------------------------------------------------------- operations


def _define(host: FakeHost, uuid: UUID, name: str, **options: Any) -> None:
    if host.truth(uuid) is not None:
        raise ValueError("it exists: redefine it")
    host.define(name, uuid=uuid, **options)


def _redefine(host: FakeHost, uuid: UUID, memory: int) -> None:
    truth = host.truth(uuid)
    if truth is None:
        raise ValueError("there is no such domain")
    host.define(truth.name, uuid=uuid, memory=memory)


def _create(host: FakeHost, uuid: UUID, name: str, *, paused: bool = False) -> None:
    host.create_transient(name, uuid=uuid, paused=paused)


Operation = Callable[..., None]

OPERATIONS: Final[dict[str, Operation]] = {
    "define": _define,
    "redefine": _redefine,
    "create_transient": _create,
    "undefine": FakeHost.undefine,
    "rename": FakeHost.rename,
    "set_metadata": FakeHost.set_metadata,
    "set_memory": FakeHost.set_memory,
    "set_autostart": FakeHost.set_autostart,
    "attach_device": FakeHost.attach_device,
    "detach_device": FakeHost.detach_device,
    "mutate": FakeHost.mutate,
    "emit": FakeHost.emit,
    "start": FakeHost.start,
    "suspend": FakeHost.suspend,
    "resume": FakeHost.resume,
    "reset": FakeHost.reset,
    "reboot": FakeHost.reboot,
    "pmsuspend": FakeHost.pmsuspend,
    "wakeup": FakeHost.wakeup,
    "shutdown": FakeHost.shutdown,
    "destroy": FakeHost.destroy,
    "crash": FakeHost.crash,
    "managed_save": FakeHost.managed_save,
    "restore": FakeHost.restore,
}
"""Deed → what it does to the domain whose number is the first argument."""

# ---------------------------------------------------------------------- lies


def _maybe(number: int | None) -> UUID | None:
    return None if number is None else uuid_of(number)


def _faults(host: FakeHost, **fields: Any) -> None:
    host.faults = Faults(**fields)


def _latency(host: FakeHost, **fields: Any) -> None:
    host.latency = Latency(**fields)


def _release_events(host: FakeHost, order: str) -> None:
    positions = list(range(len(host.held_events)))
    host.release_events(ORDERS[order](positions))


ORDERS: Final[dict[str, Callable[[list[int]], list[int]]]] = {
    "as made": lambda made: made,
    "reversed": lambda made: made[::-1],
    "last first": lambda made: made[-1:] + made[:-1],
    "odd first": lambda made: made[1::2] + made[::2],
    "twice": lambda made: made + made,
    "every other": lambda made: made[::2],
    "none": lambda _: [],
}
"""How events that were held are released."""


def _on(method: Callable[..., None], *, count: bool = True) -> Operation:
    """A scripted lie (so often, about a domain or any), or one about a domain or any."""
    if count:
        return lambda host, times, number=None: method(host, times, _maybe(number))
    return lambda host, number=None: method(host, _maybe(number))


def _restart(host: FakeHost) -> None:
    host.restart()
    host.unhang()


LIES: Final[dict[str, Operation]] = {
    "faults": _faults,
    "latency": _latency,
    "drop_next_events": _on(FakeHost.drop_next_events),
    "hold_events": FakeHost.hold_events,
    "release_events": _release_events,
    "fail_next_reads": _on(FakeHost.fail_next_reads),
    "tear_next_reads": _on(FakeHost.tear_next_reads),
    "hold_reads": _on(FakeHost.hold_reads, count=False),
    "release_reads": _on(FakeHost.release_reads, count=False),
    "fail_next_lists": FakeHost.fail_next_lists,
    "truncate_next_list": lambda host, missing: host.truncate_next_list(map(uuid_of, missing)),
    "fail_next_connects": FakeHost.fail_next_connects,
    "refuse": FakeHost.refuse,
    "accept": FakeHost.accept,
    "disconnect": FakeHost.disconnect,
    "restart": _restart,
    "hang": FakeHost.hang,
    "unhang": FakeHost.unhang,
}
"""Deed → what it makes the host or its daemon do."""


def do(host: FakeHost, step: Step) -> UUID | None:
    """Do what a step says; return the domain that it was done to, if it was one.

    Raises:
        ValueError: if it is not possible now.
    """
    if step.deed in LIES:
        LIES[step.deed](host, *step.arguments, **step.options)
        return None
    number, *arguments = step.arguments
    OPERATIONS[step.deed](host, uuid_of(number), *arguments, **step.options)
    return uuid_of(number)


def calm(host: FakeHost) -> None:
    """Make the host honest, awake, and open to all; what it held back comes out."""
    host.faults = Faults()
    host._liar.script = Lies()
    host.latency = Latency()
    host.release_events()
    host.release_reads()
    host.accept()
    host.unhang()
    if host._daemon.down is not None:
        host.restart()

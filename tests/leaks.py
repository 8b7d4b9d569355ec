"""What a test can leave behind, each kind looked at where it shows.

*Threads* and *descriptors* belong to the process, and are simply listed.

*Tasks* do not survive to be listed: whoever closes an event loop (``asyncio.run``,
`virtinformer.testing.run`, pytest-asyncio; all are an ``asyncio.Runner``) first cancels
what still runs on it. So the moment to look is just before, whichever loop it is. A task
that was told to end, and had no turn yet to do so, is given one.

*libvirt's objects* and *callbacks* are counted at the binding, where they come and go:
each object that was made and still lives holds a reference to its connection, and so does
each callback that was registered and not deregistered. What remains is what libvirt counts
itself, and tells when a connection is closed: references of which Python knows nothing.

What is left is always a name; what was there before a test is taken off after it.
"""

from __future__ import annotations

import asyncio
import asyncio.runners
import contextlib
import gc
import itertools
import os
import sys
import threading
import weakref
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import attrs
import libvirt

from tests.daemons import DaemonError, wait_until

__all__ = ["EVENT_THREAD", "Leaks", "Ledger", "Stragglers", "descriptors", "threads"]

EVENT_THREAD: Final = "virtinformer-events"
"""libvirt's event loop: one thread a process, started once, never ended."""

_DESCRIPTORS: Final = ("socket:", "pipe:", "anon_inode:")
_FINAL: Final = {"tasks", "libvirt references"}
"""What was seen once to be left, and will not go by waiting."""

_TURNS: Final = 10
_CLASSES: Final = (
    libvirt.virConnect,
    libvirt.virDomain,
    libvirt.virDomainSnapshot,
    libvirt.virDomainCheckpoint,
)
_HERE: Final = {__file__, libvirt.__file__}

Names = set[str]


class Leaks:
    """All that is there now, by kind and name, and what of it was not there before."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.stragglers = Stragglers()
        self._before: Mapping[str, Names] = {}
        self._ran = False

    def install(self) -> None:
        """Begin to keep book, for the rest of the process."""
        self.ledger.install()
        self.stragglers.install()

    def begin(self) -> None:
        """A test begins: what is there now is none of its doing."""
        self.stragglers.forget()
        self.ledger.forget()
        self._ran = event_thread_runs()
        self._before = self._now()

    def left(self, *allowed: str) -> dict[str, list[str]]:
        """What the test left behind, by kind; at once if that is nothing.

        Args:
            allowed: the kinds of which it may leave something.
        """
        self._wait(1.0, allowed)
        if found := self.new(*allowed):
            gc.collect()  # only now: it takes longer than most tests
            self._wait(2.0, allowed)
            found = self.new(*allowed)
        return found

    def _wait(self, seconds: float, allowed: Collection[str]) -> None:
        # libvirt closes a socket a moment after its connection.
        with contextlib.suppress(DaemonError):
            wait_until(
                lambda: self.new(*allowed).keys() <= _FINAL, "nothing is left", timeout=seconds
            )

    def new(self, *allowed: str) -> dict[str, list[str]]:
        """What is there now and was not before, by kind; it may go yet."""
        new = {kind: names - self._before[kind] for kind, names in self._now().items()}
        return {kind: sorted(names) for kind, names in new.items() if names and kind not in allowed}

    def _now(self) -> dict[str, Names]:
        # libvirt's event loop keeps what it wakes itself with; it begins in one test of a process.
        kinds = _DESCRIPTORS if self._ran or not event_thread_runs() else ("socket:",)
        return {
            "tasks": self.stragglers.names(),
            "threads": threads(),
            "descriptors": descriptors(kinds),
            "libvirt objects": self.ledger.objects(),
            "callbacks": self.ledger.callbacks(),
            "libvirt references": self.ledger.references(),
        }


# ---------------------------------------------------------------------- of the process


def event_thread_runs() -> bool:
    """Whether libvirt's event loop has been started in this process."""
    return any(thread.name == EVENT_THREAD for thread in threading.enumerate())


def threads() -> Names:
    """The threads that Python knows, but for libvirt's event loop."""
    others = (thread for thread in threading.enumerate() if thread.name != EVENT_THREAD)
    return {f"{thread.name} ({thread.ident})" for thread in others}


def descriptors(kinds: tuple[str, ...] = _DESCRIPTORS) -> Names:
    """What is open beside files: by number and name. Empty where there is no /proc."""
    found = set()
    with contextlib.suppress(FileNotFoundError):
        for number in os.listdir("/proc/self/fd"):
            if (target := _target(number)).startswith(kinds):
                found.add(f"{number} {target}")
    return found


def _target(number: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{number}")
    except FileNotFoundError:  # the one that the listing itself had open
        return ""


# ---------------------------------------------------------------------- of asyncio


class Stragglers:
    """Tasks that ran on when the event loop was to be closed."""

    def __init__(self) -> None:
        self._names: Names = set()
        self._cancel_all: Callable[[asyncio.AbstractEventLoop], None] | None = None

    def install(self) -> None:
        """Look at every loop that a Runner closes from now on."""
        if self._cancel_all is None:
            runners: Any = asyncio.runners
            self._cancel_all = runners._cancel_all_tasks
            runners._cancel_all_tasks = self._look_and_cancel

    def names(self) -> Names:
        """Those found since `forget`."""
        return set(self._names)

    def forget(self) -> None:
        """Begin anew."""
        self._names.clear()

    def _look_and_cancel(self, loop: asyncio.AbstractEventLoop) -> None:
        self.look(loop)
        assert self._cancel_all is not None
        self._cancel_all(loop)

    def look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Note what is pending on a loop that stands still."""
        for _ in range(_TURNS):
            if not any(task.cancelling() for task in asyncio.all_tasks(loop)):
                break
            loop.run_until_complete(asyncio.sleep(0))
        self._names |= {_describe_task(task) for task in asyncio.all_tasks(loop)}


def _describe_task(task: asyncio.Task[Any]) -> str:
    frames = task.get_stack(limit=1)
    where = f"{frames[0].f_code.co_filename}:{frames[0].f_lineno}" if frames else "its start"
    what = getattr(task.get_coro(), "__qualname__", repr(task.get_coro()))
    return f"{task.get_name()} ({what}) at {where}"


# ---------------------------------------------------------------------- of libvirt


@attrs.frozen
class _Entry:
    """An object of the binding, which is kept alive by others only."""

    number: int
    where: str
    thing: weakref.ref[Any]


class Ledger:
    """What the binding gave out in this process, and did not get back.

    Dicts, as they are changed from many threads at once, and each change is one step.
    """

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._entries: dict[int, _Entry] = {}
        self._callbacks: dict[tuple[int, object], str] = {}
        self._references: dict[int, str] = {}
        self._installed = False

    def install(self) -> None:
        """Keep book from now on."""
        if self._installed:
            return
        self._installed = True
        for kind in _CLASSES:
            self._count_objects(kind)
        self._count_callbacks(libvirt.virConnect)
        self._count_references(libvirt.virConnect)

    def objects(self) -> Names:
        """The connections that are open, and all handles of domains and snapshots."""
        self._purge()
        things = [(entry, entry.thing()) for entry in list(self._entries.values())]
        return {_describe_object(entry, thing) for entry, thing in things if _holds(thing)}

    def connections(self) -> Names:
        """The connections that are open."""
        return {name for name in self.objects() if name.startswith(libvirt.virConnect.__name__)}

    def callbacks(self) -> Names:
        """What is registered."""
        return set(self._callbacks.values())

    def references(self) -> Names:
        """The connections that libvirt keeps though they were closed, since `forget`."""
        return set(self._references.values())

    def forget(self) -> None:
        """What libvirt has kept up to now, it may keep."""
        self._references.clear()

    def _purge(self) -> None:
        for key, entry in list(self._entries.items()):
            # Its place may have been taken meanwhile.
            if entry.thing() is None and self._entries.get(key) is entry:
                self._entries.pop(key, None)

    def _count_objects(self, kind: type[Any]) -> None:
        init = kind.__init__

        def __init__(thing: Any, *args: Any, **options: Any) -> None:  # noqa: N807
            number = next(self._numbers)
            where = _place() if kind is libvirt.virConnect else ""
            self._entries[id(thing)] = _Entry(number, where, weakref.ref(thing))
            init(thing, *args, **options)

        kind.__init__ = __init__

    def _count_callbacks(self, kind: Any) -> None:
        register, deregister = kind.domainEventRegisterAny, kind.domainEventDeregisterAny
        listen, cease = kind.registerCloseCallback, kind.unregisterCloseCallback

        def domainEventRegisterAny(host: Any, domain: Any, event: int, *args: Any) -> int:  # noqa: N802
            number = int(register(host, domain, event, *args))
            text = f"{number} for event id {event} of {self._name(host)}"
            self._callbacks[id(host), number] = f"{text}, registered at {_place()}"
            return number

        def domainEventDeregisterAny(host: Any, number: int) -> None:  # noqa: N802
            # Of a connection that broke it raises, and has given back what there was.
            self._callbacks.pop((id(host), number), None)
            deregister(host, number)

        def registerCloseCallback(host: Any, *args: Any) -> int:  # noqa: N802
            result = int(listen(host, *args))
            text = f"for the close of {self._name(host)}"
            self._callbacks[id(host), "close"] = f"{text}, registered at {_place()}"
            return result

        def unregisterCloseCallback(host: Any) -> None:  # noqa: N802
            self._callbacks.pop((id(host), "close"), None)
            cease(host)

        kind.domainEventRegisterAny = domainEventRegisterAny
        kind.domainEventDeregisterAny = domainEventDeregisterAny
        kind.registerCloseCallback = registerCloseCallback
        kind.unregisterCloseCallback = unregisterCloseCallback

    def _count_references(self, kind: Any) -> None:
        close = kind.close

        def counted(host: Any) -> int:
            left = int(close(host))
            # Each domain that lives holds one, gives it back itself, and is counted itself.
            if left > (known := self._domains_of(host)):
                text = f"{left - known} to {self._name(host)}"
                self._references[id(host)] = f"{text}, closed at {_place()}"
            return left

        kind.close = counted

    def _name(self, host: object) -> str:
        entry = self._entries.get(id(host))
        return f"connection #{entry.number}" if entry else "a connection made before"

    def _domains_of(self, host: object) -> int:
        things = [entry.thing() for entry in list(self._entries.values())]
        return sum(isinstance(it, libvirt.virDomain) and it._conn is host for it in things)


def _holds(thing: Any) -> bool:
    """Whether it holds a reference of libvirt's: a connection does until it is closed."""
    return getattr(thing, "_o", None) is not None


def _describe_object(entry: _Entry, thing: Any) -> str:
    name = f"{type(thing).__name__} #{entry.number}"
    if isinstance(thing, libvirt.virConnect):
        return f"{name} opened at {entry.where}"
    # Neither asks the daemon.
    return f"{name} {thing.getName() if hasattr(thing, 'getName') else thing.name()!r}"


def _place() -> str:
    """Who called the binding."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename in _HERE:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"

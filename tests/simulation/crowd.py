"""Everybody who looks: subscribers, handlers, callers and readers of all temperaments.

All of it goes through a `Recorder`. What a user of the library has to expect (a timeout, a
host that refuses to say, an informer that is closed) is expected here; any other exception
is kept in `Crowd.unexpected`.
"""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import virtinformer as vi
from tests.guarantees.history import Ended
from tests.guarantees.recorder import Reading, Recorder
from tests.simulation.script import Step, uuid_of

__all__ = ["BEHAVIOURS", "PREDICATES", "USERS", "Crowd"]

Predicate = Callable[[vi.Domain], bool]

PREDICATES: Final[dict[str, Predicate]] = {
    "active": lambda domain: domain.active,
    "off": lambda domain: not domain.active,
    "persistent": lambda domain: domain.persistent,
    "paused": lambda domain: domain.state is vi.DomainState.PAUSED,
    "odd": lambda domain: bool(domain.uuid.int % 2),
    "small": lambda domain: domain.name.endswith(("0", "2", "4", "6", "8")),
}

BEHAVIOURS: Final = (
    "good",
    "slow",
    "raises",
    "raises at times",
    "blocks",
    "stubborn",
    "closes itself",
)
"""How a handler may behave."""

STUCK: Final = "stuck"
"""The pace of a subscriber that reads one item and then no more, until all is over."""


class Crowd:
    """All users of one informer.

    Args:
        recorder: writes down what they see.

    Attributes:
        informer: what they use; ``None`` while none is open.
        unexpected: exceptions that no user has to expect.
    """

    def __init__(self, recorder: Recorder) -> None:
        self.informer: vi.DomainInformer | None = None
        self.unexpected: list[BaseException] = []
        self._recorder = recorder
        self._readings: dict[str, tuple[AbstractAsyncContextManager[Reading], Reading]] = {}
        self._registrations: dict[str, vi.Registration] = {}
        self._known: dict[str, vi.Snapshot] = {}
        self._callers: set[asyncio.Task[None]] = set()
        self._dropped: list[weakref.ref[Any]] = []
        self._over = asyncio.Event()

    async def do(self, step: Step) -> None:
        """Do what a step says.

        Raises:
            ValueError: if it is not possible now.
        """
        if self.informer is None:
            raise ValueError("nobody can look yet, or any more")
        await USERS[step.deed](self, *step.arguments, **step.options)

    # ------------------------------------------------------------ subscribers

    async def watch(
        self,
        who: str,
        pace: float | str = 0.0,
        *,
        where: str | None = None,
        known: str | None = None,
        initial: bool = True,
    ) -> None:
        """Subscribe to deltas."""
        options: dict[str, Any] = {
            "where": _where(where),
            "known": self._remembered(known),
            "initial": initial,
        }
        await self._subscribe(
            who, lambda: self._recorder.watch(who, pace=self._pace(pace), **options)
        )

    async def events(
        self,
        who: str,
        pace: float | str = 0.0,
        *,
        where: str | None = None,
        known: str | None = None,
    ) -> None:
        """Subscribe to events."""
        since = self._remembered(known)
        version = None if since is None else since.resource_version
        options: dict[str, Any] = {"where": _where(where), "since": version}
        await self._subscribe(
            who, lambda: self._recorder.events(who, pace=self._pace(pace), **options)
        )

    async def _subscribe(
        self, who: str, begin: Callable[[], AbstractAsyncContextManager[Reading]]
    ) -> None:
        self._check_new(who)
        context = begin()
        try:
            self._readings[who] = context, await context.__aenter__()
        except vi.VersionExpired as error:
            raise ValueError("its version is forgotten") from error

    async def interrupt(self, who: str) -> None:
        """Cancel a subscriber in the middle of its iteration; it goes on with the same stream."""
        await self._reading(who).interrupt()

    async def unsubscribe(self, who: str) -> None:
        """Close a stream."""
        self._reading(who)
        await self._leave(who)

    async def drop(self, who: str) -> None:
        """Stop reading a stream and let go of it, without closing it."""
        reading = self._reading(who)
        self._dropped.append(weakref.ref(reading.stream))
        reading.drop()
        del reading
        await self._leave(who)

    async def remember(self, name: str) -> None:
        """Take a snapshot, to subscribe from it later."""
        self._known[name] = self._informer.snapshot()

    # ------------------------------------------------------------ handlers

    async def handle(self, who: str, behaves: str = "good", *, where: str | None = None) -> None:
        """Register a handler."""
        self._check_new(who)
        behaviour = _Behaviour(self, who, behaves)
        registration = self._recorder.handle(who, behaviour, where=_where(where))
        self._registrations[who] = registration

    async def unhandle(self, who: str) -> None:
        """Close the registration of a handler; that may take a while."""
        registration = self._registrations.pop(who, None)
        if registration is None:
            raise ValueError(f"there is no handler {who}")
        self._call(self._recorder.unhandle(who, registration))

    # ------------------------------------------------------------ callers and readers

    async def refresh(self, number: int, within: float | None = None) -> None:
        """Want one domain read again."""
        self._call(self._want(within, "refresh", uuid_of(number)))

    async def sync(self, within: float | None = None) -> None:
        """Want the host read again."""
        self._call(self._want(within, "sync"))

    async def wait_for(self, number: int, until: str, within: float | None = None) -> None:
        """Want a condition to hold."""
        predicate = PREDICATES[until]
        self._call(self._want(within, "wait_for", uuid_of(number), predicate=predicate))

    async def look(self, who: str) -> None:
        """Look at store and health."""
        self._recorder.look(who)

    async def _want(self, within: float | None, *what: Any, **options: Any) -> None:
        async with asyncio.timeout(within):
            await self._recorder.want(*what, **options)

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._expect(work))
        self._callers.add(task)
        task.add_done_callback(self._callers.discard)

    async def _expect(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except (TimeoutError, vi.ReadError, vi.NotSynced):
            return
        except Exception as error:  # noqa: BLE001 - it is for the verdict to say what it means
            self.unexpected.append(error)

    # ------------------------------------------------------------ the end

    def count_waiting(self, lives: int) -> None:
        """Write down how much waits for each subscriber to deltas."""
        for _, reading in self._readings.values():
            if isinstance(reading.stream, vi.DeltaStream):
                reading.waiting(lives)

    def wake(self) -> None:
        """Let those who are stuck go on."""
        self._over.set()

    @property
    def behind(self) -> bool:
        """Whether anything waits for somebody who gets on with it."""
        streams = [reading.stream for _, reading in self._readings.values()]
        return any(map(len, [*streams, *self._registrations.values()]))

    async def go_home(self) -> None:
        """Let every subscriber end."""
        for who in list(self._readings):
            await self._leave(who)

    @property
    def abandoned(self) -> int:
        """How many streams are still there though nobody has them."""
        return sum(stream() is not None for stream in self._dropped)

    async def _leave(self, who: str) -> None:
        context, _ = self._readings.pop(who)
        try:
            await context.__aexit__(None, None, None)
        except Exception as error:  # noqa: BLE001 - as above
            self.unexpected.append(error)

    # ------------------------------------------------------------ inside

    @property
    def _informer(self) -> vi.DomainInformer:
        assert self.informer is not None
        return self.informer

    def _reading(self, who: str) -> Reading:
        if who not in self._readings:
            raise ValueError(f"there is no subscriber {who}")
        return self._readings[who][1]

    def _remembered(self, name: str | None) -> vi.Snapshot | None:
        if name is None:
            return None
        if name not in self._known:
            raise ValueError(f"nobody remembers {name}")
        return self._known[name]

    def _check_new(self, who: str) -> None:
        if self._recorder.history.by(who):
            raise ValueError(f"there is or was a {who}")

    def _pace(self, pace: float | str) -> Callable[[], Awaitable[object]] | None:
        if pace == STUCK:
            return self._over.wait
        return (lambda: asyncio.sleep(float(pace))) if pace else None

    async def close(self, who: str) -> None:
        """Close the registration of a handler that asks for it itself, in a call of its own."""
        registration = self._registrations.pop(who, None)
        if registration is not None:
            # The call goes on to its end: only then is it over.
            registration.when_closed(lambda _: self._is_closed(who))
            await registration.aclose()

    def _is_closed(self, who: str) -> None:
        self._recorder.write(who, Ended("closed"))


class _Behaviour:
    """What a handler does when it is called."""

    def __init__(self, crowd: Crowd, who: str, behaves: str) -> None:
        if behaves not in BEHAVIOURS:
            raise ValueError(f"nobody behaves like {behaves}")
        self._crowd = crowd
        self._who = who
        self._behaves = behaves
        self._calls = 0

    async def __call__(self, _method: str) -> None:
        self._calls += 1
        match self._behaves:
            case "slow":
                await asyncio.sleep(0.2)
            case "blocks":
                await asyncio.Event().wait()
            case "stubborn":
                await _ignoring_cancellation()
            case "closes itself" if self._calls == 3:
                await self._crowd.close(self._who)
            case "raises":
                raise RuntimeError("as ever")
            case "raises at times" if self._calls % 3 == 0:
                raise RuntimeError("every third time")


async def _ignoring_cancellation() -> None:
    """Wait for ever; if cancelled, take a second more."""
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    await asyncio.sleep(1.0)


def _where(name: str | None) -> Predicate | None:
    return None if name is None else PREDICATES[name]


USERS: Final[dict[str, Callable[..., Coroutine[Any, Any, None]]]] = {
    "watch": Crowd.watch,
    "events": Crowd.events,
    "interrupt": Crowd.interrupt,
    "unsubscribe": Crowd.unsubscribe,
    "drop": Crowd.drop,
    "remember": Crowd.remember,
    "handle": Crowd.handle,
    "unhandle": Crowd.unhandle,
    "refresh": Crowd.refresh,
    "sync": Crowd.sync,
    "wait_for": Crowd.wait_for,
    "look": Crowd.look,
}
"""Deed → who does it."""

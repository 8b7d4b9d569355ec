"""Plays a script, and returns its history.

One task goes through the steps, each at its time; everybody else (the informer, subscribers,
handlers, callers) has tasks of its own. After the last step the host becomes honest and
everything that backs off or is spread over a period has its time; then the truth and the
view are written down side by side, the informer is closed, and what it left is counted. An
informer that a script closes or cancels amid all that has no such end: what a validator can
say of it, it says of what came before.

Time is virtual, chance comes from the script's seed, and nothing depends on an address or a
hash: a script has one history.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from random import Random
from typing import Any, Final

import attrs

import virtinformer as vi
from tests.guarantees.history import History
from tests.guarantees.recorder import Recorder
from tests.simulation import stage
from tests.simulation.coverage import Coverage, counting
from tests.simulation.crowd import USERS, Crowd
from tests.simulation.script import Script, Step
from tests.simulation.straggling import StragglingSource
from virtinformer.testing import run

__all__ = ["Played", "play"]

BACKOFF: Final = 100.0
"""Seconds in which every connection that backs off, or waits for an answer, is made again."""

ENDING: Final = 300.0
"""Seconds after which an informer that is told to end has ended; its host is honest by then."""

RETRIES: Final = 12.0
"""Seconds in which every read and list that backs off is tried again."""

READING: Final = 20.0
"""Seconds that subscribers have to read what waits for them."""


@attrs.frozen
class Played:
    """What came of a script.

    Attributes:
        history: all that happened.
        coverage: what was reached.
        unexpected: exceptions that nobody has to expect.
    """

    history: History
    coverage: Coverage
    unexpected: tuple[BaseException, ...]


def play(script: Script) -> Played:
    """Play a script on virtual time."""
    coverage = Coverage()
    theatre = _Theatre(script, coverage)
    with _quiet(), counting(coverage):
        run(theatre.play())
    coverage.take_in(theatre.host, theatre.recorder.history)
    return Played(theatre.recorder.history, coverage, tuple(theatre.crowd.unexpected))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The recorder hears what the library logs; nobody else needs to, ten thousand times."""
    logger = logging.getLogger("virtinformer")
    before, logger.propagate = logger.propagate, False
    try:
        yield
    finally:
        logger.propagate = before


class _Theatre:
    """One performance."""

    def __init__(self, script: Script, coverage: Coverage) -> None:
        self.script = script
        self.host = stage.host_of(script)
        self.recorder = Recorder(**script.of_informer)
        self.crowd = Crowd(self.recorder)
        self._coverage = coverage
        self._source = StragglingSource(self.host.source())
        self._life: asyncio.Task[None] | None = None
        self._opened = asyncio.Event()
        self._leave = asyncio.Event()

    async def play(self) -> None:
        asyncio.get_running_loop().set_exception_handler(self._unhandled)
        self.recorder.follow(self.host)
        for step in self.script.steps:
            await self._until(step.at)
            try:
                await self._do(step)
            except ValueError as error:
                self._coverage.skipped[step.deed] += 1
                self.recorder.note(f"not possible now: {step!r}: {error}")
            else:
                self._coverage.done[step.deed] += 1
        stage.calm(self.host)
        if self._life is not None:
            await self._end(self._life)

    async def _until(self, when: float) -> None:
        delay = when - asyncio.get_running_loop().time()
        if delay > 0:
            await asyncio.sleep(delay)

    # ------------------------------------------------------------ steps

    async def _do(self, step: Step) -> None:
        if step.deed in USERS:
            await self.crowd.do(step)
        elif step.deed in stage.LIES or step.deed in stage.OPERATIONS:
            self._do_to_host(step)
        else:
            await getattr(self, f"_do_{step.deed}")(*step.arguments)

    def _do_to_host(self, step: Step) -> None:
        uuid = stage.do(self.host, step)
        if uuid is not None:
            self.recorder.was_true(self.host, uuid, step.deed)

    async def _do_turns(self, count: int) -> None:
        """Let the loop turn so many times; no time passes."""
        for _ in range(count):
            await asyncio.sleep(0)

    async def _do_repeat(self, kind: str) -> None:
        if not self._source.repeat(kind):
            raise ValueError(f"no {kind} of a past connection")

    async def _do_break_next_open(self) -> None:
        self._source.break_next()

    async def _do_open(self) -> None:
        if self._life is not None:
            raise ValueError("it was opened before")
        self._life = asyncio.create_task(self._live(), name="informer")

    async def _do_close(self) -> None:
        if self.crowd.informer is None:
            raise ValueError("it is not open")
        self._leave.set()
        await asyncio.sleep(0)

    async def _do_cancel(self) -> None:
        """Cancel the task that has the informer, also while it is being opened or closed."""
        if self._life is None or self._life.done():
            raise ValueError("it is not there")
        self._life.cancel()
        await asyncio.sleep(0)

    # ------------------------------------------------------------ the informer

    async def _live(self) -> None:
        jitter = Random(f"jitter of {self.script.seed}")
        try:
            # The recorder closes it in its own way; what matters is that it is closed.
            async with self.recorder.informer(self._source, random=jitter.random) as informer:
                self.crowd.informer = informer
                self._opened.set()
                try:
                    await self._leave.wait()
                finally:
                    self.crowd.informer = None
        except vi.ConnectError:
            return  # written down

    # ------------------------------------------------------------ the end

    async def _end(self, life: asyncio.Task[None]) -> None:
        opened = asyncio.create_task(self._opened.wait())
        await asyncio.wait([life, opened], return_when=asyncio.FIRST_COMPLETED, timeout=BACKOFF)
        opened.cancel()
        if self.crowd.informer is not None:
            await self._come_to_rest(self.crowd.informer)
        self._leave.set()
        await self._see_it_end(life)
        self.crowd.wake()
        await asyncio.sleep(1.0)
        await self.crowd.go_home()
        self._see_how_it_ended(life)
        self._count_what_is_left()

    async def _see_it_end(self, life: asyncio.Task[None]) -> None:
        """Wait for it; but one that never opens or closes has this as its fault."""
        _, waiting = await asyncio.wait([life], timeout=ENDING)
        if waiting:
            self.crowd.unexpected.append(RuntimeError("the informer neither opens nor closes"))
            life.cancel()
            await asyncio.wait([life], timeout=ENDING)

    async def _come_to_rest(self, informer: vi.DomainInformer) -> None:
        for _ in range(int(BACKOFF)):
            if informer.health.synced:
                break
            await asyncio.sleep(1.0)
        if self.script.resync_period is None:
            await asyncio.sleep(1.0)  # what was made last can be looked up by then
            await self._sync()
        await asyncio.sleep(RETRIES + (self.script.resync_period or 0.0))
        self.crowd.count_waiting(self._lives)
        self.crowd.wake()
        for _ in range(int(READING)):
            if not self.crowd.behind:
                break
            await asyncio.sleep(1.0)
        self.recorder.rest(self.host.domains)

    async def _sync(self) -> None:
        """Nobody looks for silent changes but on demand; a lie may still be waiting to be told."""
        for _ in range(8):
            with contextlib.suppress(vi.ReadError):
                await self.recorder.want("sync")
                return

    @property
    def _lives(self) -> int:
        """Of how many lives something can wait: what was there at first, an end, a beginning."""
        return 3 * len({entry.uuid for entry in self.host.log if entry.action == "operation"})

    def _see_how_it_ended(self, life: asyncio.Task[None]) -> None:
        if not life.done() or life.cancelled():
            return
        if (error := life.exception()) is not None:
            self.crowd.unexpected.append(error)

    def _count_what_is_left(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        self.recorder.left(
            {
                "tasks": len(tasks),
                "connections": self.host.open_connections,
                "streams that nobody has": self.crowd.abandoned,
            }
        )

    def _unhandled(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception") or RuntimeError(context["message"])
        self.crowd.unexpected.append(error)

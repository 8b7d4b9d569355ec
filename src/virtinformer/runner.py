"""The machine room: feeds the reflector and performs what it decides.

Everything here happens on one event loop, and nothing waits: the source posts
inputs, the reflector turns them into effects, and these are performed at once. A
burst of inputs is worked off a slice at a time, so that other tasks of the loop
run in between.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final
from uuid import UUID

from ._core.barriers import FIRST_SYNC
from ._core.messages import (
    Cancel,
    Connected,
    ConnectFailed,
    Deliver,
    Disconnected,
    Effect,
    Input,
    ListFailed,
    Observed,
    ReadFailed,
    Reject,
    Require,
    Resolve,
    Start,
    Tick,
)
from ._core.model import Change
from ._core.reflector import Reflector
from .exceptions import ConnectError, NotSynced, ReadError
from .source import Source

__all__ = ["Runner"]

_logger = logging.getLogger("virtinformer.informer")

SLICE: Final = 16
"""So many inputs are worked off before other tasks of the loop get their turn."""


class Runner:
    """Runs a reflector on a source.

    Promise: what the source posts is worked off in order; each change is handed
    to `deliver` when the store has it already; after `aclose` nothing is.

    Args:
        source: the host.
        reflector: decides.
        deliver: told of every change.
    """

    def __init__(
        self, source: Source, reflector: Reflector, deliver: Callable[[Change], None]
    ) -> None:
        self._source = source
        self._reflector = reflector
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._inbox: deque[Input] = deque()
        self._working = False
        self._closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._patience = 0.0
        self._give_up_at = 0.0
        self._tokens = itertools.count(FIRST_SYNC + 1)
        self._barriers: dict[int, asyncio.Future[None]] = {}

    # ------------------------------------------------------------------ opening and closing

    async def open(self, patience: float) -> None:
        """Start, and return when the host was read for the first time.

        Args:
            patience: seconds to wait for a host that is not up yet.

        Raises:
            ConnectError: if trying again cannot help, or did not for so long.
            EventLoopError: if libvirt's event loop belongs to somebody else.
        """
        self._patience = patience
        self._give_up_at = self._loop.time() + patience
        self._source.start(self.post)
        synced = self._barriers[FIRST_SYNC] = self._loop.create_future()
        self.post([Start()])
        alarm = self._loop.call_at(self._give_up_at, self._lose_patience)
        try:
            await synced
        finally:
            alarm.cancel()

    async def aclose(self) -> None:
        """Stop, and let nobody wait any longer."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._inbox.clear()
        for token in list(self._barriers):
            self._settle(token, NotSynced("the informer was closed meanwhile"))
        await self._source.aclose()

    def _lose_patience(self) -> None:
        """The time to connect is over: fail, unless all goes well and only takes long."""
        in_trouble = self._reflector.counters.list_errors > 0
        if not self._reflector.connected or in_trouble:
            self._give_up(self._reflector.last_error)

    def _reconsider(self, error: Exception) -> None:
        hopeless = isinstance(error, ConnectError) and error.permanent
        if hopeless or self._loop.time() >= self._give_up_at:
            self._give_up(error)

    def _give_up(self, error: Exception | None) -> None:
        if isinstance(error, ConnectError):
            self._settle(FIRST_SYNC, error)
            return
        failure = ConnectError(
            f"no answer from {self._source.name} within {self._patience:g} s: "
            f"{error or 'it accepts connections and says nothing'}"
        )
        failure.__cause__ = error
        self._settle(FIRST_SYNC, failure)

    # ------------------------------------------------------------------ barriers

    async def reach(self, uuid: UUID | None) -> None:
        """Wait until the store reflects what is true on the host now.

        Args:
            uuid: the one domain that matters, or ``None`` for the whole host.

        Raises:
            ReadError: if the host refuses to say.
            NotSynced: if the informer is closed meanwhile.
        """
        token = next(self._tokens)
        passed = self._barriers[token] = self._loop.create_future()
        self.post([Require(token, self._source.stamp(), uuid)])
        try:
            await passed
        finally:
            if self._barriers.pop(token, None) is not None:
                self.post([Cancel(token)])

    def _settle(self, token: int, error: Exception | None) -> None:
        future = self._barriers.pop(token, None)
        if future is None or future.done():
            return
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)

    def _refuse(self, token: int, error: Exception) -> None:
        failure = ReadError(f"{self._source.name} refuses to say: {error}")
        failure.__cause__ = error
        self._settle(token, failure)

    # ------------------------------------------------------------------ inputs and effects

    def post(self, inputs: Iterable[Input]) -> None:
        """Take in what happened, in order; on the loop."""
        if self._closed:
            return
        self._inbox.extend(inputs)
        if not self._working:
            self._work()

    def _work(self) -> None:
        """Work off a slice of what came, and come back for the rest."""
        if self._closed:
            return
        inputs = [self._inbox.popleft() for _ in range(min(SLICE, len(self._inbox)))]
        for input_ in inputs:
            self._note(input_)
        # What the source posts while it performs an effect waits its turn.
        self._working = True
        for effect in self._reflector.receive(inputs, self._loop.time()):
            self._perform(effect)
        self._working = bool(self._inbox)
        if self._working:
            self._loop.call_soon(self._work)
        else:
            self._set_timer(self._reflector.deadline)

    def _set_timer(self, deadline: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if deadline is not None:
            self._timer = self._loop.call_at(deadline, self.post, [Tick()])

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Deliver(change=change):
                self._deliver(change)
            case Resolve(token=token):
                self._settle(token, None)
            case Reject(token=token, error=error):
                self._refuse(token, error)
            case _:
                self._source.perform(effect)

    def _note(self, input_: Input) -> None:
        """Log what a person would want to know, and give up opening where it cannot succeed."""
        name = self._source.name
        match input_:
            case Connected():
                _logger.info("Connected to %s", name)
            case Disconnected(error=error):
                _logger.warning("Lost the connection to %s: %s", name, error)
                self._reconsider(error)
            case ConnectFailed(error=error):
                # Said once, not at every try while a host is away.
                news = str(error) != str(self._reflector.last_error)
                _logger.log(logging.WARNING if news else logging.DEBUG, "%s", error)
                self._reconsider(error)
            case ListFailed(error=error):
                _logger.warning("Listing the domains of %s failed: %s", name, error)
                self._reconsider(error)
            case Observed(uuid=uuid, result=ReadFailed(error=error)):
                _logger.warning("Reading domain %s of %s failed: %s", uuid, name, error)

"""The machine room: feeds the reflector and performs what it decides.

Everything here happens on one event loop, and nothing waits: the source posts
inputs, the reflector turns them into effects, and these are performed at once. A
burst of inputs is worked off a slice at a time, so that other tasks of the loop
run in between.

No fault in here stops the work: it is logged, a request that could not be handed
to the source is answered with the end of its connection, and what comes next is
taken in as ever.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final
from uuid import UUID

from ._core.barriers import FIRST_SYNC
from ._core.messages import (
    Cancel,
    Connect,
    Connected,
    ConnectFailed,
    Deliver,
    Disconnect,
    Disconnected,
    Effect,
    EventReceived,
    Input,
    Listed,
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
from .source import BATCH, Request, Source

__all__ = ["Runner"]

_logger = logging.getLogger("virtinformer.informer")

SILENCE: Final = 10.0
"""A host that owes an answer and says nothing for so many seconds is more than slow."""

RESPITE: Final = 1.0
"""After a fault the clock does not set off the work again before so many seconds have passed."""


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
        self._due: float | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._said: dict[UUID | None, str] = {}
        self._patience = 0.0
        self._give_up_at = 0.0
        self._tokens = itertools.count(FIRST_SYNC + 1)
        self._barriers: dict[int, asyncio.Future[None]] = {}

    # ------------------------------------------------------------------ opening and closing

    async def open(self, patience: float) -> None:
        """Start, and return when the host was read for the first time.

        Args:
            patience: seconds to wait for a host that is not up yet. One that is up
                and only takes long is waited for until it falls silent.

        Raises:
            ConnectError: if trying again cannot help, or did not for so long.
            EventLoopError: if libvirt's event loop belongs to somebody else.
        """
        self._patience = patience
        self._give_up_at = self._loop.time() + patience
        self._source.start(self.post)
        synced = self._barriers[FIRST_SYNC] = self._loop.create_future()
        self.post([Start()])
        self._watch(self._give_up_at)
        try:
            await synced
        finally:
            self._watch(None)

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
        if not self._reflector.connected:
            self._give_up(self._reflector.last_error)
            return
        patience = SILENCE - self.silence
        if patience > 0:
            self._watch(self._loop.time() + patience)
        else:
            # What went wrong earlier is not why it is silent now.
            self._give_up(None)

    def _watch(self, when: float | None) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = None if when is None else self._loop.call_at(when, self._lose_patience)

    @property
    def silence(self) -> float:
        """Seconds for which a host that owes an answer has said nothing; 0.0 if it owes none."""
        owing_since = self._reflector.waiting_since
        if owing_since is None:
            return 0.0
        contact = self._reflector.last_contact
        return self._loop.time() - (owing_since if contact is None else max(contact, owing_since))

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
        try:
            self.post([Require(token, self._source.stamp(), uuid)])
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
        # What the source posts while it performs an effect waits its turn.
        self._working = True
        earliest = 0.0
        waiting = len(self._inbox)
        try:
            self._work_off()
        except Exception as error:  # noqa: BLE001 - a fault must not end the work
            self._report(error)
            if waiting and len(self._inbox) == waiting:
                self._inbox.popleft()  # what cannot even be looked at must not stay for ever
            # An alarm that cannot be attended to is due for ever.
            earliest = self._loop.time() + RESPITE
        finally:
            self._go_on(earliest)

    def _work_off(self) -> None:
        for effect in self._reflector.receive(self._slice(), self._loop.time()):
            try:
                self._perform(effect)
            except Exception as error:  # noqa: BLE001 - the other effects are to be performed, too
                self._report(error)
                self._inbox.extend(_answers(effect, error))

    def _slice(self) -> Iterator[Input]:
        # One at a time: a fault costs the input that it came of, not those behind it.
        for _ in range(min(BATCH, len(self._inbox))):
            input_ = self._inbox.popleft()
            self._note(input_)
            yield input_

    def _report(self, error: Exception) -> None:
        _logger.error(
            "A fault in the informer of %s itself; it goes on. Please report it",
            self._source.name,
            exc_info=error,
        )

    def _go_on(self, earliest: float) -> None:
        self._working = bool(self._inbox)
        deadline = self._reflector.deadline
        if self._working:
            self._loop.call_soon(self._work)
        else:
            self._set_timer(deadline if deadline is None else max(deadline, earliest))

    def _set_timer(self, deadline: float | None) -> None:
        if deadline == self._due:
            return  # what is set is left: else the loop's heap would fill with cancelled timers
        if self._timer is not None:
            self._timer.cancel()
        self._due = deadline
        self._timer = None if deadline is None else self._loop.call_at(deadline, self._tick)

    def _tick(self) -> None:
        self._timer = self._due = None
        self.post([Tick()])

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
            # Far the most.
            case EventReceived():
                pass
            case Observed(uuid=uuid, result=ReadFailed(error=error)):
                level = self._level_of(uuid, error)
                _logger.log(level, "Reading domain %s of %s failed: %s", uuid, name, error)
            case Observed(uuid=uuid):
                if self._said:
                    self._said.pop(uuid, None)
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
                level = self._level_of(None, error)
                _logger.log(level, "Listing the domains of %s failed: %s", name, error)
                self._reconsider(error)
            case Listed():
                self._said.pop(None, None)

    def _level_of(self, uuid: UUID | None, error: Exception) -> int:
        """How loud to be: what fails for ever is tried for ever, and is news only once."""
        text = str(error)
        news = self._said.get(uuid) != text
        self._said[uuid] = text
        return logging.WARNING if news else logging.DEBUG


def _answers(effect: Effect, error: Exception) -> Iterator[Input]:
    """What to say in place of a source that failed to take a request: nobody else will."""
    if isinstance(effect, Connect):
        yield ConnectFailed(effect.epoch, error)
    elif isinstance(effect, Request) and not isinstance(effect, Disconnect):
        yield Disconnected(effect.epoch, error)

"""What befalls the daemon, at random times: it is killed, it hangs, it is restarted."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from tests.daemons import Daemon
from tests.guarantees.recorder import Recorder
from tests.torture.tally import Tally
from tests.torture.team import Team

__all__ = ["KEEPALIVE", "Tormentor"]

KEEPALIVE: Final = (1.0, 2)
"""Of the informers: a daemon that hangs is given up after three seconds."""
GIVEN_UP: Final = KEEPALIVE[0] * (KEEPALIVE[1] + 1)


class Tormentor:
    """Torments one daemon, from `start` to `stop`, and leaves it well.

    Args:
        daemon: the victim.
        recorders: of everybody who watches it.
        teams: of everybody who changes it.
        tallies: count the faults.
        random: decides when and what.
        pause: seconds between two faults: the shortest, and the longest.
    """

    def __init__(
        self,
        daemon: Daemon,
        recorders: Sequence[Recorder],
        teams: Sequence[Team],
        tallies: Sequence[Tally],
        random: Random,
        pause: tuple[float, float],
    ) -> None:
        self._daemon = daemon
        self._recorders = recorders
        self._teams = teams
        self._tallies = tallies
        self._random = random
        self._pause = pause
        self._enough = asyncio.Event()

    def start(self) -> asyncio.Task[None]:
        """Begin; return the task, so that one can see it fail."""
        self._task = asyncio.create_task(self._run(), name="tormentor")
        return self._task

    async def stop(self) -> None:
        """End what is under way, and do no more."""
        self._enough.set()
        await self._task

    async def _run(self) -> None:
        faults = [self._kill, self._restart, self._stall, self._hang]
        self._random.shuffle(faults)
        while True:
            for fault in faults:
                if await self._is_enough_after(self._random.uniform(*self._pause)):
                    return
                await fault()

    async def _is_enough_after(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._enough.wait()
        except TimeoutError:
            return False
        return True

    async def _kill(self) -> None:
        self._note("killed")
        await self._end(self._daemon.kill)

    async def _restart(self) -> None:
        self._note("restarted")
        await self._end(self._terminate)

    def _terminate(self) -> None:
        try:
            self._daemon.terminate()
        except subprocess.TimeoutExpired:
            self._daemon.kill()  # libvirtd waits for its calls, and a call may wait for a guest

    async def _stall(self) -> None:
        await self._stop("stalled", self._random.uniform(0.1, GIVEN_UP * 0.6))

    async def _hang(self) -> None:
        await self._stop("hung", GIVEN_UP + self._random.uniform(0.5, 2.0))

    async def _end(self, end: Callable[[], None]) -> None:
        for team in self._teams:
            team.shake("the daemon ends")
        await asyncio.to_thread(end)
        died = time.monotonic()
        for team in self._teams:
            team.dead(died)
        await asyncio.sleep(self._random.choice((0.0, self._random.uniform(0.0, 1.5))))
        await asyncio.to_thread(self._daemon.start)
        self._say("the daemon is there again")
        for team in self._teams:
            await team.recovered()

    async def _stop(self, what: str, seconds: float) -> None:
        self._note(what)
        await asyncio.to_thread(self._daemon.stop)
        try:
            await asyncio.sleep(seconds)
        finally:
            self._daemon.cont()
        self._say(f"the daemon goes on after {seconds:.1f} s")

    def _note(self, what: str) -> None:
        self._say(f"fault: daemon {what}")
        for tally in self._tallies:
            tally.faults[what] += 1

    def _say(self, text: str) -> None:
        for recorder in self._recorders:
            recorder.note(text)

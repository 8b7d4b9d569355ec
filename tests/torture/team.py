"""The writers of one host, as seen from here: what they tell becomes lines of the history.

A line may come later than what it tells of, and must be true all the same. So a writer waits
until the beginning of a deed is written down before it begins (`Began` is never late), and
what is true after it is written down when the writer says so (`WasTrue` may be late: then
less is demanded of the informer, never something that was not so).

When the daemon dies everything may change, on the test driver by vanishing. For every
domain that, too, is something that begins (`shake`), and is done when its writer is
connected again and has looked. What a writer tells from before the death is then no news
any more: what it had under way ends with the same look.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID

from tests.guarantees.history import WasTrue
from tests.guarantees.recorder import Recorder
from tests.torture.tally import Tally
from tests.torture.writer import uuids_of
from virtinformer._core.model import Observation
from virtinformer._core.vocabulary import DomainState, reason_of

__all__ = ["Team", "observation_of"]

PROJECT: Final = Path(__file__).parents[2]
LONGEST_LINE: Final = 1 << 22
RECOVERY: Final = 60.0
"""Seconds after which a writer that has not found its host again never will."""


def observation_of(record: Mapping[str, Any] | None) -> Observation | None:
    """What the library would have to say of a domain that was seen so."""
    if record is None:
        return None
    state = DomainState(record["state"])
    return Observation(**{**record, "state": state, "reason": reason_of(state, record["reason"])})


class Team:
    """All writers of one host.

    Args:
        recorder: writes down what they tell.
        tally: counts it.
        uri: of the host.
        root: directory of its daemon.
        seed: for what they do.
        members: how many there are, each with so many domains.
        pace: seconds between two deeds of one of them, on average.
    """

    def __init__(
        self,
        recorder: Recorder,
        tally: Tally,
        uri: str,
        root: Path,
        *,
        seed: int,
        members: int,
        domains: int,
        pace: float,
    ) -> None:
        self._members = [
            _Member(recorder, tally, uuids_of(number, domains)) for number in range(1, members + 1)
        ]
        self._arguments = [
            [
                *("--uri", uri, "--root", str(root), "--pace", str(pace)),
                *("--number", str(number), "--domains", str(domains)),
                *("--seed", str(seed * 100 + number)),
            ]
            for number in range(1, members + 1)
        ]

    @property
    def uuids(self) -> list[UUID]:
        """All domains that anybody of them owns."""
        return [uuid for member in self._members for uuid in member.uuids]

    async def __aenter__(self) -> Self:
        for member, arguments in zip(self._members, self._arguments, strict=True):
            await member.hire(arguments)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for member in self._members:
            await member.fire()

    async def stop(self) -> None:
        """Let everybody finish what is under way, and go."""
        await asyncio.gather(*(member.stop() for member in self._members))

    def shake(self, text: str) -> None:
        """The daemon is about to die; anything may become true from now on."""
        for member in self._members:
            member.shake(text)

    def dead(self, at: float) -> None:
        """Nothing that was opened before this time is open any more."""
        for member in self._members:
            member.dead_at = at

    async def recovered(self) -> None:
        """Wait until everybody has found the host again."""
        async with asyncio.timeout(RECOVERY):
            for member in self._members:
                await member.recovered.wait()


class _Member:
    """One writer."""

    def __init__(self, recorder: Recorder, tally: Tally, uuids: list[UUID]) -> None:
        self.uuids = uuids
        self.dead_at: float | None = None
        self.recovered = asyncio.Event()
        self.recovered.set()
        self._recorder = recorder
        self._tally = tally
        self._shaken: dict[UUID, int] = {}
        self._begun = 0
        self._under_way: list[tuple[int, UUID, str]] = []
        self._stopping = False
        self._process: asyncio.subprocess.Process | None = None
        self._listener: asyncio.Task[None] | None = None

    async def hire(self, arguments: list[str]) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.torture.writer", *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LONGEST_LINE,
            cwd=PROJECT,
            start_new_session=True,  # Ctrl-C is for us, who then end it
        )
        self._listener = asyncio.create_task(self._listen(self._process), name="writer's ear")

    async def stop(self) -> None:
        assert self._listener is not None
        self._stopping = True
        await self._listener

    async def fire(self) -> None:
        """End it however it is."""
        if self._process is None or self._listener is None:
            return
        if self._process.returncode is None:
            self._process.kill()
        await asyncio.wait([self._listener])
        await self._process.wait()

    def shake(self, text: str) -> None:
        self.dead_at = None
        self.recovered.clear()
        self._shaken = {uuid: self._recorder.begin(uuid, text) for uuid in self.uuids}

    # ------------------------------------------------------------ what it tells

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            self._hear(process, json.loads(line))
        if await process.wait() and self._stopping:
            raise RuntimeError(f"a writer ended with status {process.returncode}")

    def _hear(self, process: asyncio.subprocess.Process, told: dict[str, Any]) -> None:
        if "begun" in told:
            self._answer(process, told)
        elif "again" in told:
            self._found_again(told)
        else:
            self._did(told)

    def _answer(self, process: asyncio.subprocess.Process, told: dict[str, Any]) -> None:
        assert process.stdin is not None
        if self._stopping:
            process.stdin.write(b"stop\n")
            return
        self._begun = self._recorder.begin(UUID(told["uuid"]), told["text"])
        process.stdin.write(b"go\n")

    def _did(self, told: dict[str, Any]) -> None:
        self._tally.did(told["did"])
        words = (f"{name} ({error})" if error else name for name, error in told["did"])
        uuid, text = UUID(told["uuid"]), f"{', '.join(words)} at {told['at']:.6f}"
        if self._shaken:
            self._under_way.append((self._begun, uuid, text))
        else:
            self._recorder.done(self._begun, uuid, observation_of(told["seen"]), text)

    def _found_again(self, told: dict[str, Any]) -> None:
        truth = {UUID(uuid): observation_of(seen) for uuid, seen in told["seen"].items()}
        if not self._shaken:
            for uuid, content in truth.items():
                self._recorder.write("host", WasTrue(uuid, content, "found so"))
        elif self.dead_at is not None and told["again"] > self.dead_at:
            self._settle(truth)

    def _settle(self, truth: dict[UUID, Observation | None]) -> None:
        for number, uuid, text in self._under_way:
            self._recorder.done(number, uuid, truth[uuid], text)
        for uuid, number in self._shaken.items():
            self._recorder.done(number, uuid, truth[uuid], "found again")
        self._under_way, self._shaken = [], {}
        self.recovered.set()

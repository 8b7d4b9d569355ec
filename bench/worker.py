"""A contender in a process of its own.

What is compared must not share an interpreter: each contender would wait for the lock and
the garbage of the others, libvirt's event loop can be implemented only once per process, and
the peers live in another environment. So each runs as `python -m bench.worker MODULE:NAME`,
is idle until it is asked, and answers with what it measured by itself.

`MODULE:NAME` is an asynchronous generator function. It sets itself up, yields once to say
that it is ready, and from then on yields an answer to each request that it is sent::

    async def contender(domains: int) -> AsyncGenerator[float | None, int]:
        async with …:
            changes = yield None
            while True:
                changes = yield await measure(changes)

Requests and answers are JSON. This module needs the standard library alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Self, TextIO

__all__ = ["Worker", "WorkerError", "workers"]

ROOT = Path(__file__).parent.parent
LONGEST_ANSWER = 2**24
PATIENCE = 10.0


class WorkerError(Exception):
    """A contender ended; what it said is on standard error."""


class Worker:
    """A contender, from the side of whoever asks it; use it as ``async with``.

    Args:
        target: ``"module:name"`` of an asynchronous generator function.
        *arguments: what it is called with, JSON-able.
        python: the interpreter.
    """

    def __init__(
        self, target: str, *arguments: object, python: Path = Path(sys.executable)
    ) -> None:
        self._command = [str(python), "-m", "bench.worker", target, json.dumps(arguments)]
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        try:
            await self.ready()
        except BaseException:
            await self.end()
            raise
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.end()

    async def start(self) -> None:
        """Start it; it sets itself up, and is then `ready`."""
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LONGEST_ANSWER,
        )

    async def ready(self) -> None:
        """Wait until it has set itself up.

        Raises:
            WorkerError: if it ends instead.
        """
        await self._answer()

    async def ask(self, request: object = None) -> Any:
        """Send a request; the answer.

        Raises:
            WorkerError: if the contender ends instead.
        """
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        await self._process.stdin.drain()
        return await self._answer()

    async def _answer(self) -> Any:
        assert self._process is not None
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise WorkerError(f"{self._command[3]} ended with {await self._process.wait()}")
        return json.loads(line)

    async def end(self) -> None:
        """Let it come to its end; a contender that does not is killed."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), PATIENCE)
        except TimeoutError:
            process.kill()
            await process.wait()


@contextlib.asynccontextmanager
async def workers(*contenders: Worker) -> AsyncIterator[tuple[Worker, ...]]:
    """Have several of them, set up side by side: none does while another one measures."""
    async with contextlib.AsyncExitStack() as stack:
        for contender in contenders:
            await contender.start()
            stack.push_async_callback(contender.end)
        await asyncio.gather(*(contender.ready() for contender in contenders))
        yield contenders


async def serve(target: str, arguments: Sequence[object], answers: TextIO) -> None:
    module, _, name = target.partition(":")
    contender = getattr(importlib.import_module(module), name)(*arguments)
    async with contextlib.aclosing(contender):
        answer = await anext(contender)
        while True:
            print(json.dumps(answer), file=answers, flush=True)
            line = await asyncio.to_thread(sys.stdin.readline)
            if not line:
                return
            answer = await contender.asend(json.loads(line))


def main() -> None:
    # Only answers go to whoever asks; what a peer prints does not.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    asyncio.run(serve(sys.argv[1], json.loads(sys.argv[2]), answers))


if __name__ == "__main__":
    main()

"""What these tests share: domains to define, and a record of what a source posts."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import libvirt
import pytest

from virtinformer._core.messages import Input

URI = "test:///default"

I = TypeVar("I")  # noqa: E741 - an input

_names = itertools.count(1)


def domain_xml(name: str | None = None) -> str:
    name = name or f"domain-{next(_names)}"
    return (
        f"<domain type='test'><name>{name}</name><memory>1024</memory>"
        "<os><type>hvm</type></os></domain>"
    )


@contextmanager
def opened(uri: str = URI) -> Iterator[libvirt.virConnect]:
    host = libvirt.open(uri)
    try:
        yield host
    finally:
        host.close()


@contextmanager
def defined(
    host: libvirt.virConnect, *, name: str | None = None, start: bool = False
) -> Iterator[libvirt.virDomain]:
    domain = host.defineXML(domain_xml(name))
    try:
        if start:
            domain.create()
        yield domain
    finally:
        if domain.isActive():
            domain.destroy()
        domain.undefine()


class NoThreads:
    """From `refuse` until `allow`, no thread can be started."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._start = threading.Thread.start

    def refuse(self) -> None:
        def start(thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        self._monkeypatch.setattr(threading.Thread, "start", start)

    def allow(self) -> None:
        self._monkeypatch.setattr(threading.Thread, "start", self._start)


class Record:
    """What was posted, and a way to wait for it. Give `post` to a source."""

    def __init__(self) -> None:
        self.inputs: list[Input] = []
        self.batches: list[int] = []
        self._changed = asyncio.Event()

    def post(self, batch: Sequence[Input]) -> None:
        self.inputs.extend(batch)
        self.batches.append(len(batch))
        self._changed.set()

    def all(self, kind: type[I], where: Callable[[I], object] = lambda _: True) -> list[I]:
        return [each for each in self.inputs if isinstance(each, kind) and where(each)]

    async def wait(
        self, kind: type[I], where: Callable[[I], object] = lambda _: True, seconds: float = 10.0
    ) -> I:
        """The first of that kind; waits for it."""
        async with asyncio.timeout(seconds):
            while not (found := self.all(kind, where)):
                self._changed.clear()
                await self._changed.wait()
        return found[0]

"""How much is measured, and on what."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Self, TypeVar

import libvirt

from bench.result import Result
from tests.daemons import Daemon, domain_xml

__all__ = ["Benchmark", "Setting"]

T = TypeVar("T")


class Setting:
    """What all benchmarks of one run share; use it as a context manager.

    Args:
        quick: whether it is only to be seen that everything still runs, and roughly how well.

    Attributes:
        rounds: how often everybody gets a turn.
    """

    def __init__(self, *, quick: bool) -> None:
        self.quick = quick
        self.rounds = 5 if quick else 8
        self._stack = contextlib.ExitStack()
        self._daemon: Daemon | None = None
        self._domains = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()

    def either(self, full: T, quick: T) -> T:
        """One thing, or, if it has to be quick, the other."""
        return quick if self.quick else full

    async def host(self, domains: int = 0) -> Daemon:
        """A private libvirtd with QEMU, with at least so many defined domains.

        It is started when it is first asked for.
        """
        return await asyncio.to_thread(self._host, domains)

    def _host(self, domains: int) -> Daemon:
        if self._daemon is None:
            libvirt.registerErrorHandler(lambda _context, _error: None, None)
            self._daemon = self._stack.enter_context(Daemon())
        with contextlib.closing(self._daemon.connect()) as connection:
            for number in range(self._domains, domains):
                connection.defineXML(domain_xml(f"d{number:04}"))
        self._domains = max(self._domains, domains)
        return self._daemon


Benchmark = Callable[[Setting], Awaitable[list[Result]]]

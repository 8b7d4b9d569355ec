"""Which event loop a test runs on.

A bare ``@pytest.mark.asyncio`` means asyncio's own loop. These marks stand in its
place where the loop matters, on a test or as a module's ``pytestmark``.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Mapping

import pytest

__all__ = ["LoopFactory", "every_loop", "loop_factories", "virtual_time"]

LoopFactory = Callable[[], asyncio.AbstractEventLoop]

every_loop = pytest.mark.asyncio(loop_factories=["asyncio", "uvloop"])
"""Runs on asyncio's loop and on uvloop: for everything that meets threads or sockets."""

virtual_time = pytest.mark.asyncio(loop_factories=["virtual"])
"""Runs on a loop whose clock jumps to the next timer: for everything that waits."""


def loop_factories(item: pytest.Item) -> Mapping[str, LoopFactory]:
    """All loops for a test that names some, asyncio's own for one that does not."""
    mark = item.get_closest_marker("asyncio")
    if mark is None or "loop_factories" not in mark.kwargs:
        return {"asyncio": asyncio.new_event_loop}
    return {"asyncio": asyncio.new_event_loop, "uvloop": _uvloop, "virtual": _virtual}


def _uvloop() -> asyncio.AbstractEventLoop:
    loop: asyncio.AbstractEventLoop = importlib.import_module("uvloop").new_event_loop()
    return loop


def _virtual() -> asyncio.AbstractEventLoop:
    module = importlib.import_module("virtinformer.testing.virtualtime")
    loop: asyncio.AbstractEventLoop = module.VirtualLoop()
    return loop

"""What is there of what an informer may leave behind: counted before and after."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Mapping
from typing import Final

import libvirt

from tests.leaks import EVENT_THREAD

__all__ = ["counted", "left"]

PATIENCE: Final = 5.0
"""Seconds: libvirt closes a socket a moment after its connection."""

_KINDS: Final = (libvirt.virConnect, libvirt.virDomain, libvirt.virDomainSnapshot)


def counted() -> dict[str, int]:
    """How many there are now."""
    gc.collect()
    return {
        "tasks": len(asyncio.all_tasks()),
        "threads": sum(map(_is_ours, threading.enumerate())),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "libvirt objects": sum(isinstance(thing, _KINDS) for thing in gc.get_objects()),
    }


def _is_ours(thread: threading.Thread) -> bool:
    return thread.name.startswith("virtinformer-") and thread.name != EVENT_THREAD


async def left(before: Mapping[str, int]) -> dict[str, int]:
    """How many there are more than before, once there are as few as there will be."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE
    while True:
        now = counted()
        more = {kind: max(0, many - before[kind]) for kind, many in now.items()}
        if not any(more.values()) or loop.time() > deadline:
            return more
        await asyncio.sleep(0.1)

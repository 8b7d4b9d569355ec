"""Taking turns: A B C, A B C, …, so that a busy moment slows all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

__all__ = ["interleave"]

T = TypeVar("T")


async def interleave(rounds: int, *contenders: Callable[[], Awaitable[T]]) -> list[list[T]]:
    """One round that does not count, and then so many that do; what each found, round by round."""
    found: list[list[T]] = [[] for _ in contenders]
    for round_ in range(rounds + 1):
        for contender, mine in zip(contenders, found, strict=True):
            outcome = await contender()
            if round_:
                mine.append(outcome)
    return found

"""Who waits until the store reflects the host as it was at a moment.

A barrier stands for one `refresh()`, one `sync()`, or the first synchronisation.
It holds until every domain that matters to it was read by a read that began
after the barrier's stamp. For a single domain that is one read; for the whole
host it takes a list that began after the stamp, and then a read of each domain
which that list did not settle.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import attrs

__all__ = ["CATCH_UP", "FIRST_SYNC", "Barrier", "Barriers"]

FIRST_SYNC = 0
"""The token of the first synchronisation."""

CATCH_UP = -1
"""The token of a synchronisation after a reconnect."""

_OURS = frozenset({FIRST_SYNC, CATCH_UP})
"""Nobody could be told that these failed: no broken domain can make them."""


@attrs.define
class Barrier:
    """One who waits.

    Attributes:
        token: names it to the shell.
        stamp: what was true on the host at this stamp must be in the store.
        waiting: the domains still to be read; ``None`` before a list told which.
    """

    token: int
    stamp: int
    waiting: set[UUID] | None


class Barriers:
    """All who wait."""

    def __init__(self) -> None:
        self._barriers: dict[int, Barrier] = {}

    def add(self, barrier: Barrier) -> None:
        """Let somebody wait."""
        self._barriers[barrier.token] = barrier

    def cancel(self, token: int) -> None:
        """Nobody waits for that any more."""
        self._barriers.pop(token, None)

    def __contains__(self, token: int) -> bool:
        return token in self._barriers

    @property
    def need_list(self) -> bool:
        """Whether somebody waits for a list."""
        return any(barrier.waiting is None for barrier in self._barriers.values())

    def listed(self, began: int, unseen: Callable[[int], set[UUID]]) -> bool:
        """A list that began at a stamp is through.

        Args:
            began: its stamp.
            unseen: finds the domains that were not read since a stamp, and has them read.

        Returns:
            Whether somebody had waited for it.
        """
        waiting = [b for b in self._barriers.values() if b.waiting is None and b.stamp < began]
        for barrier in waiting:
            barrier.waiting = unseen(barrier.stamp)
        return bool(waiting)

    def seen(self, uuid: UUID, began: int) -> bool:
        """A read of a domain, begun at a stamp, was accepted; whether somebody waited for it."""
        waiting = [
            b
            for b in self._barriers.values()
            if b.waiting is not None and b.stamp < began and uuid in b.waiting
        ]
        for barrier in waiting:
            assert barrier.waiting is not None
            barrier.waiting.discard(uuid)
        return bool(waiting)

    def unreadable(self, uuid: UUID) -> list[int]:
        """The host will not say what a domain is; the tokens of those for whom that is fatal."""
        failed = [b for b in self._barriers.values() if b.waiting is not None and uuid in b.waiting]
        return self._fail(failed, uuid)

    def unlistable(self, *, unread: bool) -> list[int]:
        """The host will not list; the tokens of those for whom that is fatal.

        Args:
            unread: whether no domain is read before there is a list.
        """
        failed = [b for b in self._barriers.values() if unread or b.waiting is None]
        return self._fail(failed, None)

    def _fail(self, failed: list[Barrier], uuid: UUID | None) -> list[int]:
        fatal = [barrier.token for barrier in failed if barrier.token not in _OURS]
        for barrier in failed:
            if barrier.token not in _OURS:
                del self._barriers[barrier.token]
            elif barrier.waiting is not None and uuid is not None:
                barrier.waiting.discard(uuid)
        return fatal

    def passed(self) -> list[int]:
        """Take out the tokens of those who need not wait any longer."""
        tokens = [
            b.token for b in self._barriers.values() if b.waiting is not None and not b.waiting
        ]
        for token in tokens:
            del self._barriers[token]
        return tokens

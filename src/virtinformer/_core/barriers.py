"""Who waits until the store reflects the host as it was at a moment.

A barrier stands for one `refresh()`, one `sync()`, or the first synchronisation.
It holds until every domain that matters to it was read by a read that began
after the barrier's stamp. For a single domain that is one read; for the whole
host it takes a list that began after the stamp, and then a read of each domain
which that list did not settle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
    """All who wait. Thousands may: nobody is looked at whom a read or a list does not concern."""

    def __init__(self) -> None:
        self._barriers: dict[int, Barrier] = {}
        self._for_list: dict[int, Barrier] = {}
        self._for_read: dict[UUID, dict[int, Barrier]] = {}
        self._passed: dict[int, None] = {}

    def add(self, barrier: Barrier) -> None:
        """Let somebody wait; who waited by that token does no more."""
        self.cancel(barrier.token)
        self._barriers[barrier.token] = barrier
        if barrier.waiting is None:
            self._for_list[barrier.token] = barrier
        else:
            self._wait_for_reads(barrier, barrier.waiting)

    def _wait_for_reads(self, barrier: Barrier, uuids: set[UUID]) -> None:
        barrier.waiting = uuids
        for uuid in uuids:
            self._for_read.setdefault(uuid, {})[barrier.token] = barrier
        if not uuids:
            self._passed[barrier.token] = None

    def cancel(self, token: int) -> None:
        """Nobody waits for that any more."""
        barrier = self._barriers.pop(token, None)
        if barrier is None:
            return
        self._for_list.pop(token, None)
        self._passed.pop(token, None)
        for uuid in barrier.waiting or ():
            self._leave(uuid, token)

    def _leave(self, uuid: UUID, token: int) -> None:
        waiting = self._for_read[uuid]
        del waiting[token]
        if not waiting:
            del self._for_read[uuid]

    def __contains__(self, token: int) -> bool:
        return token in self._barriers

    @property
    def need_list(self) -> bool:
        """Whether somebody waits for a list."""
        return bool(self._for_list)

    def listed(self, began: int, unseen: Callable[[int], set[UUID]]) -> bool:
        """A list that began at a stamp is through.

        Args:
            began: its stamp.
            unseen: finds the domains that were not read since a stamp, and has them read.

        Returns:
            Whether somebody had waited for it.
        """
        waiting = [barrier for barrier in self._for_list.values() if barrier.stamp < began]
        for barrier in waiting:
            del self._for_list[barrier.token]
            self._wait_for_reads(barrier, unseen(barrier.stamp))
        return bool(waiting)

    def seen(self, uuid: UUID, began: int) -> bool:
        """A read of a domain, begun at a stamp, was accepted; whether somebody waited for it."""
        if not self._for_read:
            return False
        waiting = [b for b in self._for_read.get(uuid, {}).values() if b.stamp < began]
        for barrier in waiting:
            self._answer(barrier, uuid)
        return bool(waiting)

    def _answer(self, barrier: Barrier, uuid: UUID) -> None:
        assert barrier.waiting is not None
        barrier.waiting.discard(uuid)
        self._leave(uuid, barrier.token)
        if not barrier.waiting:
            self._passed[barrier.token] = None

    def unreadable(self, uuid: UUID) -> list[int]:
        """The host will not say what a domain is; the tokens of those for whom that is fatal."""
        waiting = tuple(self._for_read.get(uuid, {}).values())
        for barrier in waiting:
            if barrier.token in _OURS:
                self._answer(barrier, uuid)
        return self._fail(waiting)

    def unlistable(self, *, unread: bool) -> list[int]:
        """The host will not list; the tokens of those for whom that is fatal.

        Args:
            unread: whether no domain is read before there is a list.
        """
        return self._fail(tuple((self._barriers if unread else self._for_list).values()))

    def _fail(self, waiting: Iterable[Barrier]) -> list[int]:
        fatal = [barrier.token for barrier in waiting if barrier.token not in _OURS]
        for token in fatal:
            self.cancel(token)
        return fatal

    def passed(self) -> list[int]:
        """Take out the tokens of those who need not wait any longer."""
        tokens = list(self._passed)
        for token in tokens:
            self.cancel(token)
        return tokens

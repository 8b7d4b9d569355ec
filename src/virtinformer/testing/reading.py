"""Reads and lists under way, each in its moments.

A read has three: it begins (and takes a stamp), it takes its content, and it is
answered (and takes the other stamp). What happens to the domain, and which
events arrive, between the first and the last is what makes races. A list names
all domains at one moment, then reads them in chunks, each chunk with the same
three moments.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from uuid import UUID

import attrs

from .._core.messages import Gone, Listed, ListFailed, Observed, ReadFailed
from .._core.model import Observation
from ..exceptions import ReadError

if TYPE_CHECKING:
    from .connection import Connection

__all__ = ["Listing", "Reading"]

CHUNK: Final = 100
"""Domains that a list reads together."""


class Reading:
    """One read of one domain on one connection; it begins by being made, or with its list."""

    def __init__(self, connection: Connection, uuid: UUID, list_began: int | None = None) -> None:
        self.uuid = uuid
        self.began: int = connection.source.stamp() if list_began is None else list_began
        self._connection = connection
        self._listed = list_began is not None
        self._since = connection.source.clock()
        self._error = connection.daemon.liar.read_error(uuid)
        self._torn = connection.daemon.liar.tears(uuid)
        self._first = self._look() if self._torn else None
        self._result: Observation | Gone | ReadFailed = Gone()

    def take(self) -> None:
        """Take the content: all of it now, or of a torn read the XML only."""
        if self._connection.ended:
            self._result = ReadFailed(ReadError("the connection was lost during the read"))
        elif self._error is not None:
            self._result = ReadFailed(self._error)
        else:
            self._result = self._seen()

    def answer(self) -> None:
        """End: post what was read."""
        source = self._connection.source
        now = source.clock()
        answer = Observed(
            epoch=self._connection.epoch,
            uuid=self.uuid,
            began=self.began,
            ended=source.stamp(),
            time=now,
            result=self._result,
            listed=self._listed,
            took=now - self._since,
        )
        source.put(answer)

    @property
    def whole(self) -> bool:
        """Whether it saw the domain, and in one piece."""
        return isinstance(self._result, Observation) and self._result.settled

    def _look(self) -> Observation | None:
        return self._connection.daemon.inventory.look(self.uuid)

    def _seen(self) -> Observation | Gone:
        now = self._look()
        if now is None:
            return Gone()
        if not self._torn:
            return now
        before = self._first or now
        return attrs.evolve(before, xml=now.xml, config_xml=now.config_xml, settled=False)


class Listing:
    """One list on one connection; it begins by being made.

    Half of its time goes into naming the domains, half into reading them. A
    domain that could not be read in one piece is named but not reported, as the
    source on libvirt does; the reflector reads it singly.
    """

    def __init__(self, connection: Connection, only: frozenset[UUID] | None) -> None:
        self._connection = connection
        self._only = only
        self._began = connection.source.stamp()
        self._error = connection.daemon.liar.list_error()
        self._late = connection.daemon.liar.answers_late()
        self._time = connection.daemon.liar.list_time()
        self._present: frozenset[UUID] = frozenset()
        self._left: list[Sequence[UUID]] = []
        self._pause = 0.0
        connection.later(self._time / 2, self._name, late=self._late)

    def _name(self) -> None:
        daemon = self._connection.daemon
        try:
            uuids = [] if self._connection.ended else daemon.inventory.uuids()
        except ReadError as error:
            self._post(ListFailed(self._connection.epoch, error))
            return
        self._present = frozenset(uuids) - daemon.liar.missing(uuids)
        self._plan([uuid for uuid in uuids if uuid in self._present])
        self._next_chunk()

    def _plan(self, uuids: list[UUID]) -> None:
        wanted = [uuid for uuid in uuids if self._only is None or uuid in self._only]
        if self._error is not None:
            wanted = wanted[: len(wanted) // 2]
        self._left = [wanted[at : at + CHUNK] for at in range(0, len(wanted), CHUNK)]
        self._pause = self._time / 4 / max(1, len(self._left))

    def _next_chunk(self) -> None:
        if not self._left:
            self._end()
            return
        readings = [Reading(self._connection, uuid, self._began) for uuid in self._left.pop(0)]
        self._connection.later(self._pause, lambda: self._take(readings), late=self._late)

    def _take(self, readings: Sequence[Reading]) -> None:
        for reading in readings:
            reading.take()
        self._connection.later(self._pause, lambda: self._answer(readings), late=self._late)

    def _answer(self, readings: Sequence[Reading]) -> None:
        for reading in readings:
            if reading.whole:
                reading.answer()
        self._next_chunk()

    def _end(self) -> None:
        epoch = self._connection.epoch
        if self._error is None and self._connection.ended:
            self._error = ReadError("the connection was lost during the list")
        if self._error is not None:
            self._post(ListFailed(epoch, self._error))
        else:
            self._post(Listed(epoch, self._began, self._present))

    def _post(self, answer: Listed | ListFailed) -> None:
        self._connection.source.put(answer)

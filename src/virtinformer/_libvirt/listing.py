"""Reading all domains, in bulk.

Five calls a domain, for thousands of domains, is slow; most can be had for all
of them at once. Which domains are persistent, and which start with the host, are
two lists. States come from ``virDomainListGetStats``, a chunk of domains at a
time, before and after their XML is read one by one; a domain whose state, id or
name moved between is not reported, and the reflector reads it singly, as it does
one whose XML the host will not give. (A broken domain must not keep the others
from being listed.)

A chunk is a job of its own, and each job queues the next, so that the reads which
events ask for are never behind more than a chunk. A few of these chains run side
by side, except inside the process: there is no wire there to wait for, and
threads are slower than one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Final
from uuid import UUID

import attrs
import libvirt

from .._core.messages import Input, Listed, ListFailed, Observed
from .._core.model import Observation
from .._core.partition import list_in_parts
from .._core.vocabulary import DomainState, reason_of
from .errors import detached, is_no_domain, is_too_many, is_unsupported, read_error
from .readers import Job
from .reads import agrees, config_of, read_domain

__all__ = ["Listing"]

log = logging.getLogger("virtinformer.libvirt")

CHUNK: Final = 16
"""Domains a chunk. What is made of one keeps the interpreter's lock, and with it the event loop
waiting: for about a millisecond at this size."""


@attrs.frozen
class _Status:
    """What the host says of a domain without its XML; equal if it did not move."""

    name: str
    id: int
    state: int
    reason: int


class Listing:
    """One bulk list.

    Promise: `run` leads to one `Observed` for each domain that was read whole,
    then one `Listed`; or to one `ListFailed`, after which nothing follows.

    Args:
        only: the domains to read; ``None``: all. All are named either way.
        stamp: takes the next stamp.
        tell: takes the outcome.
        failed: told of an exception first; returns whether it was dealt with, so
            that there is nothing to tell (the connection broke).
        width: how many chunks may be read side by side.
    """

    def __init__(
        self,
        host: libvirt.virConnect,
        epoch: int,
        only: frozenset[UUID] | None,
        *,
        stamp: Callable[[], int],
        submit: Callable[[Job], None],
        tell: Callable[[Input], None],
        failed: Callable[[Exception], bool],
        width: int,
    ) -> None:
        self._host = host
        self._epoch = epoch
        self._only = only
        self._stamp = stamp
        self._submit = submit
        self._tell = tell
        self._failed = failed
        self._width = width
        self._lock = threading.Lock()
        self._began = 0
        self._present: frozenset[UUID] = frozenset()
        self._persistent: frozenset[UUID] = frozenset()
        self._autostart: frozenset[UUID] = frozenset()
        self._chunks: deque[list[libvirt.virDomain]] = deque()
        self._unread = 0
        self._over = False

    def run(self) -> None:
        """Name all domains, and have them read. Blocks."""
        self._guarded(self._name_all)

    def _guarded(self, step: Job) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - whatever it is, the list failed
            self._fail(error)

    def _name_all(self) -> None:
        self._began = self._stamp()
        domains = {uuid_of(domain): domain for domain in self._list(0)}
        self._present = frozenset(domains)
        self._persistent = self._uuids(libvirt.VIR_CONNECT_LIST_DOMAINS_PERSISTENT)
        self._autostart = self._uuids(libvirt.VIR_CONNECT_LIST_DOMAINS_AUTOSTART)
        chosen = [d for uuid, d in domains.items() if self._only is None or uuid in self._only]
        self._chunks.extend(chosen[i : i + CHUNK] for i in range(0, len(chosen), CHUNK))
        self._unread = len(self._chunks)
        if not self._chunks:
            self._finish()
        for _ in range(min(self._width, self._unread)):
            self._submit(lambda: self._guarded(self._read_next))

    def _read_next(self) -> None:
        with self._lock:
            if self._over or not self._chunks:
                return
            chunk = self._chunks.popleft()
        seen = self._read_chunk(chunk)
        # The lock is kept while it is told: the list may fail in another chunk meanwhile.
        with self._lock:
            self._tell_all(seen)
            self._unread -= 1
            through = self._unread == 0
        if through:
            self._finish()
        else:
            self._submit(lambda: self._guarded(self._read_next))

    def _tell_all(self, chunk: list[tuple[UUID, Observation, int]]) -> None:
        if self._over:
            return
        for uuid, seen, ended in chunk:
            self._tell(
                Observed(self._epoch, uuid, self._began, ended, time.time(), seen, listed=True)
            )

    def _finish(self) -> None:
        if self._end():
            self._tell(Listed(self._epoch, self._began, self._present))

    def _fail(self, error: Exception) -> None:
        if self._end() and not self._failed(error):
            self._tell(ListFailed(self._epoch, read_error("the list of domains", error)))

    def _end(self) -> bool:
        """Whether it ends now, and had not before. Gives all handles back."""
        with self._lock:
            was_over, self._over = self._over, True
            self._chunks.clear()
            return not was_over

    def _list(self, flags: int) -> list[libvirt.virDomain]:
        return list_in_parts(self._host.listAllDomains, flags, too_many=is_too_many, key=uuid_of)

    def _uuids(self, flags: int) -> frozenset[UUID]:
        return frozenset(map(uuid_of, self._list(flags)))

    def _read_chunk(self, chunk: list[libvirt.virDomain]) -> list[tuple[UUID, Observation, int]]:
        try:
            seen = dict(self._read_in_bulk(chunk))
        except libvirt.libvirtError as error:
            if not is_unsupported(error) and not is_no_domain(error):
                raise
            seen = dict(self._read_singly(chunk))
        ended = self._stamp()
        return [(uuid, observation, ended) for uuid, observation in seen.items()]

    def _read_in_bulk(self, chunk: list[libvirt.virDomain]) -> Iterator[tuple[UUID, Observation]]:
        before = self._statuses(chunk)
        texts = {uuid: self._texts(domain, uuid) for uuid, (domain, _) in before.items()}
        after = {uuid: status for uuid, (_, status) in self._statuses(chunk).items()}
        for uuid, (_, status) in before.items():
            text = texts[uuid]
            if text is not None and after.get(uuid) == status:
                seen = self._observation(uuid, status, *text)
                if seen.settled:
                    yield uuid, seen

    def _statuses(
        self, chunk: list[libvirt.virDomain]
    ) -> dict[UUID, tuple[libvirt.virDomain, _Status]]:
        answer = self._host.domainListGetStats(chunk, libvirt.VIR_DOMAIN_STATS_STATE)
        found = {}
        for domain, stats in answer:
            uuid = uuid_of(domain)
            try:
                found[uuid] = (domain, _status(domain, stats))
            except Exception as error:  # noqa: BLE001 - a name that is no text, a state left out
                log.debug("domain %s is left to a read of its own: %s", uuid, detached(error))
        return found

    def _texts(self, domain: libvirt.virDomain, uuid: UUID) -> tuple[str, str | None] | None:
        """Live and configuration XML; ``None`` if the host will not give them."""
        try:
            xml = domain.XMLDesc(0)
            return xml, config_of(domain, xml, domain.ID(), uuid in self._persistent)
        except Exception as error:  # noqa: BLE001 - whatever it is, that read meets it too
            log.debug("domain %s is left to a read of its own: %s", uuid, detached(error))
            return None

    def _observation(
        self, uuid: UUID, status: _Status, xml: str, config_xml: str | None
    ) -> Observation:
        state = DomainState(status.state)
        return Observation(
            name=status.name,
            id=status.id,
            state=state,
            reason=reason_of(state, status.reason),
            persistent=uuid in self._persistent,
            autostart=uuid in self._autostart,
            xml=xml,
            config_xml=config_xml,
            settled=agrees(xml, status.name, status.id, state),
        )

    def _read_singly(self, chunk: list[libvirt.virDomain]) -> Iterator[tuple[UUID, Observation]]:
        for uuid in map(uuid_of, chunk):
            try:
                seen = read_domain(self._host, uuid)
            except Exception as error:  # noqa: BLE001 - as above
                log.debug("domain %s is left to a read of its own: %s", uuid, detached(error))
                continue
            if isinstance(seen, Observation) and seen.settled:
                yield uuid, seen


def _status(domain: libvirt.virDomain, stats: Mapping[str, int]) -> _Status:
    return _Status(domain.name(), domain.ID(), stats["state.state"], stats["state.reason"])


def uuid_of(domain: libvirt.virDomain) -> UUID:
    """The UUID of a handle; costs no call."""
    return UUID(domain.UUIDString())

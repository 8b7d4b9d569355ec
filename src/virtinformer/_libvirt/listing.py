"""Reading all domains, in bulk.

Five calls a domain, for thousands of domains, is slow; most can be had for all
of them at once. Which domains are transient, and which start with the host, are
two lists. States come from ``virDomainListGetStats``, a chunk of domains at a
time, before and after their XML is read one by one; a domain whose state, id or
name moved between is not reported, and the reflector reads it singly, as it does
one whose XML the host will not give. (A broken domain must not keep the others
from being listed.)

A chunk is a job of its own, and each job queues the next, so that the reads which
events ask for are never behind more than a chunk. A few of these chains run side
by side, except inside the process: there is no wire there to wait for, and
threads are slower than one. If there are many chunks, help is called: whoever has
another connection to the same host takes chunks from the same heap (`helpers`).
Such a helper may come late, fail or hang: its chunk goes back onto the heap, and
the list goes on without it.
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
from .eventloop import slowly
from .readers import Job
from .reads import agrees, config_of, read_domain, uuid_from

__all__ = ["Listing"]

log = logging.getLogger("virtinformer.libvirt")

CHUNK: Final = 32
"""Domains a chunk. What is made of one keeps the interpreter's lock, and with it the event loop
waiting: for about a millisecond at this size."""

MANY: Final = 6
"""So many chunks, and help is worth what it costs: each helper opens a connection, and lists."""

Key = str
"""A UUID as the binding has it; a `uuid.UUID` takes several times as long to make and look up."""
Chunk = list[Key]


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
        wanted: Callable[[], bool] = lambda: True,
        call_help: Callable[[Callable[[libvirt.virConnect], None]], None] = lambda help_: None,
    ) -> None:
        self._host = host
        self._epoch = epoch
        self._only = only
        self._stamp = stamp
        self._submit = submit
        self._tell = tell
        self._failed = failed
        self._width = width
        self._wanted = wanted
        self._call_help = call_help
        self._lock = threading.Lock()
        # Thousands of handles are made with the interpreter's lock in hand. By all at once,
        # whoever else wants that would wait for as many times the interpreter's five milliseconds.
        self._naming = threading.Lock()
        self._began = 0
        self._present: frozenset[UUID] = frozenset()
        self._uuids: Mapping[Key, UUID] = {}
        self._transient: frozenset[Key] = frozenset()
        self._autostart: frozenset[Key] = frozenset()
        self._handles: Mapping[Key, libvirt.virDomain] = {}
        self._chunks: deque[Chunk] = deque()
        self._unread = 0
        self._chains = 0
        self._over = False

    def run(self) -> None:
        """Name all domains, and have them read. Blocks."""
        self._guarded(self._name_all)

    def help(self, host: libvirt.virConnect) -> None:
        """Read chunks on another connection to the same host, as long as there are. Blocks.

        Raises:
            Exception: what the host answered; the list goes on without this helper.
        """
        with self._naming:
            handles = _handles(host)
        while self._wanted() and (chunk := self._take()) is not None:
            try:
                seen = self._read_chunk(host, [handles[key] for key in chunk if key in handles])
            except BaseException:
                self._give_back(chunk)
                raise
            self._through(seen)

    def _guarded(self, step: Job) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - whatever it is, the list failed
            self._fail(error)

    def _name_all(self) -> None:
        self._began = self._stamp()
        handles = _handles(self._host)
        self._uuids = {key: uuid_from(key) for key in handles}
        self._present = frozenset(self._uuids.values())
        # Of those that are named, the others are persistent; they would be a longer list.
        self._transient = self._keys(libvirt.VIR_CONNECT_LIST_DOMAINS_TRANSIENT)
        self._autostart = self._keys(libvirt.VIR_CONNECT_LIST_DOMAINS_AUTOSTART)
        if self._only is not None:
            handles = {k: domain for k, domain in handles.items() if self._uuids[k] in self._only}
        keys, self._handles = list(handles), handles
        self._chunks.extend(keys[i : i + CHUNK] for i in range(0, len(keys), CHUNK))
        self._unread = number = len(self._chunks)
        if not number:
            self._finish()
        self._begin_chains(min(self._width, number))
        if number >= MANY and self._only is None:
            self._call_help(self.help)

    def _begin_chains(self, number: int) -> None:
        with self._lock:
            self._chains += number
        for _ in range(number):
            self._submit(lambda: self._guarded(self._read_next))

    def _read_next(self) -> None:
        """A link of a chain: reads a chunk, and queues the next link."""
        chunk = self._take(ends_chain=True)
        if chunk is None:
            return
        seen = self._read_chunk(self._host, [self._handles[key] for key in chunk])
        if not self._through(seen):
            self._submit(lambda: self._guarded(self._read_next))

    def _take(self, *, ends_chain: bool = False) -> Chunk | None:
        with self._lock:
            if not self._over and self._chunks:
                return self._chunks.popleft()
            self._chains -= ends_chain
            return None

    def _give_back(self, chunk: Chunk) -> None:
        """Have it read by the others; if they have all gone home, by one who comes again."""
        with self._lock:
            if self._over:
                return
            self._chunks.append(chunk)
            is_left_alone = self._chains == 0
        if is_left_alone:
            self._guarded(lambda: self._begin_chains(1))

    def _through(self, seen: list[tuple[UUID, Observation, int]]) -> bool:
        """Tell what was read of a chunk; whether that was the last one."""
        # The lock is kept while it is told: the list may fail in another chunk meanwhile.
        with self._lock:
            self._tell_all(seen)
            self._unread -= 1
            is_last = self._unread == 0
        if is_last:
            self._finish()
        return is_last

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
            self._handles = {}
            return not was_over

    def _keys(self, flags: int) -> frozenset[Key]:
        return frozenset(_handles(self._host, flags))

    def _read_chunk(
        self, host: libvirt.virConnect, chunk: list[libvirt.virDomain]
    ) -> list[tuple[UUID, Observation, int]]:
        try:
            with slowly():
                seen = dict(self._read_in_bulk(host, chunk)) if chunk else {}
        except libvirt.libvirtError as error:
            if not is_unsupported(error) and not is_no_domain(error):
                raise
            seen = dict(self._read_singly(host, chunk))
        ended = self._stamp()
        return [(self._uuids[key], observation, ended) for key, observation in seen.items()]

    def _read_in_bulk(
        self, host: libvirt.virConnect, chunk: list[libvirt.virDomain]
    ) -> Iterator[tuple[Key, Observation]]:
        before = self._statuses(host, chunk)
        texts = {key: self._texts(domain, key) for key, (domain, _) in before.items()}
        after = {key: status for key, (_, status) in self._statuses(host, chunk).items()}
        for key, (_, status) in before.items():
            text = texts[key]
            if text is not None and after.get(key) == status:
                seen = self._observation(key, status, *text)
                if seen.settled:
                    yield key, seen

    def _statuses(
        self, host: libvirt.virConnect, chunk: list[libvirt.virDomain]
    ) -> dict[Key, tuple[libvirt.virDomain, _Status]]:
        answer = host.domainListGetStats(chunk, libvirt.VIR_DOMAIN_STATS_STATE)
        found = {}
        for domain, stats in answer:
            key = _key(domain)
            try:
                found[key] = (domain, _status(domain, stats))
            except Exception as error:  # noqa: BLE001 - a name that is no text, a state left out
                self._leave(key, error)
        return found

    def _leave(self, key: Key, error: Exception) -> None:
        uuid = self._uuids[key]
        log.debug("domain %s is left to a read of its own: %s", uuid, detached(error))

    def _texts(self, domain: libvirt.virDomain, key: Key) -> tuple[str, str | None] | None:
        """Live and configuration XML; ``None`` if the host will not give them."""
        try:
            xml = domain.XMLDesc(0)
            return xml, config_of(domain, xml, domain.ID(), key not in self._transient)
        except Exception as error:  # noqa: BLE001 - whatever it is, that read meets it too
            self._leave(key, error)
            return None

    def _observation(
        self, key: Key, status: _Status, xml: str, config_xml: str | None
    ) -> Observation:
        state = DomainState(status.state)
        return Observation(
            name=status.name,
            id=status.id,
            state=state,
            reason=reason_of(state, status.reason),
            persistent=key not in self._transient,
            autostart=key in self._autostart,
            xml=xml,
            config_xml=config_xml,
            settled=agrees(xml, status.name, status.id, state),
        )

    def _read_singly(
        self, host: libvirt.virConnect, chunk: list[libvirt.virDomain]
    ) -> Iterator[tuple[Key, Observation]]:
        for key in map(_key, chunk):
            try:
                seen = read_domain(host, self._uuids[key])
            except Exception as error:  # noqa: BLE001 - as above
                self._leave(key, error)
                continue
            if isinstance(seen, Observation) and seen.settled:
                yield key, seen


def _handles(host: libvirt.virConnect, flags: int = 0) -> dict[Key, libvirt.virDomain]:
    try:
        found = host.listAllDomains(flags)
    except libvirt.libvirtError as error:
        if not is_too_many(error):
            raise
        found = list_in_parts(host.listAllDomains, flags, too_many=is_too_many, key=_key)
    return {_key(domain): domain for domain in found}


def _key(domain: libvirt.virDomain) -> Key:
    return domain.UUIDString()


def _status(domain: libvirt.virDomain, stats: Mapping[str, int]) -> _Status:
    return _Status(domain.name(), domain.ID(), stats["state.state"], stats["state.reason"])


def uuid_of(domain: libvirt.virDomain) -> UUID:
    """The UUID of a handle; costs no call."""
    return uuid_from(_key(domain))

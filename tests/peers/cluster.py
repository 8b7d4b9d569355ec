"""The stage of the peers: pods on the stub API server, and one of their informers.

On real time. Each handler stands in the history twice: as a handler that is called, and as
a subscriber, ``… as a subscriber``, that is given what it is called with; so the same
validators can look at it as at a subscriber of this library.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final
from uuid import UUID

import virtinformer as vi
from tests.guarantees.history import (
    AtRest,
    Called,
    Closed,
    Ended,
    Given,
    Note,
    Opened,
    Returned,
    Subscribed,
    WasTrue,
)
from tests.peers.chronicle import Chronicle
from tests.peers.peer import Peer
from tests.peers.pods import Pod
from tests.peers.server import ApiServer
from tests.peers.stage import Behaviour, Stage
from tests.peers.truth import Change, Pods

__all__ = ["ClusterStage"]

_SLACK: Final = 0.5
"""Seconds: half of what the slow handler takes for one call."""
_LOOK: Final = 0.01
"""Seconds between two looks at the store, and at whether all is quiet."""
_QUIET: Final = 0.5
"""Seconds for which all must be quiet to be at rest."""
_CLOSING: Final = 10.0
"""Seconds after which a peer that does not end is left to the end of the process."""


class ClusterStage(Stage):
    """Pods on a stub API server, and a peer.

    Args:
        make: makes the peer, given the address of the server.
    """

    def __init__(self, make: Callable[[str], Peer]) -> None:
        self._pods = Pods(self._changed)
        self._server = ApiServer(self._pods)
        self._make = make
        self._handlers: dict[str, _Handler] = {}
        self._opened = False
        self._chronicle = Chronicle("")

    async def prepare(self) -> None:
        """Start the server, make the peer."""
        await self._server.start()
        self._peer = self._make(self._server.url)
        self._chronicle = Chronicle(self._peer.logger)
        self.history = self._chronicle.history
        self.history.knows_truth = True
        self.history.dates_views = False
        self.history.repeats = True
        self.history.replays = self._peer.replays
        self.history.complaint = self._peer.complaint
        self.history.slack = _SLACK
        self._chronicle.__enter__()

    # ------------------------------------------------------------ the truth

    def create(self, name: str) -> UUID:
        return self._pods.create(name)

    def annotate(self, uuid: UUID) -> None:
        self._pods.annotate(uuid)

    def configure(self, uuid: UUID) -> None:
        self._pods.configure(uuid)

    def delete(self, uuid: UUID) -> None:
        self._pods.delete(uuid)

    def _changed(self, change: Change) -> None:
        pod = change.pod
        content = None if change.kind == "DELETED" else pod.observation()
        text = f"{change.kind} {pod.name} v{pod.version}"
        self._chronicle.write("host", WasTrue(pod.uid, content, text))
        self._server.publish()

    # ------------------------------------------------------------ the faults

    @contextlib.asynccontextmanager
    async def opening(self) -> AsyncIterator[None]:
        self._server.hold_watches()
        task = asyncio.create_task(self.open())
        while not self._server.lists:
            await asyncio.sleep(_LOOK)
        yield
        await asyncio.sleep(0.5)
        self._server.admit_watches()
        await task

    @contextlib.asynccontextmanager
    async def unwatched(self) -> AsyncIterator[None]:
        self._note("the watches end")
        self._server.hold_watches()
        self._server.end_watches()
        await self._ended()
        yield
        self._server.admit_watches()
        self._note("watches are answered again")

    @contextlib.asynccontextmanager
    async def cut(self) -> AsyncIterator[None]:
        self._note("the watches break")
        self._server.hold_watches()
        self._server.break_watches()
        await self._ended()
        yield
        self._server.admit_watches()
        self._note("watches are answered again")

    async def _ended(self) -> None:
        while self._server.watches:
            await asyncio.sleep(_LOOK)

    @contextlib.asynccontextmanager
    async def down(self) -> AsyncIterator[None]:
        await self._server.kill()
        self._note("the server was killed")
        yield
        await self._server.start()
        self._note("the server was started")

    def forget(self) -> None:
        self._pods.forget()
        self._note(f"all before version {self._pods.oldest} is forgotten")

    def fail_next_lists(self, count: int) -> None:
        self._server.fail_next_lists(count)

    def keep_stale_list(self) -> None:
        self._server.stale_list = self._pods.version

    def _note(self, text: str) -> None:
        self._chronicle.write("host", Note(text))

    # ------------------------------------------------------------ the informer

    async def open(self) -> None:
        await self._peer.start()
        self._opened = True
        self._looking = asyncio.create_task(self._look_all_the_time())
        await self._settle()
        self._chronicle.write("informer", Opened())

    async def _look_all_the_time(self) -> None:
        last: vi.Snapshot | None = None
        while True:
            with self._chronicle.lock:
                view = self._view()
                if view is not last:
                    self._chronicle.looked("store", view)
            last = view
            await asyncio.sleep(_LOOK)

    def _view(self) -> vi.Snapshot:
        return self._chronicle.view(self._peer.pods() if self._opened else [])

    async def subscribe(self, who: str, behaves: Behaviour | None = None) -> None:
        with self._chronicle.lock:
            view = self._view()
            begins = max(self._pods.version, view.resource_version)
            handler = _Handler(self._chronicle, who, behaves, begins)
            self._chronicle.write(who, Subscribed("handler", view))
            self._chronicle.write(
                handler.subscriber, Subscribed("deltas", view, prompt=behaves is None)
            )
        self._handlers[who] = handler
        await self._peer.add(handler.calls)

    async def unsubscribe(self, who: str) -> None:
        handler = self._handlers[who]
        await self._peer.remove(handler.calls)
        del self._handlers[who]
        handler.ended("closed")

    def look(self, who: str = "reader") -> None:
        with self._chronicle.lock:
            self._chronicle.looked(who, self._view())

    async def rest(self) -> None:
        await self._settle()
        truth = {uid: pod.observation() for uid, pod in self._pods.now.items()}
        with self._chronicle.lock:
            self._chronicle.write("host", AtRest(truth, self._view()))

    async def _settle(self) -> None:
        """Wait until store and handlers have been the truth for a while."""
        loop = asyncio.get_running_loop()
        quiet_since = begun = loop.time()
        while loop.time() < begun + self._peer.patience:
            if not self._is_quiet():
                quiet_since = loop.time() + _LOOK
            elif loop.time() > quiet_since + _QUIET:
                return
            await asyncio.sleep(_LOOK)
        counts = (
            f"{self._server.lists} lists were answered, {self._server.watches} watches are open"
        )
        self._note(f"for {self._peer.patience:g} s not all was as it is in truth; {counts}")

    def _is_quiet(self) -> bool:
        truth = {uid: pod.version for uid, pod in self._pods.now.items()}
        with self._chronicle.lock:
            views = [self._view(), *(handler.known for handler in self._handlers.values())]
            return all(_versions(view) == truth for view in views) and not any(
                handler.is_running for handler in self._handlers.values()
            )

    async def close(self) -> None:
        self._looking.cancel()
        await asyncio.wait([self._looking])
        if await self._stop():
            for handler in self._handlers.values():
                handler.ended("informer closed")
        self._chronicle.__exit__(None, None, None)
        await self._server.kill()

    async def _stop(self) -> bool:
        began = asyncio.get_running_loop().time()
        self._chronicle.write("informer", Note("begins to close"))
        task = asyncio.create_task(self._peer.stop())
        await asyncio.wait([task], timeout=_CLOSING)
        seconds = asyncio.get_running_loop().time() - began
        if not task.done():
            self._chronicle.write("informer", Note(f"is not closed after {seconds:.0f} s"))
            return False
        await task
        self._chronicle.write("informer", Closed(seconds))
        return True


def _versions(view: Mapping[UUID, vi.Domain]) -> dict[UUID, int]:
    return {uuid: domain.resource_version for uuid, domain in view.items()}


class _Handler:
    """One handler: does as it is told to, and writes down its calls.

    Args:
        begins: a version; what is added of it or before was there at the beginning.

    Attributes:
        known: what it was called with last, by object.
        is_running: whether a call is under way.
    """

    def __init__(
        self, chronicle: Chronicle, who: str, behaves: Behaviour | None, begins: int
    ) -> None:
        self.known: dict[UUID, vi.Domain] = {}
        self.is_running = False
        self.subscriber = f"{who} as a subscriber"
        self._chronicle = chronicle
        self._who = who
        self._behaves = behaves
        self._begins = begins

    async def calls(self, method: str, pod: Pod, old: Pod | None) -> None:
        self.called(method, self._item(method, pod, old))
        error: str | None = None
        try:
            if self._behaves is not None:
                await self._behaves(method)
        except BaseException as raised:
            error = type(raised).__name__
            raise
        finally:
            self.is_running = False
            self._chronicle.write(self._who, Returned(method, error))

    def called(self, method: str, item: vi.Added | vi.Updated | vi.Deleted) -> None:
        with self._chronicle.lock:
            self.is_running = True
            self._chronicle.write(self._who, Called(method, item))
            self._chronicle.write(self.subscriber, Given(item))
            if isinstance(item, vi.Deleted):
                self.known.pop(item.domain.uuid, None)
            else:
                self.known[item.domain.uuid] = item.domain

    def _item(self, method: str, pod: Pod, old: Pod | None) -> vi.Added | vi.Updated | vi.Deleted:
        domain, version = self._chronicle.domain(pod), pod.version
        if method == "on_add":
            initial = version <= self._begins
            source = vi.DeltaSource.INITIAL if initial else vi.DeltaSource.EVENT
            return vi.Added(domain, version, source)
        if method == "on_delete":
            reason = vi.DeletionReason.MISSING
            return vi.Deleted(domain, reason, version, vi.DeltaSource.EVENT)
        # Where no old object is told, nothing is made of it: it is what was given last.
        known = self.known.get(pod.uid, domain) if old is None else self._chronicle.domain(old)
        return vi.Updated(known, domain, version, vi.DeltaSource.EVENT)

    def ended(self, why: str) -> None:
        """Nothing may be given any more."""
        with self._chronicle.lock:
            self._chronicle.write(self._who, Ended(why))
            self._chronicle.write(self.subscriber, Ended(why, drained=not self.is_running))

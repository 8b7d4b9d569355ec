"""Writes a history while an informer works.

The recorder stands where nothing passes it: around the source, where it sees each
request and each input before the informer does, and in place of the users, whose
subscriptions, handlers and waits are made through it. It takes no part: what it
reads (`snapshot`, `health`) any user could read.

On a made-up host ::

    recorder = Recorder(resync_period=5.0)
    async with recorder.informer(host.source(), random=…) as informer:
        recorder.follow(host)
        async with recorder.watch("fast"), recorder.events("log"):
            host.start(web)
            recorder.was_true(host, web)
            await recorder.want("sync")
    check(recorder.history)

and on a real one the same with a `LibvirtSource`.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import virtinformer as vi
from tests.guarantees.history import Asked as AskedFact
from tests.guarantees.history import (
    AtRest,
    Began,
    Called,
    Closed,
    Ended,
    Fact,
    Given,
    Had,
    History,
    Left,
    Line,
    Logged,
    Looked,
    Note,
    Opened,
    Returned,
    Subscribed,
    Told,
    Waiting,
    Wanted,
    WasTrue,
)
from virtinformer._core.messages import Input
from virtinformer._core.model import Observation
from virtinformer.informer import DomainInformer
from virtinformer.source import Post, Request, Source
from virtinformer.testing import FakeHost, VirtualLoop

__all__ = ["RecordedSource", "Recorder"]

Thinks = Callable[[], Awaitable[object]]


class RecordedSource:
    """A source of which every word is written down, in both directions.

    After each batch the store is looked at: what changed in it changed because
    of these words (or of time alone).
    """

    def __init__(self, source: Source, recorder: Recorder) -> None:
        self._source = source
        self._recorder = recorder

    @property
    def name(self) -> str:
        return self._source.name

    def start(self, post: Post) -> None:
        def overheard(inputs: Sequence[Input]) -> None:
            for told in inputs:
                self._recorder.write("source", Told(told))
            post(inputs)
            self._recorder.look("store")

        self._source.start(overheard)

    def stamp(self) -> int:
        return self._source.stamp()

    def perform(self, request: Request) -> None:
        self._recorder.write("source", AskedFact(request))
        self._source.perform(request)

    async def aclose(self) -> None:
        await self._source.aclose()


class Recorder:
    """Writes down one run of one informer.

    Args:
        options: those of the informer, as for `virtinformer.connect`.

    Attributes:
        history: what was written.
    """

    def __init__(self, **options: Any) -> None:
        self.history = History(**options)
        self._options = options
        self._informer: DomainInformer | None = None
        self._host: FakeHost | None = None
        self._heard = 0
        self._seen = vi.Snapshot({}, -1)

    # ------------------------------------------------------------ writing

    def write(self, who: str, fact: Fact) -> Line:
        """Add a line, now."""
        self._overhear()
        return self.history.write(asyncio.get_running_loop().time(), who, fact)

    def note(self, text: str, who: str = "host") -> Line:
        """Write down something for people."""
        return self.write(who, Note(text))

    def _overhear(self) -> None:
        """What the made-up host itself has to tell: events it made, and its lies."""
        if self._host is None:
            return
        for entry in self._host.log[self._heard :]:
            if entry.action != "request":  # the source tells these
                who = "" if entry.name is None else f" {entry.name}"
                text = f"{entry.action}:{who} {entry.text}"
                self.history.write(entry.time, "host", Note(text))
        self._heard = len(self._host.log)

    # ------------------------------------------------------------ the host

    def follow(self, host: FakeHost) -> None:
        """Write down what a made-up host tells of itself, and what is true of it now."""
        self._host = host
        self.history.knows_truth = True
        for uuid in host.domains:
            self.was_true(host, uuid)

    def was_true(self, host: FakeHost, uuid: UUID, text: str = "") -> Line:
        """Write down what is true of a domain; call it after each operation on it."""
        content = host.truth(uuid)
        visible = 0.0 if content is None else host.visible_from(uuid)
        return self.write("host", WasTrue(uuid, content, text, visible_from=visible))

    def begin(self, uuid: UUID, text: str) -> int:
        """Somebody begins to change a domain; return the number for `done`."""
        return self.write("host", Began(uuid, text)).number

    def done(self, began: int, uuid: UUID, content: Observation | None, text: str) -> Line:
        """What began is done, and this is true of the domain now."""
        return self.write("host", WasTrue(uuid, content, text, began))

    # ------------------------------------------------------------ the informer

    @contextlib.asynccontextmanager
    async def informer(self, source: Source, **options: Any) -> AsyncIterator[DomainInformer]:
        """Open an informer on a source, with every word written down.

        Args:
            source: of the host.
            options: besides those of the recorder, such as ``random``.
        """
        self.history.virtual = isinstance(asyncio.get_running_loop(), VirtualLoop)
        recorded = RecordedSource(source, self)
        informer = DomainInformer(recorded, **{**self._options, **options})
        with self._listening():
            async with self._opened(informer):
                yield informer

    @contextlib.asynccontextmanager
    async def _opened(self, informer: DomainInformer) -> AsyncIterator[None]:
        try:
            await informer.__aenter__()
        except BaseException as error:
            self.write("informer", Opened(error))
            raise
        self._informer = informer
        self.write("informer", Opened())
        self.look("store")
        try:
            yield
        finally:
            began = asyncio.get_running_loop().time()
            self.note("begins to close", "informer")
            await informer.__aexit__(None, None, None)
            self.write("informer", Closed(asyncio.get_running_loop().time() - began))

    @contextlib.contextmanager
    def _listening(self) -> Iterator[None]:
        handler = _Listener(self)
        logger = logging.getLogger("virtinformer")
        logger.addHandler(handler)
        try:
            yield
        finally:
            logger.removeHandler(handler)

    @property
    def _view(self) -> vi.Snapshot:
        """What can be read now: the same object as long as it is the same."""
        assert self._informer is not None, "open the informer first"
        view = self._informer.snapshot()
        if view.resource_version != self._seen.resource_version or view != self._seen:
            self._seen = view
        return self._seen

    def look(self, who: str = "reader") -> None:
        """Read store and health, as anybody may at any time."""
        if self._informer is not None:
            with contextlib.suppress(vi.NotSynced):  # closed: there is nothing to look at
                self.write(who, Looked(self._view, self._informer.health))

    def rest(self, truth: Mapping[UUID, Any]) -> None:
        """Nothing happens any more, and this is true."""
        self.write("host", AtRest(truth, self._view))

    def left(self, counts: Mapping[str, int]) -> None:
        """Write down what was left when the informer was closed."""
        self.write("informer", Left(counts))

    # ------------------------------------------------------------ users

    @contextlib.asynccontextmanager
    async def watch(
        self,
        who: str,
        *,
        pace: Thinks | None = None,
        known: vi.Snapshot | None = None,
        where: Callable[[vi.Domain], bool] | None = None,
        initial: bool = True,
    ) -> AsyncIterator[Reading]:
        """Watch deltas in a task of its own.

        Args:
            who: a name that nobody else has.
            pace: is awaited after each item: how the subscriber spends its time.
            known: what it knows already; it wants only what comes after that.
            where: its predicate.
            initial: ``False`` if it knows all that can be read now.
        """
        assert self._informer is not None
        since = known.resource_version if known is not None else None
        stream = self._informer.watch(since=since, where=where, initial=initial)
        known = known if initial else self._view
        self.write(who, Subscribed("deltas", self._view, known, since, where, pace is None))
        async with Reading(self, who, stream, pace) as reading:
            yield reading

    @contextlib.asynccontextmanager
    async def events(
        self,
        who: str,
        *,
        pace: Thinks | None = None,
        since: int | None = None,
        where: Callable[[vi.Domain], bool] | None = None,
    ) -> AsyncIterator[Reading]:
        """Read events in a task of its own; the arguments are as of `watch`."""
        assert self._informer is not None
        stream = self._informer.events(since=since, where=where)
        subscribed = Subscribed("events", self._view, None, since, where, pace is None)
        self.write(who, subscribed)
        async with Reading(self, who, stream, pace) as reading:
            yield reading

    def handle(
        self,
        who: str,
        behaves: Callable[[str], Awaitable[object]] | None = None,
        *,
        where: Callable[[vi.Domain], bool] | None = None,
    ) -> vi.Registration:
        """Register a handler.

        Args:
            who: a name that nobody else has.
            behaves: called with the name of the method, awaited; may raise or take its time.
            where: its predicate.
        """
        assert self._informer is not None
        registration = self._informer.add_event_handler(_Handler(self, who, behaves), where=where)
        prompt = behaves is None
        self.write(who, Subscribed("handler", self._view, where=where, prompt=prompt))
        return registration

    async def unhandle(self, who: str, registration: vi.Registration) -> None:
        """Close the registration of a handler."""
        await registration.aclose()
        self.write(who, Ended("closed"))

    async def want(self, what: str, uuid: UUID | None = None, **options: Any) -> Any:
        """Call ``refresh``, ``sync`` or ``wait_for`` of the informer."""
        assert self._informer is not None
        wanted = self.write("caller", Wanted(what, uuid)).number
        arguments = [] if uuid is None else [uuid]
        try:
            result = await getattr(self._informer, what)(*arguments, **options)
        except BaseException as error:
            self.write("caller", Had(wanted, self._last_view(), error=error))
            raise
        self.write("caller", Had(wanted, self._view, result))
        return result

    def _last_view(self) -> vi.Snapshot:
        try:
            return self._view
        except vi.NotSynced:
            return vi.Snapshot({}, 0)


class Reading:
    """One subscriber at work: writes down what it is given.

    Attributes:
        stream: what it reads.
        items: how many it was given.
    """

    def __init__(
        self,
        recorder: Recorder,
        who: str,
        stream: vi.DeltaStream | vi.EventStream,
        pace: Thinks | None,
    ) -> None:
        self.stream = stream
        self.items = 0
        self._recorder = recorder
        self._who = who
        self._pace = pace
        self._goes_on = False
        self._dropped = False

    async def __aenter__(self) -> Reading:
        self._begin()
        return self

    def _begin(self) -> None:
        self._task = asyncio.create_task(self._read(), name=f"subscriber {self._who}")

    async def __aexit__(self, *_: object) -> None:
        if not self._task.done():
            self._task.cancel()
        await asyncio.wait([self._task])
        if self._dropped:
            # The task keeps the frames in which it was cancelled, and these the stream.
            del self.stream, self._task
            return
        await self.stream.aclose()
        if not self._task.cancelled():
            self._task.result()

    async def interrupt(self) -> None:
        """Cancel whatever it does just now, and read on from the same stream."""
        self._recorder.note("is interrupted", self._who)
        self._goes_on = True
        self._task.cancel()
        await asyncio.wait([self._task])
        self._goes_on = False
        if self._task.cancelled():
            self._begin()

    def drop(self) -> None:
        """Let go of the stream when the context is left, instead of closing it."""
        self._dropped = True

    def waiting(self, lives: int) -> None:
        """Write down how long the queue is."""
        self._recorder.write(self._who, Waiting(len(self.stream), lives))

    async def _read(self) -> None:
        why, drained = "informer closed", True
        try:
            async for item in self.stream:
                self.items += 1
                self._recorder.write(self._who, Given(item))
                if self._pace is not None:
                    await self._pace()
        except asyncio.CancelledError:
            why, drained = "cancelled", not len(self.stream)
            raise
        except vi.VersionExpired:
            why = "VersionExpired"
        finally:
            if not (self._goes_on and why == "cancelled"):
                self._recorder.write(self._who, Ended(why, drained))


class _Handler:
    """Does as it is told to, and writes down when it is called and when it is done."""

    def __init__(
        self, recorder: Recorder, who: str, behaves: Callable[[str], Awaitable[object]] | None
    ) -> None:
        self._recorder = recorder
        self._who = who
        self._behaves = behaves

    async def on_add(self, domain: vi.Domain, *, initial: bool) -> None:
        source = vi.DeltaSource.INITIAL if initial else vi.DeltaSource.EVENT
        await self._act("on_add", vi.Added(domain, domain.resource_version, source))

    async def on_update(self, old: vi.Domain, new: vi.Domain) -> None:
        source = vi.DeltaSource.EVENT
        await self._act("on_update", vi.Updated(old, new, new.resource_version, source))

    async def on_delete(self, domain: vi.Domain) -> None:
        reason, version = vi.DeletionReason.MISSING, domain.resource_version
        await self._act("on_delete", vi.Deleted(domain, reason, version, vi.DeltaSource.EVENT))

    async def on_event(self, event: vi.DomainEvent) -> None:
        await self._act("on_event", event)

    async def _act(self, method: str, item: Any) -> None:
        write = self._recorder.write
        write(self._who, Called(method, item))
        error: str | None = None
        try:
            if self._behaves is not None:
                result = self._behaves(method)
                if inspect.isawaitable(result):
                    await result
        except BaseException as raised:
            error = type(raised).__name__
            raise
        finally:
            write(self._who, Returned(method, error))


class _Listener(logging.Handler):
    """Writes down what the library logs."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__(logging.WARNING)
        self._recorder = recorder

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(RuntimeError):  # on another thread there is no loop to ask
            self._recorder.write("log", Logged(record.levelname, _message(record)))


def _message(record: logging.LogRecord) -> str:
    """What was logged, and of which exception."""
    error = record.exc_info[1] if record.exc_info else None
    return record.getMessage() + (f" ({error!r})" if error is not None else "")

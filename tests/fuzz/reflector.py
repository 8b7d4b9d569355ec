"""A source that lies, against the reflector.

`machine` has a host that is late and lossy but means well. Here is no host at all:
events, answers, lists and connections come in any order, asked for or not, with
any state, id and name, and of this epoch or another. All that holds of the
stamps is what the one counter makes true: no two are the same, and a read ends
after it began.

Whatever comes, versions grow, deltas follow from each other, no domain is
deleted without an answer that said so, no event is told that did not come, and
what is told is a walk. In the end the host answers honestly, one `sync` passes,
and the store must be the truth.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import singledispatchmethod
from typing import Any, Final
from uuid import UUID

import attrs

from tests.core.driving import ERROR, GONE, WALL, Driver
from tests.core.lifecheck import Walk, places_of
from virtinformer._core.messages import (
    Cancel,
    Connect,
    Connected,
    ConnectFailed,
    Disconnected,
    Effect,
    EventReceived,
    Gone,
    Input,
    List,
    Listed,
    ListFailed,
    Observed,
    Read,
    ReadFailed,
    Reject,
    Require,
    Resolve,
    Start,
    Subscribe,
    Subscribed,
    Tick,
)
from virtinformer._core.model import (
    CONTENT,
    Added,
    Change,
    Deleted,
    Domain,
    DomainEvent,
    Observation,
    Updated,
)
from virtinformer._core.reflector import Phase
from virtinformer._core.vocabulary import event_words

from .lies import (
    NAMES,
    UUIDS,
    Answer,
    Come,
    Drop,
    End,
    Heard,
    Leave,
    Look,
    Mark,
    Op,
    Pass,
    Scene,
    Wait,
    decode,
)

__all__ = [
    "Answer",
    "Come",
    "Drop",
    "End",
    "Heard",
    "Leave",
    "Look",
    "Mark",
    "Pass",
    "Scene",
    "Wait",
    "decode",
    "run",
]

PERIOD: Final = 60.0


def run(ops: Iterable[Scene | Op]) -> None:
    """Feed it all to a reflector, and judge after each."""
    ops = iter(ops)
    scene = next(ops)
    assert isinstance(scene, Scene)
    judge = Judge(scene)
    for op in ops:
        judge.do(op)
    judge.be_honest()


# ---------------------------------------------------------------------- judging


class Judge:
    """Drives a reflector, and believes nothing that it tells."""

    def __init__(self, scene: Scene) -> None:
        self.driver = Driver(period=PERIOD)
        self.version = 0
        self.view: dict[UUID, Domain] = {}
        self.walks: dict[UUID, Walk] = {}
        self.came: dict[int, EventReceived] = {}
        self.gone: set[UUID] = set()
        self.truth: dict[UUID, Observation] = {}
        self.marks: list[int] = []
        self.asked: set[UUID] = set()
        self.tokens: set[int] = {0}
        self.token = 0
        self.first = True
        self.ended_last: UUID | None = None
        self.honest = False
        self.wanted: list[Effect] = []
        if scene.known is not None:
            self._begin(scene.known)

    def _begin(self, known: tuple[Look, ...]) -> None:
        epoch = self.driver.epoch
        self.receive(Start())
        self.receive(Connected(epoch))
        self.receive(Subscribed(epoch))
        began = self.driver.stamp()
        for uuid, look in zip(UUIDS, known, strict=False):
            self._answer(uuid, attrs.evolve(look.seen(), settled=True), began, listed=True)
        self.receive(Listed(epoch, began, frozenset(UUIDS[: len(known)])))

    # ------------------------------------------------------------------ what comes

    def receive(self, input_: Input) -> None:
        if not isinstance(input_, Start | Require | Cancel):
            self._note(input_)
        driver = self.driver
        epoch = driver.epoch
        effects = driver.receive(input_)
        if driver.epoch != epoch:
            self.asked.clear()
            self.wanted.clear()
        for effect in effects:
            self._effect(effect)
        driver.forget()
        self._check()

    def _note(self, input_: Any) -> None:
        """Remember what the reflector may believe from now on."""
        subscribed = self.driver.phase in (Phase.SUBSCRIBING, Phase.LISTING, Phase.LIVE)
        if getattr(input_, "epoch", None) != self.driver.epoch or not subscribed:
            return
        if isinstance(input_, EventReceived):
            self.came[input_.stamp] = input_
        if isinstance(input_, Observed):
            if not input_.listed:
                self.asked.discard(input_.uuid)
            if isinstance(input_.result, Gone):
                self.gone.add(input_.uuid)

    @singledispatchmethod
    def do(self, op: object) -> None:
        raise TypeError(op)

    @do.register
    def _(self, op: Heard) -> None:
        driver = self.driver
        uuid = UUIDS[op.domain]
        event = driver.make_event(uuid, op.type, op.detail, op.id, NAMES[op.name], op.kind)
        self.receive(attrs.evolve(event, epoch=driver.epoch + op.epoch))

    @do.register
    def _(self, op: Mark) -> None:
        self.marks.append(self.driver.stamp())

    @do.register
    def _(self, op: Answer) -> None:
        result: Observation | Gone | ReadFailed
        match op.result:
            case Look() as look:
                result = look.seen()
            case "gone":
                result = GONE
            case _:
                result = ReadFailed(ERROR)
        began = self._mark(op.mark)
        for _ in range(op.times):
            self._answer(UUIDS[op.domain], result, began, op.listed, op.epoch)

    def _answer(
        self,
        uuid: UUID,
        result: Observation | Gone | ReadFailed,
        began: int,
        listed: bool = False,
        epoch: int = 0,
    ) -> None:
        ended = self.driver.stamp()
        number = self.driver.epoch + epoch
        self.receive(Observed(number, uuid, began, ended, WALL + ended, result, listed))
        if isinstance(result, Observation):
            self.truth[uuid] = result
        elif isinstance(result, Gone):
            self.truth.pop(uuid, None)

    def _mark(self, back: int) -> int:
        """A stamp at which something began: the newest but so many; a new one if there is none."""
        if back >= len(self.marks):
            return self.driver.stamp()
        return self.marks[-1 - back]

    @do.register
    def _(self, op: End) -> None:
        epoch = self.driver.epoch + op.epoch
        if op.present is None:
            self.receive(ListFailed(epoch, ERROR))
        else:
            present = frozenset(UUIDS[index] for index in op.present)
            self.receive(Listed(epoch, self._mark(op.mark), present))

    @do.register
    def _(self, op: Come) -> None:
        if self.driver.phase is Phase.DISCONNECTED and not self.wanted:
            self.receive(Start())
        epoch = self.driver.epoch + op.epoch
        self.receive(Subscribed(epoch) if op.subscribed else Connected(epoch))

    @do.register
    def _(self, op: Drop) -> None:
        epoch = self.driver.epoch + op.epoch
        self.receive(Disconnected(epoch, ERROR) if op.opened else ConnectFailed(epoch, ERROR))

    @do.register
    def _(self, op: Wait) -> None:
        self.token += 1
        self.tokens.add(self.token)
        uuid = None if op.domain is None else UUIDS[op.domain]
        self.receive(Require(self.token, self.driver.stamp(), uuid))

    @do.register
    def _(self, op: Leave) -> None:
        if self.token:
            self.tokens.discard(self.token)
            self.receive(Cancel(self.token))

    @do.register
    def _(self, op: Pass) -> None:
        deadline = self.driver.reflector.deadline
        if op.seconds:
            self.driver.now += op.seconds
        elif deadline is not None:
            self.driver.now = max(self.driver.now, deadline)
        self.receive(Tick())

    # ------------------------------------------------------------------ what it tells

    def _effect(self, effect: Any) -> None:
        if isinstance(effect, Read):
            assert effect.uuid not in self.asked, "two reads of one domain"
            self.asked.add(effect.uuid)
        if isinstance(effect, Resolve | Reject):
            assert effect.token in self.tokens, "told twice, or nobody asked"
            self.tokens.discard(effect.token)
            self.first = self.first and effect.token != 0
        elif isinstance(effect, Read | List | Connect | Subscribe):
            self.wanted.append(effect)
        elif hasattr(effect, "change"):
            self._change(effect.change)

    def _change(self, change: Change) -> None:
        versions = [event.resource_version for event in change.events]
        assert versions == sorted(set(versions))
        assert all(self.version < version <= change.resource_version for version in versions)
        assert self.version < change.resource_version
        self.version = change.resource_version
        self._delta(change)
        for event in change.events:
            assert change.delta is None or event.domain is change.delta.domain
            self._event(event)
        if self.first and isinstance(change.delta, Added):
            self._begin_in_the_middle(change.delta.domain)
        deleted = isinstance(change.delta, Deleted)
        self.ended_last = change.delta.domain.uuid if deleted and change.delta else None

    def _begin_in_the_middle(self, domain: Domain) -> None:
        """As in `tests.core.test_machine`."""
        places = places_of(domain)
        if self.ended_last == domain.uuid:
            places |= self.walks[domain.uuid].places
        self.walks[domain.uuid] = Walk(places)

    def _delta(self, change: Change) -> None:
        delta = change.delta
        if delta is None:
            assert change.events
            assert all(event.domain_id not in self.view for event in change.events)
            return
        uuid = delta.domain.uuid
        assert delta.resource_version == delta.domain.resource_version == self.version
        match delta:
            case Added(domain=domain):
                assert uuid not in self.view
                assert domain.incarnation == self.version
                assert domain.generation == 1
            case Updated(old=old, domain=domain):
                assert self.view[uuid] is old
                assert domain.incarnation == old.incarnation
                grown = domain.generation - old.generation
                assert grown == (domain.config_xml != old.config_xml)
                assert delta.changed or delta.events
            case Deleted(domain=domain):
                assert attrs.evolve(self.view.pop(uuid), resource_version=self.version) == domain
                assert uuid in self.gone, "deleted, and no look-up said so"
                self.gone.discard(uuid)
                return
        self.view[uuid] = domain

    def _event(self, event: DomainEvent) -> None:
        self.walks.setdefault(event.domain_id, Walk()).step(event)
        if event.inferred:
            assert event.reason == ""
            assert not event.details
            return
        # Each time is of one event alone; `pop`: it is told once.
        came = self.came.pop(round(event.timestamp.timestamp() - WALL), None)
        assert came is not None, f"{event} never came, or was told before"
        assert (event.type, event.reason) == event_words(came.kind, came.type, came.detail)
        assert (event.domain_id, event.domain_name) == (came.uuid, came.name)

    def _check(self) -> None:
        driver = self.driver
        snapshot = driver.store.snapshot()
        assert dict(snapshot) == self.view
        assert snapshot.resource_version == self.version
        deadline = driver.reflector.deadline
        assert deadline is None or deadline > driver.now
        assert driver.reflector._tracker.outstanding >= 0
        for record in driver.reflector._tracker._records.values():
            newer = record.not_answered_by(record.began)
            for item in record.answered_by(record.began):
                assert newer or item.deadline > driver.now, "held too long"
                assert item.event.is_lifecycle, "news were held"

    # ------------------------------------------------------------------ the end

    def be_honest(self) -> None:
        """Let the host be honest until a `sync` passes, and what it told was seen to."""
        self.honest = True
        self.truth = {uuid: attrs.evolve(seen, settled=True) for uuid, seen in self.truth.items()}
        self._connect_anew()
        self.do(Wait(None))
        token = self.token
        self._settle(lambda: token not in self.tokens)
        self._check_truth()
        # What is held back, or may still be explained, is not for longer than the window.
        until = self.driver.now + 1.0
        self._settle(lambda: self.driver.now >= until)
        self._check_truth()
        for record in self.driver.reflector._tracker._records.values():
            assert record.idle, record
            walk = self.walks.get(record.uuid, Walk())
            assert walk.agrees(self.truth.get(record.uuid)), record

    def _connect_anew(self) -> None:
        """Nobody can be honest on a connection on which lies were told as late as now."""
        if self.driver.phase is Phase.DISCONNECTED and self.driver.epoch == 1:
            self.receive(Start())
        self.receive(Disconnected(self.driver.epoch, ERROR))

    def _settle(self, done: Any) -> None:
        for _ in range(300):
            while self.wanted:
                self._serve(self.wanted.pop(0))
            if done():
                return
            deadline = self.driver.reflector.deadline
            step = self.driver.now + 0.5
            self.driver.now = step if deadline is None else min(step, max(deadline, 0.0))
            self.receive(Tick())
        raise AssertionError("the core is never at rest")

    def _serve(self, effect: Any) -> None:
        epoch = self.driver.epoch
        if effect.epoch != epoch:
            return
        match effect:
            case Connect():
                self.receive(Connected(epoch))
            case Subscribe():
                self.receive(Subscribed(epoch))
            case Read(uuid=uuid):
                self._honestly(uuid, self.driver.stamp(), listed=False)
            case List(only=only):
                began = self.driver.stamp()
                for uuid in sorted(self.truth.keys() if only is None else only & self.truth.keys()):
                    self._honestly(uuid, began, listed=True)
                self.receive(Listed(epoch, began, frozenset(self.truth)))

    def _honestly(self, uuid: UUID, began: int, *, listed: bool) -> None:
        self._answer(uuid, self.truth.get(uuid, GONE), began, listed)

    def _check_truth(self) -> None:
        assert self.view.keys() == self.truth.keys()
        for uuid, truth in self.truth.items():
            for name in CONTENT:
                assert getattr(self.view[uuid], name) == getattr(truth, name), name

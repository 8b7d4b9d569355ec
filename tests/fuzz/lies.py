"""What a source may say that lies, one frozen value for each thing; see `reflector`."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import attrs

from virtinformer._core.model import Observation
from virtinformer._core.vocabulary import DomainState, reason_of

from .reader import Reader

__all__ = [
    "NAMES",
    "UUIDS",
    "Answer",
    "Come",
    "Drop",
    "End",
    "Heard",
    "Leave",
    "Look",
    "Mark",
    "Op",
    "Pass",
    "Scene",
    "Wait",
    "decode",
]

STEPS: Final = 80
UUIDS: Final = tuple(UUID(int=n) for n in (1, 2, 3))
NAMES: Final = ("n", "m", "\ud800\n")
XMLS: Final = ("<domain/>", "", "\x00<", "<domain id='7'>", "&a;")


@attrs.frozen
class Look:
    """What a read sees."""

    state: int = 5
    reason: int = 0
    id: int = -1
    name: int = 0
    persistent: bool = True
    autostart: bool = False
    xml: int = 0
    config: int | None = 0
    settled: bool = True

    def seen(self) -> Observation:
        state = DomainState(self.state)
        return Observation(
            name=NAMES[self.name],
            id=self.id,
            state=state,
            reason=reason_of(state, self.reason),
            persistent=self.persistent,
            autostart=self.autostart,
            xml=XMLS[self.xml],
            config_xml=None if self.config is None else XMLS[self.config],
            settled=self.settled,
        )


@attrs.frozen
class Heard:
    """An event."""

    domain: int
    type: int
    detail: int = 0
    id: int = -1
    kind: int = 0
    name: int = 0
    epoch: int = 0


@attrs.frozen
class Mark:
    """A read, or a list, begins."""


@attrs.frozen
class Answer:
    """A read ends that began at a mark: with a look, or ``"gone"`` or ``"refused"``.

    `times`: so do others, that began with it.
    """

    domain: int
    result: Look | str
    mark: int = 0
    listed: bool = False
    epoch: int = 0
    times: int = 1


@attrs.frozen
class End:
    """A list that began at a mark ends and has named some domains, or (``None``) fails."""

    present: tuple[int, ...] | None
    mark: int = 0
    epoch: int = 0


@attrs.frozen
class Come:
    """A connection is there: opened, or subscribed to."""

    subscribed: bool = False
    epoch: int = 0


@attrs.frozen
class Drop:
    """A connection breaks, or could not be opened."""

    opened: bool = True
    epoch: int = 0


@attrs.frozen
class Wait:
    """Somebody waits for a domain, or (``None``) for the whole host."""

    domain: int | None


@attrs.frozen
class Leave:
    """The last who waits does not any more."""


@attrs.frozen
class Pass:
    """Time passes; with 0 as far as the reflector wants."""

    seconds: float = 0.0


Op = Heard | Mark | Answer | End | Come | Drop | Wait | Leave | Pass


@attrs.frozen
class Scene:
    """How it begins: live with some domains, or (``None``) not even started."""

    known: tuple[Look, ...] | None = ()


# ---------------------------------------------------------------------- reading


def decode(data: bytes) -> list[Scene | Op]:
    """A beginning, and what comes then."""
    reader = Reader(data)
    ops: list[Scene | Op] = [_scene(reader)]
    while reader.more and len(ops) <= STEPS:
        ops.append(_op(reader))
    return ops


def _scene(reader: Reader) -> Scene:
    count = reader.below(5)
    return Scene(tuple(_look(reader) for _ in range(count)) if count < 4 else None)


def _look(reader: Reader) -> Look:
    state = reader.below(8) if reader.byte() < 0xE0 else reader.number()
    bits = reader.byte()
    return Look(
        state=state,
        reason=reader.number(),
        id=reader.pick((-1, -1, 1, 2, 3)),
        name=bits & 3 if bits & 3 < 3 else 0,
        persistent=not bits & 4,
        autostart=bool(bits & 8),
        xml=reader.below(len(XMLS)),
        config=None if bits & 16 else reader.below(len(XMLS)),
        settled=bits < 0xE0,
    )


def _epoch(reader: Reader) -> int:
    """Nearly always this one."""
    return {254: -1, 255: 1}.get(reader.byte(), 0)


def _op(reader: Reader) -> Op:
    choice = reader.below(16)
    if choice < 5:
        return _heard(reader)
    if choice < 7:
        return Mark()
    if choice < 11:
        return _answer(reader)
    return _rarer(choice, reader)


def _answer(reader: Reader) -> Answer:
    result = reader.pick(("look", "look", "look", "gone", "refused"))
    look = _look(reader) if result == "look" else result
    times = 1 if result == "look" else 1 + reader.below(7)
    domain, mark, listed = reader.below(3), reader.below(8), reader.below(8) == 7
    return Answer(domain, look, mark, listed, _epoch(reader), times)


def _heard(reader: Reader) -> Heard:
    domain, known = reader.below(3), reader.below(8)
    type_ = reader.below(9) if known else reader.number()
    kind = reader.number() if known > 6 else 0
    id_ = reader.pick((-1, -1, 1, 2, 3))
    return Heard(domain, type_, reader.number(), id_, kind, reader.below(3), _epoch(reader))


def _rarer(choice: int, reader: Reader) -> Op:
    if choice == 11:
        bits = reader.byte()
        named = tuple(bit for bit in range(3) if bits >> bit & 1)
        return End(named if bits < 0xC0 else None, reader.below(8), _epoch(reader))
    if choice == 12:
        return Come(reader.flag(), _epoch(reader))
    if choice == 13:
        return Drop(reader.flag(), _epoch(reader))
    if choice == 14:
        whom = reader.pick((None, 0, 1, 2, "nobody"))
        return Leave() if isinstance(whom, str) else Wait(whom)
    return Pass(reader.pick((0.0, 0.0, 0.001, 0.06, 0.11, 1.0, 11.0, 61.0)))

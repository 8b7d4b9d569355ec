"""What the binding hands to callbacks: any id, any arguments, any handle.

A callback never raises. What it copies is told once, as plain values that JSON
takes, under the names of its event id, or, where the id or the number of arguments
is not known, as a list; unknown numbers stay numbers. A handle that will not say
whose it is loses that event, which is logged, and no other.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

import attrs
import libvirt

from virtinformer._core.vocabulary import EventKind, LifecycleType, event_words
from virtinformer._libvirt.events import News, callback_for

from .reader import Reader

__all__ = ["Call", "decode", "run"]

DEPTH: Final = 4
THINGS: Final[tuple[Any, ...]] = (None, True, False, 1.5, 1e300, b"\xff\x00", (), [], {})


@attrs.frozen
class Call:
    """A callback is called. `broken` is what the handle refuses to say, if it does."""

    kind: int
    arguments: tuple[Any, ...]
    name: str = "web"
    id: int = -1
    broken: str | None = None
    deaf: bool = False


class Handle:
    """A domain handle."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def _said(self, what: str, value: Any) -> Any:
        if self._call.broken == what:
            raise libvirt.libvirtError("no")
        return value

    def UUIDString(self) -> str:  # noqa: N802 - libvirt's name
        return str(self._said("uuid", UUID(int=1)))

    def name(self) -> str:
        return str(self._said("name", self._call.name))

    def ID(self) -> int:  # noqa: N802 - libvirt's name
        return int(self._said("id", self._call.id))


def decode(data: bytes) -> list[Call]:
    """A few calls."""
    reader = Reader(data)
    calls: list[Call] = []
    while reader.more and len(calls) < 6:
        kind = 0 if reader.flag() else reader.number()
        count = 2 if kind == 0 else reader.below(7)
        arguments = tuple(_argument(reader, 0, plain=kind == 0) for _ in range(count))
        bits = reader.byte()
        broken = ("uuid", "name", "id")[bits % 3] if bits >= 0xF0 else None
        calls.append(Call(kind, arguments, reader.text(), reader.number(), broken, bits == 0xE0))
    return calls


def _argument(reader: Reader, depth: int, *, plain: bool) -> Any:
    if plain:
        return reader.number()
    choice = reader.below(8)
    if choice < 2 or depth == DEPTH:
        return reader.number()
    if choice < 4:
        return reader.text()
    if choice == 4:
        return [_argument(reader, depth + 1, plain=False) for _ in range(reader.below(4))]
    if choice == 5:
        return tuple(_argument(reader, depth + 1, plain=False) for _ in range(reader.below(4)))
    if choice == 6:
        keys = [_key(reader) for _ in range(reader.below(4))]
        return {key: _argument(reader, depth + 1, plain=False) for key in keys}
    return reader.pick(THINGS)


def _key(reader: Reader) -> Any:
    return reader.number() if reader.flag() else reader.text()


def run(calls: Iterable[Call]) -> None:
    """Call, and look at what was heard."""
    for call in calls:
        heard: list[News] = []
        with _logged() as complaints:
            callback_for(call.kind, _hearer(call, heard))(None, Handle(call), *call.arguments, None)
        if call.broken is not None or call.deaf:
            assert complaints, "an event is lost, and nobody told"
            continue
        assert not complaints, complaints
        (news,) = heard
        _check(call, news)


def _hearer(call: Call, heard: list[News]) -> Any:
    def hear(news: News) -> None:
        if call.deaf:
            raise RuntimeError("deaf")
        heard.append(news)

    return hear


@contextmanager
def _logged() -> Iterator[list[str]]:
    """What is logged meanwhile; it goes no further."""
    log = logging.getLogger("virtinformer.libvirt")
    messages: list[str] = []

    def keep(record: logging.LogRecord) -> bool:
        messages.append(record.getMessage())
        return False

    log.addFilter(keep)
    try:
        yield messages
    finally:
        log.removeFilter(keep)


def _check(call: Call, news: News) -> None:
    assert (news.uuid, news.name, news.id) == (UUID(int=1), call.name, call.id)
    assert news.kind == call.kind
    json.dumps(news.details)
    told = (news.type, news.detail)
    assert told == (call.arguments if call.kind == EventKind.LIFECYCLE else (0, 0))
    if call.kind == EventKind.LIFECYCLE:
        assert not news.details
    elif set(news.details) == {"args"}:
        assert len(news.details["args"]) == len(call.arguments)
    else:
        assert len(news.details) == len(call.arguments)
        assert call.kind in set(range(1, 30))
    _check_words(news)


def _check_words(news: News) -> None:
    """A number without a name is in the words, and nothing else is unknown."""
    type_, reason = event_words(news.kind, news.type, news.detail)
    assert f"{type_}{reason}".isprintable()
    if news.kind != EventKind.LIFECYCLE:
        assert reason == ""
        assert (type_ == f"Unknown({news.kind})") == (news.kind not in range(30))
        return
    known = news.type in range(len(WORDS))
    assert (type_ == f"Unknown({news.type})") == (not known)
    details = WORDS[news.type] if known else 0
    assert (reason == f"Unknown({news.detail})") == (news.detail not in range(details))


WORDS: Final = (4, 2, 5, 9, 5, 7, 3, 2, 2)
"""How many details libvirt has a name for, by life-cycle type (libvirt-domain.h)."""

assert len(WORDS) == len(list(LifecycleType.__members__))

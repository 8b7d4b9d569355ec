"""Text in few bytes.

The XML of ten thousand domains is ten thousand times nearly the same text, several thousand
characters each, and most of it is never looked at. So it is held compressed, and opened by
whoever asks for it. Compressing costs about 15 µs a text, which whoever builds the object
pays: a reader's thread, in which zlib lets go of the interpreter's lock. Opening costs 5 µs.

Texts are compressed one by one, against a dictionary that never changes (`phrases`), not
against each other. That would be shorter still, but now whether two texts are the same can be
seen without opening them, and a text does not depend on another one's life.

zlib is given little memory to work with. It would not find more with much: but its usual state
of 256 kB comes from the system anew for each text, page by page, and that takes several times
as long as compressing.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from operator import attrgetter
from types import MemberDescriptorType
from typing import Any, Final, TypeVar

from .phrases import PHRASES

__all__ = ["Held", "held", "held_packed", "pack", "same", "unpack"]

Held = str | bytes | None
"""A text as it is held: packed, or, if that is not worth it, as it is; or none."""

SHORT: Final = 1024
"""Characters; a shorter text is held as it is."""

RECENT: Final = 8
"""So many of the texts packed or opened last are kept open, in all of the process."""

LONG: Final = 2**16
"""Characters; of longer texts none is kept open."""

LEVEL, WINDOW, MEMORY = 3, -13, 5  # 8 kB to look back on, and no header
CODING: Final = ("utf-8", "surrogatepass")  # any `str` can be encoded so

T = TypeVar("T")

_HELD: Final = "_held_"
"""Before the name of a field: where what it holds is found, packed or not."""

_recent: tuple[tuple[bytes, str], ...] = ()


def pack(text: str | bytes | None) -> Held:
    """A text as it is to be held; what is packed already is left as it is."""
    if not isinstance(text, str) or len(text) < SHORT:
        return text
    for packed, opened in _recent:
        if opened is text:
            return packed
    packed = _pack(text)
    _remember(packed, text)
    return packed


def unpack(value: Held) -> str | None:
    """The text that is held."""
    if not isinstance(value, bytes):
        return value
    for packed, opened in _recent:
        if packed is value:
            return opened
    text = _unpack(value)
    _remember(value, text)
    return text


def same(one: Held, other: Held) -> bool:
    """Whether two held texts are the same text."""
    if isinstance(one, bytes) and isinstance(other, bytes):
        # zlib makes the same of the same; that it has to, its manual does not say.
        return one == other or _unpack(one) == _unpack(other)
    # Texts of the same length are both packed, or neither.
    return type(one) is type(other) and one == other


# Reading the phrases takes half of the time. It is done once; all start from a copy.
_packer: Final = zlib.compressobj(LEVEL, zlib.DEFLATED, WINDOW, MEMORY, zdict=PHRASES)


def _pack(text: str) -> bytes:
    packer = _packer.copy()
    return packer.compress(text.encode(*CODING)) + packer.flush()


def _unpack(packed: bytes) -> str:
    return zlib.decompressobj(WINDOW, zdict=PHRASES).decompress(packed).decode(*CODING)


def _remember(packed: bytes, text: str) -> None:
    global _recent
    if len(text) <= LONG:
        # Threads may overwrite each other's here: then a text is opened once more.
        _recent = ((packed, text), *_recent[: RECENT - 1])


class _Text:
    """A field that holds its text packed, in the slot that the class has for it."""

    __slots__ = ("_get", "_set")

    def __init__(self, slot: MemberDescriptorType) -> None:
        self._get, self._set = slot.__get__, slot.__set__

    def __get__(self, owner: object, class_: type | None = None) -> Any:  # noqa: ANN401
        return self if owner is None else unpack(self._get(owner))

    def __set__(self, owner: object, value: str | bytes | None) -> None:
        self._set(owner, pack(value))


def held_packed(*names: str) -> Callable[[type[T]], type[T]]:
    """Let the fields of a slotted class hold their text packed. Nobody else can tell.

    Args:
        names: of fields that are `str`, or ``None``.
    """

    def wrap(class_: type[T]) -> type[T]:
        for name in names:
            slot = vars(class_)[name]
            setattr(class_, _HELD + name, slot)
            setattr(class_, name, _Text(slot))
        return class_

    return wrap


def held(*names: str) -> Callable[[object], Any]:
    """What gets what fields hold: their class takes it for the text when another object is made.

    Args:
        names: of one field, whose holding is got, or of several, whose are got as a tuple.
    """
    return attrgetter(*(_HELD + name for name in names))

"""Any text as XML: kept as it is, and refused only where somebody parses it.

Texts are made of pieces, each repeated: so a few bytes make megabytes of one
character, a hundred thousand elements inside each other, or an entity made of
entities. What takes longer than it should shows as a timeout.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import UUID
from xml.etree import ElementTree
from xml.parsers import expat

import attrs

from tests.core.making import add, delete, make, update
from virtinformer._core.model import Domain
from virtinformer._core.vocabulary import DomainState
from virtinformer._libvirt.reads import agrees

from .reader import Reader

__all__ = ["Text", "decode", "run"]

SIZE: Final = 4 * 2**20
"""Characters; libvirt's protocol takes no longer string."""

DIFFED: Final = 200
"""Of more lines no diff is made here: how long difflib takes is not ours."""

PIECES: Final = (
    "<domain type='kvm' id='3'>",
    "<domain",
    "<domain ",
    " id='",
    ' id="3"',
    "'>",
    ">",
    "<name>",
    "web",
    "</name>",
    "<name/>",
    "</domain>",
    "<a>",
    "</a>",
    "<",
    "&",
    "&amp;",
    "&#",
    "&#x",
    "9",
    ";",
    "&b;",
    "\ud800",
    "\x00",
    "\n",
    " ",
    "-",
    "٣",
    "<?xml version='1.0' encoding='utf-16'?>",
    "<!DOCTYPE d [<!ENTITY a 'aaaaaaaaaa'>",
    "<!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>",
    "<!ENTITY e SYSTEM 'file:///etc/passwd'>",
    "]>",
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    " xmlns:q='urn:q'",
    "q:",
    "\u2028",
    "<domain id='",
    "<domain type='kvm' id='3'><name>",
    "&#9999",
    "</name></domain>",
)
"""New ones go to the end, or the corpus would mean something else."""
TIMES: Final = (1, 1, 1, 1, 2, 5, 50, 5000, 20_000, 200_000)


@attrs.frozen
class Text:
    """Pieces of text, each so many times, and the domain whose XML it is said to be."""

    pieces: tuple[tuple[str, int], ...]
    name: str = "web"
    id: int = 3
    state: int = 1

    @property
    def whole(self) -> str:
        return "".join(piece * times for piece, times in self.pieces)


def decode(data: bytes) -> list[Text]:
    """Two texts: what was, and what is now."""
    reader = Reader(data)
    texts = [_text(reader) for _ in range(2)]
    return [text for text in texts if len(text.whole) <= SIZE]


def _text(reader: Reader) -> Text:
    name = reader.text()
    id_, state = reader.number(), reader.number()
    pieces = []
    for _ in range(reader.below(24)):
        choice = reader.byte()
        piece = PIECES[choice % len(PIECES)] if choice < 0xF0 else reader.text()
        # Never so long that it must be thrown away afterwards.
        pieces.append((piece, min(reader.pick(TIMES), SIZE // (25 * max(1, len(piece))))))
    return Text(tuple(pieces), name, id_, state)


def run(texts: Iterable[Text]) -> None:
    """Parse them, compare them with what is known of the domain, and show how they differ."""
    domains: list[Domain] = []
    for text in texts:
        xml = text.whole
        _check_agreement(xml, text)
        domain = make(UUID(int=1), len(domains) + 1, text.name, xml=xml)
        assert domain.xml == xml
        _check_element(domain)
        domains.append(domain)
    if len(domains) == 2 and all(domain.xml.count("\n") < DIFFED for domain in domains):
        _check_diffs(*domains)


def _check_element(domain: Domain) -> None:
    try:
        element = domain.element
    except ElementTree.ParseError as error:
        refusal = error
    else:
        assert _is_well_formed(domain.xml)
        assert element is domain.element
        return
    assert not _is_well_formed(domain.xml), "refused, and well-formed"
    assert repr(domain.name) in str(refusal)
    assert str(domain.uuid) in str(refusal)
    assert str(refusal).isprintable(), "an error that moves the cursor"
    assert len(refusal.position) == 2
    assert refusal.code > 0


def _is_well_formed(xml: str) -> bool:
    """By expat itself, which skips what it has not heard of: entities of a DTD elsewhere."""
    parser = expat.ParserCreate(encoding="utf-8")
    skipped: list[object] = []
    parser.SkippedEntityHandler = lambda *entity: skipped.append(entity)
    # What is left for the default handler, and begins so, is an entity that nobody defined.
    parser.CharacterDataHandler = lambda text: None
    parser.DefaultHandlerExpand = lambda text: skipped.append(text) if text[:1] == "&" else None
    try:
        parser.Parse(xml.encode("utf-8", "surrogatepass"), True)
    except expat.ExpatError:
        return False
    return not skipped


def _check_agreement(xml: str, text: Text) -> None:
    """XML that cannot be made out contradicts nothing; and looking at it fails in no case."""
    state = DomainState(text.state)
    if not agrees(xml, text.name, text.id, state):
        blank = agrees("", text.name, text.id, state)
        assert not blank or "<domain" in xml, "contradicted by a text that says nothing"


def _check_diffs(old: Domain, new: Domain) -> None:
    changed = update(old, new).delta
    assert changed is not None
    assert ("xml" in changed.changed) == (old.xml != new.xml)
    differs = old.xml.removesuffix("\n") != new.xml.removesuffix("\n")
    blank = {old.xml, new.xml} == {"", "\n"}
    assert bool(changed.diff()) == (differs or blank), "a diff of what did not change, or none"
    for delta in (add(new).delta, delete(old, 9).delta):
        assert delta is not None
        assert bool(delta.diff()) == bool(delta.domain.xml)

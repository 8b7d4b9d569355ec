"""What the informer talks about: domains, events, deltas.

Everything here is a frozen value. An `Observation` is what one read of the host
saw; a `Domain` is an observation with a place in history: which version of the
world it is (`resource_version`), which revision of its configuration
(`generation`), which life of its UUID (`incarnation`). A delta is the step from
one `Domain` to the next, and carries the events that told of it.

XML is held packed (see `packed`): it is read as any other field, and costs a few microseconds
to open. Who compares, copies or moves whole domains does it here, where that opens nothing.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID

import attrs

from .packed import held, held_packed, same
from .vocabulary import DomainState, OpenEnum

if TYPE_CHECKING:
    from xml.etree import ElementTree

__all__ = [
    "CONTENT",
    "Added",
    "Change",
    "Deleted",
    "DeletionReason",
    "Delta",
    "DeltaSource",
    "Domain",
    "DomainEvent",
    "Observation",
    "Synced",
    "Updated",
    "changed_fields",
    "evolved",
    "held_texts",
    "is_same",
    "same_content",
]

TEXTS: Final = ("xml", "config_xml")
"""The names of the fields that are held packed."""


@held_packed(*TEXTS)
@attrs.frozen
class Observation:
    """What one read of one domain saw: the content of a `Domain`, without history.

    Attributes:
        name, id, state, reason, persistent, autostart, xml, config_xml, settled: as of a
            `Domain`.
    """

    name: str
    id: int
    state: DomainState
    reason: OpenEnum
    persistent: bool
    autostart: bool
    xml: str = attrs.field(repr=False)
    config_xml: str | None = attrs.field(repr=False)
    settled: bool = True


CONTENT: Final = tuple(field.name for field in attrs.fields(Observation))
"""The names of the fields that are read from the host: those that can *change*."""

_plain = attrgetter(*(name for name in CONTENT if name not in TEXTS))
_held_text = {name: held(name) for name in TEXTS}

held_texts: Final = held(*TEXTS)
"""Gets both texts as they are held: what to compare, or to make another object of."""


@held_packed(*TEXTS)
@attrs.frozen
class Domain:
    """One domain as it was at one version of the world.

    Attributes:
        uuid: the identity. Names can change hands; the UUID cannot.
        name: as libvirt has it, unescaped: any text but a slash.
        id: the number of the running domain, -1 while it is off.
        state: what it is doing.
        reason: why; the enumeration belongs to the state (`RunningReason`, …).
        persistent: whether a configuration outlives the run.
        autostart: whether it starts with the host.
        xml: the live XML (of a domain that is off: its configuration). It is held
            compressed and opened each time it is asked for, which takes some microseconds.
        config_xml: the XML of the next boot; ``None`` for a transient domain.
        resource_version: the version of the informer's world that first held this value.
        generation: 1 at first, and one more with every change of `config_xml`.
        observed_at: when the read ended, UTC.
        settled: ``False`` if state and XML could not be had from one untorn read
            yet; another read is under way.
        incarnation: the `resource_version` at which this life of the UUID began.
            Same UUID and other incarnation: it was found gone in between.
    """

    uuid: UUID
    name: str
    id: int
    state: DomainState
    reason: OpenEnum
    persistent: bool
    autostart: bool
    xml: str = attrs.field(repr=False)
    config_xml: str | None = attrs.field(repr=False)
    resource_version: int
    generation: int
    observed_at: datetime
    settled: bool = True
    incarnation: int = 0
    _element: ElementTree.Element | None = attrs.field(
        default=None, init=False, eq=False, repr=False
    )

    @property
    def element(self) -> ElementTree.Element:
        """The live XML, parsed on first use. Shared: read it, do not change it.

        Raises:
            xml.etree.ElementTree.ParseError: if the host's XML is malformed.
        """
        if self._element is None:
            object.__setattr__(self, "_element", self._parse())
        assert self._element is not None
        return self._element

    def _parse(self) -> ElementTree.Element:
        from xml.etree import ElementTree  # few programs want a tree

        # Encoded here: `str` is refused by Python, and not by the parser, if it cannot be encoded.
        text = self.xml.encode("utf-8", "surrogatepass")
        try:
            return ElementTree.fromstring(text, ElementTree.XMLParser(encoding="utf-8"))
        except ElementTree.ParseError as error:
            error.msg = f"the live XML of domain {self.name!r} ({self.uuid}) is malformed: {error}"
            raise

    @property
    def active(self) -> bool:
        """Whether there is a guest now: running, paused, shutting down, ….

        libvirt gives an id to exactly those domains.
        """
        return self.id >= 0


@attrs.frozen
class DomainEvent:
    """One event of the host, put in order, with the state that goes with it.

    Attributes:
        type: ``"Defined"``, ``"Started"``, … or the kind: ``"DeviceAdded"``, ….
        reason: the detail in words (``"Booted"``); empty where there is none.
        timestamp: when libvirt's callback ran, UTC; of an inferred event, when it was inferred.
        domain_name: the name that the event carried (the old one, where it was renamed).
        domain_id: the UUID of the domain, named as in the message of 2016.
        domain: the whole domain as read after the event.
        resource_version: strictly increasing over all events of the informer.
        inferred: ``True`` if libvirt never sent it, and it follows from what was read.
        details: what else the callback carried, as plain values. Shared: do not change it.
    """

    type: str
    reason: str
    timestamp: datetime
    domain_name: str
    domain_id: UUID
    domain: Domain
    resource_version: int
    inferred: bool = False
    details: Mapping[str, Any] = attrs.field(factory=dict, hash=False)

    def to_dict(self, *, xml: bool = False) -> dict[str, Any]:
        """The record of the 2016 message, as JSON-ready values.

        Args:
            xml: whether to add the live XML under ``"xml"``.
        """
        record = {
            "event_type": self.type,
            "timestamp": self.timestamp.isoformat(),
            "reason": self.reason,
            "domain_name": self.domain_name,
            "domain_id": str(self.domain_id),
            "resource_version": self.resource_version,
            "generation": self.domain.generation,
            "state": str(self.domain.state),
            "inferred": self.inferred,
        }
        if xml:
            record["xml"] = self.domain.xml
        return record


class DeltaSource(enum.Enum):
    """How the informer came to know of a change."""

    INITIAL = "initial"
    """It was there when the informer, or the subscriber, began."""
    EVENT = "event"
    """libvirt sent an event about it."""
    RELIST = "relist"
    """It was found after a reconnect."""
    RESYNC = "resync"
    """It was found by the periodic resync: nobody told of it."""
    REFRESH = "refresh"
    """It was found by a `refresh()` or `sync()`."""


class DeletionReason(enum.Enum):
    """Why a domain is no longer there."""

    UNDEFINED = "undefined"
    """An event told that its configuration was removed."""
    STOPPED = "stopped"
    """It was transient and an event told that its run ended."""
    MISSING = "missing"
    """A look-up found it gone; no event said why."""
    FILTERED = "filtered"
    """It still exists, but no longer matches the subscriber's ``where``."""


@attrs.frozen
class Added:
    """A domain that the subscriber did not know of.

    Attributes:
        domain: as it is now.
        resource_version: strictly increasing over what a subscriber is given; of changes
            that were folded into one, that of the last.
        source: how the informer came to know of it.
        events: those that led there, in the order of the life cycle.
    """

    domain: Domain
    resource_version: int
    source: DeltaSource
    events: tuple[DomainEvent, ...] = ()

    @property
    def changed(self) -> frozenset[str]:
        """The names of the fields that differ: all of them."""
        return frozenset(CONTENT)

    def diff(self) -> str:
        """A unified diff of the live XML, from nothing."""
        return _diff("", self.domain.xml, self.domain.name, self.domain.name)


@attrs.frozen
class Updated:
    """A domain changed, or an event about it came, or both.

    Attributes:
        old: as the subscriber was given it last.
        domain: as it is now.
        resource_version: strictly increasing over what a subscriber is given; of changes
            that were folded into one, that of the last.
        source: how the informer came to know of it.
        events: those that led there, in the order of the life cycle.
    """

    old: Domain
    domain: Domain
    resource_version: int
    source: DeltaSource
    events: tuple[DomainEvent, ...] = ()

    @property
    def changed(self) -> frozenset[str]:
        """The names of the content fields that differ; empty if there was only an event."""
        return frozenset(changed_fields(self.old, self.domain))

    def diff(self) -> str:
        """A unified diff of the live XML."""
        return _diff(self.old.xml, self.domain.xml, self.old.name, self.domain.name)


@attrs.frozen
class Deleted:
    """A domain is gone.

    Attributes:
        domain: the last that was known of it.
        reason: why it is gone.
        resource_version: strictly increasing over what a subscriber is given; of changes
            that were folded into one, that of the last.
        source: how the informer came to know of it.
        events: those that led there, in the order of the life cycle.
    """

    domain: Domain
    reason: DeletionReason
    resource_version: int
    source: DeltaSource
    events: tuple[DomainEvent, ...] = ()

    @property
    def changed(self) -> frozenset[str]:
        """The names of the fields that differ: all of them."""
        return frozenset(CONTENT)

    def diff(self) -> str:
        """A unified diff of the live XML, to nothing."""
        return _diff(self.domain.xml, "", self.domain.name, self.domain.name)


@attrs.frozen
class Synced:
    """Everything known when the subscriber began has been delivered; what follows is newer.

    Attributes:
        resource_version: the version that all of it together is the state of.
    """

    resource_version: int


Delta = Added | Updated | Deleted


@attrs.frozen
class Change:
    """One step of the informer's history: at most one delta, and the events folded into it.

    `delta` is ``None`` where events tell of a domain that could never be looked
    up, or that was already gone.
    """

    resource_version: int
    delta: Delta | None
    events: tuple[DomainEvent, ...]


T = TypeVar("T", bound=Observation | Domain)


def evolved(seen: T, **changes: Any) -> T:  # noqa: ANN401 - as attrs has it
    """As `attrs.evolve`, but a text that stays as it is is not opened for it."""
    texts = dict(zip(TEXTS, held_texts(seen), strict=True))
    return attrs.evolve(seen, **{**texts, **changes})


def same_content(one: Observation | Domain, other: Observation | Domain) -> bool:
    """Whether two are the same in all that is read from the host. Opens no text."""
    return bool(_plain(one) == _plain(other)) and all(map(same, held_texts(one), held_texts(other)))


def changed_fields(old: Observation | Domain, new: Observation | Domain) -> list[str]:
    """The names of the content fields that differ. Opens no text."""
    return [name for name in CONTENT if not is_same(name, old, new)]


def is_same(name: str, one: Observation | Domain, other: Observation | Domain) -> bool:
    """Whether a content field of both is the same."""
    if name in TEXTS:
        return same(_held_text[name](one), _held_text[name](other))
    return bool(getattr(one, name) == getattr(other, name))


def _diff(old: str, new: str, old_name: str, new_name: str) -> str:
    import difflib  # few programs want one

    names = (_label(old_name), _label(new_name))
    return "\n".join(difflib.unified_diff(_lines(old), _lines(new), *names, lineterm=""))


def _lines(text: str) -> list[str]:
    """The lines as a diff has them; `str.splitlines` would hide that a separator changed."""
    return text.removesuffix("\n").split("\n") if text else []


def _label(name: str) -> str:
    """A name in the head of a diff, quoted if it could pass for lines of it."""
    return name if name.isprintable() else ascii(name)

"""How much a host lies, and how slow it is.

Both are frozen values that can be exchanged at any time: ``host.faults =
Faults(event_loss=0.1)``, and ``host.faults = Faults()`` for an honest host
again. A chance is a number from 0 to 1, and a `Span` the shortest and longest
of some delay, in seconds; every throw of the dice comes from the host's seed.
"""

from __future__ import annotations

import attrs

__all__ = ["Faults", "Latency", "Span"]

Span = tuple[float, float]
"""The shortest and the longest of a delay, in seconds."""


def _chance(_owner: object, field: attrs.Attribute[float], value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{field.name} is a chance, from 0 to 1, not {value!r}")


def _span(_owner: object, field: attrs.Attribute[Span], value: Span) -> None:
    shortest, longest = value
    if not 0 <= shortest <= longest:
        raise ValueError(f"{field.name} is (shortest, longest) in seconds, not {value!r}")


def _seconds(_owner: object, field: attrs.Attribute[float], value: float) -> None:
    if value < 0:
        raise ValueError(f"{field.name} is a time in seconds, not {value!r}")


@attrs.frozen(kw_only=True)
class Faults:
    """The lies of a host; none at first.

    Attributes:
        event_loss: chance that an event never arrives.
        event_delay: what an event needs in addition; its followers wait behind it.
        event_duplicate: chance that an event arrives a second time.
        event_reorder: chance that an event is overtaken by its followers.
        reorder_delay: by how much an overtaken or second event comes later.
        read_delay: what a read needs in addition.
        read_failure: chance that the host will not say.
        read_tear: chance that a read could not be had untorn.
        lookup_lag: how long a new domain cannot be looked up or listed yet.
        list_delay: what a list needs in addition.
        list_failure: chance that a list breaks off.
        list_truncation: chance that a list leaves out about half of the domains.
        connect_failure: chance that a connection is refused.
        connection_loss: chance that a connection breaks when something is asked.
        late_answer: chance that an answer still comes after its connection is gone.
    """

    event_loss: float = attrs.field(default=0.0, validator=_chance)
    event_delay: Span = attrs.field(default=(0.0, 0.0), validator=_span)
    event_duplicate: float = attrs.field(default=0.0, validator=_chance)
    event_reorder: float = attrs.field(default=0.0, validator=_chance)
    reorder_delay: Span = attrs.field(default=(0.0, 0.05), validator=_span)
    read_delay: Span = attrs.field(default=(0.0, 0.0), validator=_span)
    read_failure: float = attrs.field(default=0.0, validator=_chance)
    read_tear: float = attrs.field(default=0.0, validator=_chance)
    lookup_lag: Span = attrs.field(default=(0.0, 0.0), validator=_span)
    list_delay: Span = attrs.field(default=(0.0, 0.0), validator=_span)
    list_failure: float = attrs.field(default=0.0, validator=_chance)
    list_truncation: float = attrs.field(default=0.0, validator=_chance)
    connect_failure: float = attrs.field(default=0.0, validator=_chance)
    connection_loss: float = attrs.field(default=0.0, validator=_chance)
    late_answer: float = attrs.field(default=0.0, validator=_chance)


@attrs.frozen(kw_only=True)
class Latency:
    """What an honest host needs, in seconds; 0 is possible everywhere.

    Attributes:
        connect: from asking to the open connection.
        subscribe: to register all callbacks.
        list: to name all domains and read those that were asked for.
        read: to read one domain; its content is of the middle of that time.
        event: from a change to the callback.
        disconnect: from the death of the daemon to the news of it.
    """

    connect: float = attrs.field(default=0.01, validator=_seconds)
    subscribe: float = attrs.field(default=0.002, validator=_seconds)
    list: float = attrs.field(default=0.01, validator=_seconds)
    read: float = attrs.field(default=0.002, validator=_seconds)
    event: float = attrs.field(default=0.001, validator=_seconds)
    disconnect: float = attrs.field(default=0.005, validator=_seconds)

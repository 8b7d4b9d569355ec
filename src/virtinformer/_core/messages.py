"""The language between the core and the shell: inputs in, effects out.

Every fact about the host reaches the reflector as an *input*; everything the
reflector wants done leaves it as an *effect*. Two kinds of numbers make late
messages harmless:

*epoch*
    counts connections. A libvirt call cannot be recalled, so its answer may
    come after the connection was replaced; an input of an older epoch is
    dropped by this number alone.
*stamp*
    comes from one counter that the source keeps. An event takes a stamp when
    its callback runs, a read takes one when it begins and one when it ends.
    So "did this read begin after that event?" is a comparison of integers, in
    whatever order the two reach the core.

Each effect but `Deliver`, `Resolve` and `Reject` is answered by exactly one
input, unless the connection ends first (then `Disconnected` answers for all):

=============  =======================================
effect         answer
=============  =======================================
`Connect`      `Connected` | `ConnectFailed`
`Subscribe`    `Subscribed` | `Disconnected`
`List`         `Observed`, … then `Listed` | `ListFailed`
`Read`         `Observed`
`Disconnect`   none: the source closes that connection
=============  =======================================

A source may say more than it was asked: an `Observed` of a read that it began by
itself, right after an event. And it may say less: a domain that a list names but
could not be read whole is named in `Listed` without an `Observed`. Either is
judged by the stamps alone. `Disconnect` comes for every connection that ended or
could not be opened, and also for one that has not answered yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import attrs

from .model import Change, Observation

__all__ = [
    "Cancel",
    "Connect",
    "ConnectFailed",
    "Connected",
    "Deliver",
    "Disconnect",
    "Disconnected",
    "Effect",
    "EventReceived",
    "Gone",
    "Input",
    "List",
    "ListFailed",
    "Listed",
    "Observed",
    "Read",
    "ReadFailed",
    "Reject",
    "Require",
    "Resolve",
    "Start",
    "Subscribe",
    "Subscribed",
    "Tick",
]


@attrs.frozen
class Start:
    """Input: begin to work."""


@attrs.frozen
class Tick:
    """Input: the time that `Reflector.deadline` named has come (any other does no harm)."""


@attrs.frozen
class Connected:
    """Input: the connection of this epoch is open."""

    epoch: int


@attrs.frozen
class ConnectFailed:
    """Input: the connection could not be opened. `error` says why, for `Health`."""

    epoch: int
    error: Exception


@attrs.frozen
class Subscribed:
    """Input: the callbacks are registered; from here on no event is missed."""

    epoch: int


@attrs.frozen
class Disconnected:
    """Input: the connection is dead: the daemon went away, or does not answer."""

    epoch: int
    error: Exception


@attrs.frozen
class EventReceived:
    """Input: a callback ran.

    Attributes:
        stamp: taken when the callback was entered.
        uuid, name, id: what the event said of its domain, at the time it was made.
        kind: libvirt's event id.
        type, detail: of a life-cycle event; 0 for others.
        time: seconds since 1970, UTC, when the callback ran.
        details: what else the callback carried, as plain values.
    """

    epoch: int
    stamp: int
    uuid: UUID
    name: str
    id: int
    kind: int
    type: int
    detail: int
    time: float
    details: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def is_lifecycle(self) -> bool:
        """Whether this is a step of the life cycle, and not some other news."""
        return not self.kind  # EventKind.LIFECYCLE, whose comparison takes its time


@attrs.frozen
class Gone:
    """A look-up by UUID answered NO_DOMAIN."""


@attrs.frozen
class ReadFailed:
    """The host would not say: the domain's state is unknown."""

    error: Exception


@attrs.frozen
class Observed:
    """Input: the outcome of one read, which took place between two stamps.

    Attributes:
        began, ended: stamps; everything in `result` was read between them.
        time: seconds since 1970, UTC, at the end.
        listed: whether it was read as part of a `List` (which says by `Listed`
            that it is through) rather than answers a `Read`.
        took: for how many seconds it was read, to be counted; ``None`` if nobody
            looked.
    """

    epoch: int
    uuid: UUID
    began: int
    ended: int
    time: float
    result: Observation | Gone | ReadFailed
    listed: bool = False
    took: float | None = None


@attrs.frozen
class Listed:
    """Input: a list is through; the observations made from it came before.

    Attributes:
        began: stamp taken before the host was asked.
        present: the UUIDs that the host named. That one is missing proves
            nothing yet: the reflector looks it up.
    """

    epoch: int
    began: int
    present: frozenset[UUID]


@attrs.frozen
class ListFailed:
    """Input: a list failed or was cut short. Nothing follows from it."""

    epoch: int
    error: Exception


@attrs.frozen
class Require:
    """Input: somebody waits until the store reflects all that was true at `stamp`.

    Attributes:
        token: names the request; `Resolve` or `Reject` answers with it.
        uuid: the one domain that matters, or ``None`` for the whole host.
    """

    token: int
    stamp: int
    uuid: UUID | None


@attrs.frozen
class Cancel:
    """Input: nobody waits for that token any more."""

    token: int


Input = (
    Start
    | Tick
    | Connected
    | ConnectFailed
    | Subscribed
    | Disconnected
    | EventReceived
    | Observed
    | Listed
    | ListFailed
    | Require
    | Cancel
)


@attrs.frozen
class Connect:
    """Effect: open a connection."""

    epoch: int


@attrs.frozen
class Subscribe:
    """Effect: register every callback."""

    epoch: int


@attrs.frozen
class List:
    """Effect: name all domains, and read those in `only` (``None``: every one)."""

    epoch: int
    only: frozenset[UUID] | None = None


@attrs.frozen
class Read:
    """Effect: read one domain, beginning after the stamp `after`.

    A read of that domain that is already under way and began after `after`
    is the answer; the source need not begin another.
    """

    epoch: int
    uuid: UUID
    after: int


@attrs.frozen
class Disconnect:
    """Effect: close the connection of that epoch and free all that belongs to it."""

    epoch: int


@attrs.frozen
class Deliver:
    """Effect: the store has changed; tell the subscribers."""

    change: Change


@attrs.frozen
class Resolve:
    """Effect: what was required holds."""

    token: int


@attrs.frozen
class Reject:
    """Effect: what was required cannot be had; `error` is the last answer of the host."""

    token: int
    error: Exception


Effect = Connect | Subscribe | List | Read | Disconnect | Deliver | Resolve | Reject

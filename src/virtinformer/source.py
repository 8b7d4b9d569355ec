"""The port: what the informer needs from a host.

The informer performs the reflector's effects by handing them to a `Source`, and
the source answers with inputs. It knows nothing of versions or order; it must
only be honest about *when* things happened, by stamps from one counter.

`virtinformer._libvirt` implements the port on libvirt, `virtinformer.testing`
on a host made up for tests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from ._core.messages import Connect, Disconnect, Input, List, Read, Subscribe

__all__ = ["BATCH", "Post", "Request", "Source"]

Request = Connect | Subscribe | List | Read | Disconnect
"""The effects that a source performs."""

Post = Callable[[Sequence[Input]], None]
"""How a source hands over inputs: in batches, in the order in which they happened, on the loop."""

BATCH: Final = 16
"""Inputs handed over in one turn of the loop, which are worked off in it; more wait for the next.

They are worked off together: nothing is asked because of one before all of them are known.

What waits waits at the source, which knows of it: an event whose read has ended needs no other.
"""


class Source(Protocol):
    """A host that can be asked and that tells.

    Promise to the informer: no method blocks; every request is answered as
    `virtinformer._core.messages` lists it; an event is posted before the
    outcome of any read that began after it; nothing is posted after `aclose`
    has returned.
    """

    @property
    def name(self) -> str:
        """What to call this host in logs and errors; holds no secret."""
        ...

    def start(self, post: Post) -> None:
        """Begin: from now on hand inputs to `post`, on the running event loop.

        Raises:
            EventLoopError: if libvirt's event loop belongs to somebody else.
        """
        ...

    def stamp(self) -> int:
        """Take the next number of the one counter. Safe from any thread."""
        ...

    def perform(self, request: Request) -> None:
        """Begin to do what is asked, and return at once."""
        ...

    async def aclose(self) -> None:
        """Close all connections and free what they hold; prompt even if the host hangs."""
        ...

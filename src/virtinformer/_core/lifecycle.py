"""The life cycle of a domain, told in order.

libvirt documents a life cycle, and `position` has it in a table. The events of a
domain do not keep to it: a plain start on QEMU tells RESUMED before STARTED, two
threads of the daemon may swap two events of one domain, and an event may be lost
with a connection. This module turns whatever came into a *walk* through the life
cycle.

`arrange` is the whole of it. Given the position last told, the events that wait
and the position that was read from the host, it tells what can be told:

1. An ordering of the waiting events that is a walk, one that ends where the host
   was seen to be if there is such a one, as they arrived if there is a choice.
2. An event that is not possible yet is *held* until its predecessor comes, for
   at most a window of time. Those in order do not wait for it.
3. Past the window, the shortest story that ends where the host was seen to be is
   told. Steps that libvirt never sent are inferred. An event that no shortest
   story needs is a repetition, or one overtaken by its successor (a SHUTDOWN
   that comes after its STOPPED): it is *superseded*, counted and not told.

News that are no steps of the life cycle (a device was added, metadata changed)
are never held; they keep their place among the steps while those are in order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Final

import attrs

from .messages import EventReceived
from .position import Position, is_possible, move, position_after, shortest_path, walk
from .vocabulary import LifecycleType

__all__ = ["Arrangement", "Step", "Waiting", "arrange"]

_BEGINNINGS: Final = frozenset({LifecycleType.DEFINED, LifecycleType.STARTED})
"""With these a domain that was absent is there."""

_SEARCHED: Final = 5
"""Up to so many waiting events all orderings are searched; of more, the first possible is first."""


@attrs.frozen
class Waiting:
    """An event, and until when it may be held for its predecessor (seconds, monotonic)."""

    event: EventReceived
    deadline: float


@attrs.frozen
class Step:
    """One thing to tell: an event that came, or (`event` is ``None``) one inferred.

    Attributes:
        type: the step of the life cycle; ``None`` for other news.
    """

    event: EventReceived | None
    type: LifecycleType | None


@attrs.frozen
class Arrangement:
    """What `arrange` found.

    Attributes:
        steps: to be told now, in this order.
        position: where they lead.
        held: still waiting for a predecessor.
        superseded: not to be told at all.
    """

    steps: tuple[Step, ...]
    position: Position
    held: tuple[Waiting, ...]
    superseded: tuple[EventReceived, ...]


def arrange(
    position: Position,
    waiting: Sequence[Waiting],
    seen: Position,
    now: float,
    *,
    conclude: bool,
) -> Arrangement:
    """Put the waiting events in order and infer what is missing.

    Args:
        position: where the events told so far have led.
        waiting: in the order of arrival.
        seen: where the domain was seen to be after all of them.
        now: seconds, on the clock of the deadlines.
        conclude: whether what still differs from `seen` after all that waits is
            to be inferred now (its event is lost) rather than expected.
    """
    if not conclude and not any(item.event.is_lifecycle for item in waiting):
        steps = tuple(Step(item.event, None) for item in waiting)
        return Arrangement(steps, position, (), ())
    telling = _Telling(position, seen)
    held = telling.tell(waiting)
    while held and held[0].deadline <= now:
        telling.force(held[0].event)
        held = telling.tell(held[1:])
    if conclude and not held:
        telling.infer(shortest_path(telling.position, seen.explains, seen.id), seen.id)
    return Arrangement(
        tuple(telling.steps), telling.position, tuple(held), tuple(telling.superseded)
    )


class _Telling:
    """A walk in the making."""

    def __init__(self, position: Position, seen: Position) -> None:
        self.position = position
        self.seen = seen
        self.steps: list[Step] = []
        self.superseded: list[EventReceived] = []

    def tell(self, waiting: Sequence[Waiting]) -> Sequence[Waiting]:
        """Tell what is possible, in the best order; return what is not."""
        queue = deque(self._best_order(waiting))
        held: list[Waiting] = []
        while queue:
            item = queue.popleft()
            if not self._can_be_told(item.event, held, queue):
                held.append(item)
                continue
            self._step(item.event)
            if item.event.is_lifecycle:
                # What was not possible before this step goes first after it.
                queue.extendleft(reversed(held))
                held.clear()
        return held

    def _can_be_told(self, event: EventReceived, *others: Iterable[Waiting]) -> bool:
        """Whether an event is possible now, and no end that its new beginning has yet to follow.

        A domain that was seen to exist did not just end: it was renamed, or
        defined or started anew, and the event that says so is on its way.
        """
        if not is_possible(event, self.position, self.seen):
            return False
        ends = event.is_lifecycle and position_after(event, self.position).absent
        if not ends or self.position.absent or self.seen.absent:
            return True
        return any(
            item.event.is_lifecycle and item.event.type in _BEGINNINGS
            for item in chain.from_iterable(others)
        )

    def _best_order(self, waiting: Sequence[Waiting]) -> Sequence[Waiting]:
        """An ordering that is a walk and ends as seen; or else a walk; or else that of arrival."""
        steps = [item for item in waiting if item.event.is_lifecycle]
        if len(steps) < 2 or len(steps) > _SEARCHED:
            return waiting
        walks = _walks(self.position, steps, self.seen)
        fallback = next(walks, None)
        if fallback is None:
            return waiting
        best = next(
            (order for order, end in chain([fallback], walks) if end.agrees(self.seen)), fallback[0]
        )
        if best == steps:
            return waiting
        return [*(item for item in waiting if not item.event.is_lifecycle), *best]

    def _step(self, event: EventReceived) -> None:
        if not event.is_lifecycle:
            self.steps.append(Step(event, None))
            return
        self.position = position_after(event, self.position)
        self.steps.append(Step(event, LifecycleType(event.type)))

    def force(self, event: EventReceived) -> None:
        """Tell an event whose predecessor did not come, or find it superseded.

        It is told if the story with it is no longer than the story without it.
        """
        run_id = event.id if event.id >= 0 else self.seen.id
        before = shortest_path(self.position, lambda at: is_possible(event, at, self.seen), run_id)
        if self._is_longer_with(event, before, run_id):
            self.superseded.append(event)
            return
        self.infer(before, run_id)
        self._step(event)

    def _is_longer_with(
        self, event: EventReceived, before: Sequence[LifecycleType], run_id: int
    ) -> bool:
        after = position_after(event, walk(self.position, before, run_id))
        rest = shortest_path(after, self.seen.explains, self.seen.id)
        without = shortest_path(self.position, self.seen.explains, self.seen.id)
        return len(before) + len(rest) > len(without)

    def infer(self, types: Sequence[LifecycleType], run_id: int) -> None:
        """Tell steps that libvirt never sent."""
        for type_ in types:
            self.position = move(type_, self.position, run_id)
            self.steps.append(Step(None, type_))


def _walks(
    position: Position, waiting: Sequence[Waiting], seen: Position
) -> Iterator[tuple[list[Waiting], Position]]:
    """All orderings of `waiting` that are walks, by order of arrival, and where they end."""
    if not waiting:
        yield [], position
        return
    for index, item in enumerate(waiting):
        if is_possible(item.event, position, seen):
            rest = [*waiting[:index], *waiting[index + 1 :]]
            for order, end in _walks(position_after(item.event, position), rest, seen):
                yield [item, *order], end

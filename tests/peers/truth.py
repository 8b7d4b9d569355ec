"""What the stub API server knows: every pod at every version, as etcd would.

One counter grows by one with each change. The past is kept for ever, so that a list can be
taken of any version; what a *watch* may still ask for ends at `oldest`, as in an API server
that has compacted its history.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from uuid import UUID

import attrs

from tests.peers.pods import Pod

__all__ = ["Change", "Pods"]

_FIRST: Final = 100
"""Where versions begin: in a cluster there was always something before."""


@attrs.frozen
class Change:
    """One step of the history.

    Attributes:
        kind: ``"ADDED"``, ``"MODIFIED"`` or ``"DELETED"``, as a watch tells it.
        pod: what became true; of a deletion, the last that was, at the version of the deletion.
    """

    kind: str
    pod: Pod


class Pods:
    """All pods, and their history.

    Args:
        tell: is called for each change at the moment at which it becomes true.

    Attributes:
        version: of the last change.
        oldest: a watch can begin after this version, and not before.
    """

    def __init__(self, tell: Callable[[Change], object]) -> None:
        self.version = _FIRST
        self.oldest = _FIRST
        self._tell = tell
        self._changes: list[Change] = []
        self._now: dict[UUID, Pod] = {}
        self._made = 0

    # ------------------------------------------------------------ changes

    def create(self, name: str) -> UUID:
        """Make a pod; return who it is."""
        self._made += 1
        uid = UUID(int=self._made)
        self._commit("ADDED", Pod(uid, name, self.version + 1))
        return uid

    def annotate(self, uid: UUID) -> None:
        """Change something about a pod that is not its ``spec``."""
        pod = self._now[uid]
        version, revision = self.version + 1, pod.revision + 1
        self._commit("MODIFIED", attrs.evolve(pod, version=version, revision=revision))

    def configure(self, uid: UUID) -> None:
        """Change the ``spec`` of a pod."""
        pod, version = self._now[uid], self.version + 1
        generation = pod.generation + 1
        image = f"image:{generation}"
        changed = attrs.evolve(pod, version=version, generation=generation, image=image)
        self._commit("MODIFIED", changed)

    def delete(self, uid: UUID) -> None:
        """Remove a pod."""
        self._commit("DELETED", attrs.evolve(self._now[uid], version=self.version + 1))

    def forget(self) -> None:
        """Compact: no watch can begin before the version of now."""
        self.oldest = self.version

    def _commit(self, kind: str, pod: Pod) -> None:
        self.version = pod.version
        change = Change(kind, pod)
        self._changes.append(change)
        _apply(change, self._now)
        self._tell(change)

    # ------------------------------------------------------------ reads

    @property
    def now(self) -> dict[UUID, Pod]:
        """All pods there are."""
        return dict(self._now)

    def at(self, version: int) -> list[Pod]:
        """All pods there were at a version, in the order of their names."""
        pods: dict[UUID, Pod] = {}
        for change in self._changes[: max(0, version - _FIRST)]:
            _apply(change, pods)
        return sorted(pods.values(), key=lambda pod: pod.name)

    def since(self, version: int) -> list[Change]:
        """What happened after a version."""
        return self._changes[version - _FIRST :]


def _apply(change: Change, pods: dict[UUID, Pod]) -> None:
    if change.kind == "DELETED":
        del pods[change.pod.uid]
    else:
        pods[change.pod.uid] = change.pod

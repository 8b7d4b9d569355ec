"""The object that the stub API server keeps, and how a history speaks of it.

The validators know domains. A pod is told to them as a domain: its UUID is
``metadata.uid``, its version ``metadata.resourceVersion``, its generation
``metadata.generation``, its ``spec`` the configuration, and all of it one JSON text in the
place of the XML. The version is not part of that text: two texts are equal if nothing was
*changed*, as two XMLs are. What a pod does not have (state, id, …) is the same for all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import attrs

import virtinformer as vi
from virtinformer._core.model import Observation

__all__ = ["NAMESPACE", "Pod"]

NAMESPACE: Final = "default"

_EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)


@attrs.frozen
class Pod:
    """One pod at one version.

    Attributes:
        uid: who it is; a pod that is made again under its name has another.
        name: unique at any one time.
        version: of the whole store, when this became true.
        generation: grows when its ``spec`` changes, and only then.
        revision: says which change of the scenario made it so.
        image: its ``spec``.
    """

    uid: UUID
    name: str
    version: int
    generation: int = 1
    revision: int = 0
    image: str = "image:1"

    def to_json(self) -> dict[str, Any]:
        """As the API server sends it."""
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": self.name,
                "namespace": NAMESPACE,
                "uid": str(self.uid),
                "resourceVersion": str(self.version),
                "generation": self.generation,
                "annotations": {"revision": str(self.revision)},
            },
            "spec": {"containers": [{"name": "main", "image": self.image}]},
            "status": {"phase": "Running"},
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Pod:
        """Of what a client got, as JSON again."""
        meta = record["metadata"]
        return cls(
            UUID(meta["uid"]),
            meta["name"],
            int(meta["resourceVersion"]),
            int(meta["generation"]),
            int(meta["annotations"]["revision"]),
            record["spec"]["containers"][0]["image"],
        )

    def observation(self) -> Observation:
        """What an honest read sees."""
        spec = {"image": self.image}
        text = {"name": self.name, "annotations": {"revision": self.revision}, "spec": spec}
        return Observation(
            name=self.name,
            id=1,
            state=vi.DomainState.RUNNING,
            reason=vi.RunningReason.BOOTED,
            persistent=True,
            autostart=False,
            xml=json.dumps(text),
            config_xml=json.dumps(spec),
        )

    def domain(self) -> vi.Domain:
        """The same with a place in history: a UID lives but once."""
        seen = self.observation()
        return vi.Domain(
            uuid=self.uid,
            name=seen.name,
            id=seen.id,
            state=seen.state,
            reason=seen.reason,
            persistent=seen.persistent,
            autostart=seen.autostart,
            xml=seen.xml,
            config_xml=seen.config_xml,
            resource_version=self.version,
            generation=self.generation,
            observed_at=_EPOCH,
            incarnation=1,
        )

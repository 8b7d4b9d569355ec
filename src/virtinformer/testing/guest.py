"""The truth about one domain.

What a reader may see of it is an `Observation`; the rest is what only the host
knows. A change is a new value: nothing is ever altered in place, so a read
that has been taken stays what it was.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import attrs

from .._core.model import Observation
from .._core.vocabulary import DomainState, OpenEnum, ShutoffReason
from .domainxml import with_id

__all__ = ["Guest"]


@attrs.frozen
class Guest:
    """One domain.

    Attributes:
        uuid: its identity.
        content: what an honest read sees.
        visible_from: when it can first be looked up, by the event loop's time.
        saved: the state in its managed save image, ``None`` if there is none.
    """

    uuid: UUID
    content: Observation
    visible_from: float = 0.0
    saved: DomainState | None = None

    @property
    def active(self) -> bool:
        """Whether it runs, in whatever state."""
        return self.content.id >= 0

    @property
    def config(self) -> str:
        """The configuration of the next boot; of a transient domain, of this one."""
        return self.content.xml if self.content.config_xml is None else self.content.config_xml

    def with_fields(self, **fields: Any) -> Guest:  # noqa: ANN401 - as the fields are
        """With other content."""
        return attrs.evolve(self, content=attrs.evolve(self.content, **fields))

    def in_state(self, state: DomainState, reason: OpenEnum) -> Guest:
        """In another state, and otherwise the same."""
        return self.with_fields(state=state, reason=reason)

    def started(self, number: int, state: DomainState, reason: OpenEnum) -> Guest:
        """Running, by its configuration, under a new id; a save image is used up."""
        live = with_id(self.config, number)
        started = self.with_fields(id=number, state=state, reason=reason, xml=live)
        return attrs.evolve(started, saved=None)

    def stopped(self, reason: ShutoffReason, saved: DomainState | None = None) -> Guest:
        """Off; what was changed in the running domain only is forgotten."""
        off = self.with_fields(id=-1, state=DomainState.SHUTOFF, reason=reason, xml=self.config)
        return attrs.evolve(off, saved=saved)

    def configured(self, xml: str) -> Guest:
        """Persistent, with another configuration; a running domain goes on as it is."""
        live = self.content.xml if self.active else xml
        return self.with_fields(persistent=True, xml=live, config_xml=xml)

    def unconfigured(self) -> Guest:
        """Running on without a configuration: transient."""
        return self.with_fields(persistent=False, autostart=False, config_xml=None)

"""The chronicle: what an event, a deletion and a domain that nobody ever saw are told with."""

from __future__ import annotations

from datetime import UTC, datetime

import attrs
import pytest

from virtinformer._core.chronicle import Chronicle, Scene
from virtinformer._core.lifecycle import Step
from virtinformer._core.messages import EventReceived
from virtinformer._core.model import (
    Added,
    Change,
    Deleted,
    DeletionReason,
    DeltaSource,
    Domain,
    DomainEvent,
    Observation,
    Updated,
)
from virtinformer._core.store import Store
from virtinformer._core.vocabulary import DomainState, EventKind, LifecycleType, StateReason

from .driving import A, B, running, shut_off

SEEN = 1_700_000_000.5
CAME = 1_700_000_000.25


def utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def came(type_: LifecycleType, detail: int = 0, *, name: str = "n", id: int = -1) -> Step:
    details = {"cookie": type_.value}
    event = EventReceived(1, 1, A, name, id, EventKind.LIFECYCLE, type_, detail, CAME, details)
    return Step(event, type_)


def inferred(type_: LifecycleType) -> Step:
    return Step(None, type_)


class Book:
    """A chronicle of one domain, and the store it writes."""

    def __init__(self) -> None:
        self.store = Store({}, 10)
        self._chronicle = Chronicle(self.store, None)

    def tell(
        self, content: Observation | Domain | None, *steps: Step, last: Domain | None = None
    ) -> Change | None:
        return self._chronicle.tell(Scene(A, content, SEEN, steps, DeltaSource.EVENT, last))

    def write(
        self, content: Observation | Domain | None, *steps: Step, last: Domain | None = None
    ) -> Change:
        change = self.tell(content, *steps, last=last)
        assert change is not None
        return change


def test_a_transform_is_given_a_domain_with_a_place_in_history() -> None:
    given: list[Domain] = []

    def transform(domain: Domain) -> Domain:
        given.append(domain)
        return domain

    chronicle = Chronicle(Store({}, 10), transform)
    steps = (came(LifecycleType.DEFINED), came(LifecycleType.STARTED))
    chronicle.tell(Scene(A, running(), SEEN, steps, DeltaSource.EVENT))
    (domain,) = given
    assert (domain.resource_version, domain.incarnation, domain.generation) == (2, 2, 1)


def test_what_was_not_read_again_keeps_the_time_of_its_read() -> None:
    store = Store({}, 10)
    chronicle = Chronicle(store, None)
    chronicle.tell(Scene(A, running(), SEEN, (), DeltaSource.EVENT))
    stored = store.get(A)
    chronicle.tell(Scene(A, stored, SEEN + 60, (came(LifecycleType.DEFINED),), DeltaSource.EVENT))
    found = store.get(A)
    assert stored is not None
    assert found is not None
    assert found.resource_version == 2
    assert found.observed_at == stored.observed_at == utc(SEEN)


def test_an_event_is_told_as_it_came() -> None:
    book = Book()
    book.write(shut_off())
    change = book.write(running(name="new"), came(LifecycleType.STARTED, 1, name="old", id=1))
    assert change.events == (
        DomainEvent(
            type="Started",
            reason="Migrated",
            timestamp=utc(CAME),
            domain_name="old",
            domain_id=A,
            domain=book.store.snapshot()[A],
            resource_version=2,
            inferred=False,
            details={"cookie": 2},
        ),
    )


def test_an_inferred_event_has_the_time_and_the_name_of_what_was_read() -> None:
    book = Book()
    change = book.write(running(), inferred(LifecycleType.DEFINED), inferred(LifecycleType.STARTED))
    domain = book.store.snapshot()[A]
    assert change.events == tuple(
        DomainEvent(
            type=type_,
            reason="",
            timestamp=utc(SEEN),
            domain_name="n",
            domain_id=A,
            domain=domain,
            resource_version=version,
            inferred=True,
        )
        for version, type_ in ((1, "Defined"), (2, "Started"))
    )


def test_a_domain_has_all_that_was_read_and_when() -> None:
    book = Book()
    seen = running(autostart=True, settled=False)
    change = book.write(seen, came(LifecycleType.DEFINED), came(LifecycleType.STARTED, id=1))
    assert isinstance(change.delta, Added)
    domain = change.delta.domain
    read = {field.name: getattr(domain, field.name) for field in attrs.fields(Observation)}
    assert Observation(**read) == seen
    assert domain.observed_at == utc(SEEN)
    assert (domain.resource_version, domain.generation, domain.incarnation) == (2, 1, 2)


def test_an_event_alone_gives_the_domain_a_version_and_leaves_when_it_was_read() -> None:
    book = Book()
    book.write(shut_off())
    old = book.store.snapshot()[A]
    change = book.write(old, came(LifecycleType.DEFINED, 1))
    assert isinstance(change.delta, Updated)
    assert change.delta.domain == attrs.evolve(old, resource_version=2)
    assert change.delta.changed == frozenset()


def test_nothing_new_is_nothing() -> None:
    book = Book()
    book.write(shut_off())
    assert book.tell(shut_off()) is None
    assert book.store.resource_version == 1


def test_the_last_that_was_known_carries_the_version_of_the_deletion() -> None:
    book = Book()
    book.write(shut_off(autostart=True))
    change = book.write(None, came(LifecycleType.UNDEFINED))
    assert isinstance(change.delta, Deleted)
    assert change.delta.resource_version == change.delta.domain.resource_version == 2
    assert change.delta.domain.autostart
    assert [event.domain for event in change.events] == [change.delta.domain]


@pytest.mark.parametrize(
    ("seen", "steps", "reason"),
    [
        (shut_off(), [came(LifecycleType.UNDEFINED)], DeletionReason.UNDEFINED),
        (shut_off(), [inferred(LifecycleType.UNDEFINED)], DeletionReason.MISSING),
        (running(), [came(LifecycleType.STOPPED)], DeletionReason.MISSING),
        (running(persistent=False), [came(LifecycleType.STOPPED)], DeletionReason.STOPPED),
        (running(persistent=False), [came(LifecycleType.SHUTDOWN)], DeletionReason.STOPPED),
        (running(persistent=False), [came(LifecycleType.CRASHED)], DeletionReason.STOPPED),
        (running(persistent=False), [came(LifecycleType.SUSPENDED)], DeletionReason.MISSING),
        (running(persistent=False), [inferred(LifecycleType.STOPPED)], DeletionReason.MISSING),
        (running(persistent=False), [], DeletionReason.MISSING),
    ],
)
def test_a_deletion_is_explained_by_what_was_told_alone(
    seen: Observation, steps: list[Step], reason: DeletionReason
) -> None:
    book = Book()
    book.write(seen)
    change = book.write(None, *steps)
    assert isinstance(change.delta, Deleted)
    assert change.delta.reason is reason


def test_of_a_domain_that_nobody_saw_there_is_what_its_last_event_said() -> None:
    book = Book()
    steps = (
        came(LifecycleType.STARTED, name="old", id=6),
        came(LifecycleType.STARTED, name="new", id=7),
        inferred(LifecycleType.STOPPED),
    )
    change = book.write(None, *steps)
    assert change.delta is None
    phantom = Domain(
        uuid=A,
        name="new",
        id=7,
        state=DomainState.NOSTATE,
        reason=StateReason.UNKNOWN,
        persistent=False,
        autostart=False,
        xml="",
        config_xml=None,
        resource_version=3,
        generation=0,
        observed_at=utc(SEEN),
        settled=False,
        incarnation=0,
    )
    assert [event.domain for event in change.events] == [phantom] * 3
    assert len(book.store) == 0


def test_a_late_event_is_told_with_the_last_that_was_known() -> None:
    book = Book()
    book.write(shut_off("last"))
    ended = book.write(None).delta
    assert isinstance(ended, Deleted)
    change = book.write(None, came(LifecycleType.UNDEFINED), last=ended.domain)
    assert change.delta is None
    assert [event.domain for event in change.events] == [ended.domain]
    assert book.tell(None, last=ended.domain) is None


def test_versions_count_events_over_all_domains() -> None:
    store = Store({}, 10)
    chronicle = Chronicle(store, None)
    steps = [inferred(LifecycleType.DEFINED), inferred(LifecycleType.STARTED)]
    for uuid in (A, B):
        chronicle.tell(Scene(uuid, running(), SEEN, steps, DeltaSource.EVENT))
    assert store.resource_version == 4
    assert {uuid: domain.resource_version for uuid, domain in store.snapshot().items()} == {
        A: 2,
        B: 4,
    }

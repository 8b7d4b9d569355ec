"""The store: snapshots, indexes, history."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from virtinformer._core.model import Domain
from virtinformer._core.shelves import SHELVES
from virtinformer._core.store import LARGE, History, Lister, Store

from .driving import A, B, C
from .making import add, afterword, delete, event, make, update


def filled(*domains: Domain, history: int = 10) -> Store:
    store = Store({}, history)
    for domain in domains:
        store.apply(add(domain))
    return store


def test_a_snapshot_never_changes() -> None:
    a = make(A, 1)
    store = filled(a)
    before = store.snapshot()
    store.apply(update(a, new := make(A, 2, autostart=True)))
    store.apply(add(make(B, 3)))
    after = store.snapshot()
    store.apply(delete(new, 4))
    assert dict(before) == {A: a}
    assert before.resource_version == 1
    assert set(after) == {A, B}
    assert after[A] is new
    assert after.resource_version == 3
    assert set(store.snapshot()) == {B}
    assert len(after) == 2
    assert "2 domains at version 3" in repr(after)
    with pytest.raises(TypeError):
        after[A] = a  # type: ignore[index]


A2, A3 = (UUID(int=A.int + number * SHELVES) for number in (1, 2))
"""On the same shelf as A."""


def shelves_of(holder: Any) -> set[int]:
    """Which dictionaries it holds."""
    return {id(shelf) for shelf in holder._domains._shelves}


def test_snapshots_share_until_something_is_written() -> None:
    store = filled(make(A, 1))
    first, second = store.snapshot(), store.snapshot()
    assert shelves_of(first) == shelves_of(second) == shelves_of(store)
    store.apply(add(make(A2, 2)))
    assert len(shelves_of(store) - shelves_of(first)) == 1
    written = shelves_of(store)
    store.apply(add(make(A3, 3)))
    assert shelves_of(store) == written, "copied without need"


def test_its_length_is_the_number_of_domains() -> None:
    store = filled(a := make(A, 1), make(B, 2))
    assert len(store) == 2
    store.apply(delete(a, 3))
    assert len(store) == 1


def test_an_event_alone_leaves_the_dictionary_shared() -> None:
    store = filled(make(A, 1))
    snapshot = store.snapshot()
    store.apply(afterword(event(make(B, 2))))
    assert shelves_of(store) == shelves_of(snapshot)
    assert store.resource_version == 2
    assert snapshot.resource_version == 1


def test_versions_only_grow() -> None:
    store = filled(make(A, 5))
    with pytest.raises(AssertionError):
        store.apply(add(make(B, 5)))


def test_the_lister_reads() -> None:
    a, b = make(A, 1, "a"), make(B, 2, "b")
    lister = Lister(filled(a, b))
    assert lister.get(A) is a
    assert lister.get(C) is None
    assert lister.get_by_name("b") is b
    assert lister.get_by_name("c") is None
    assert lister.resource_version == 2
    assert lister.snapshot().resource_version == 2
    assert lister.list() == [a, b]
    assert lister.list(lambda domain: domain.name == "b") == [b]


def test_a_name_changes_hands() -> None:
    """The name is found under the one that took it last, and under the other when that goes."""
    store = filled(a := make(A, 1, "x"))
    lister = Lister(store)
    store.apply(add(b := make(B, 2, "x")))
    assert lister.get_by_name("x") is b
    store.apply(update(a, moved := make(A, 3, "y")))
    assert lister.get_by_name("x") is b
    assert lister.get_by_name("y") is moved
    store.apply(delete(b, 4))
    assert lister.get_by_name("x") is None


def test_indexes_follow() -> None:
    store = Store({"state": lambda d: (d.state, d.autostart), "none": lambda d: ()}, 10)
    lister = Lister(store)
    a = make(A, 1)
    store.apply(add(a))
    assert lister.by_index("state", a.state) == [a]
    assert lister.by_index("state", False) == [a]
    store.apply(update(a, new := make(A, 2, autostart=True)))
    assert lister.by_index("state", False) == []
    assert lister.by_index("state", True) == [new]
    assert lister.by_index("none", 1) == []
    store.apply(delete(new, 3))
    assert lister.by_index("state", True) == []
    with pytest.raises(KeyError):
        lister.by_index("other", 1)


def test_an_indexer_may_name_a_value_twice() -> None:
    store = Store({"network": lambda domain: domain.xml.split()}, 10)
    a, b = make(A, 1, xml="red red blue"), make(B, 2, xml="red")
    store.apply(add(a))
    assert store.find("network", "red") == [a]
    store.apply(add(b))
    assert store.find("network", "red") == [a, b]
    store.apply(delete(a, 3))
    assert store.find("network", "red") == [b]
    assert store.find("network", "blue") == []
    store.apply(update(b, moved := make(B, 4, xml="blue blue")))
    assert store.find("network", "red") == []
    assert store.find("network", "blue") == [moved]
    store.apply(delete(moved, 5))
    assert store.find("network", "blue") == []


def test_an_indexer_may_change_its_mind() -> None:
    values = ["before"]
    store = Store({"fickle": lambda d: tuple(values)}, 10)
    store.apply(add(a := make(A, 1)))
    values[0] = "after"
    store.apply(delete(a, 2))
    assert store.find("fickle", "before") == []


# ---------------------------------------------------------------------- history


def test_very_many_domains_share_a_value() -> None:
    store = Store({"off": lambda _: (True,)}, history=10)
    count = LARGE + 10
    domains = [make(UUID(int=number), number) for number in range(1, count + 1)]
    for domain in domains:
        store.apply(add(domain))
    found = store.find("off", True)
    assert len(found) == count
    assert {domain.uuid: domain for domain in found} == {domain.uuid: domain for domain in domains}
    store.apply(update(domains[0], new := make(domains[0].uuid, count + 1)))
    assert [d for d in store.find("off", True) if d.uuid == new.uuid] == [new]
    for version, domain in enumerate(domains, count + 2):
        store.apply(delete(domain, version))
    assert store.find("off", True) == []


def test_the_history_forgets_the_oldest() -> None:
    history = History(2)
    assert history.reaches_back_to(0)
    for version in (2, 3):
        history.append(add(make(A, version)))
    assert history.reaches_back_to(0)
    assert [change.resource_version for change in history.after(0)] == [2, 3]
    history.append(add(make(A, 7)))
    assert not history.reaches_back_to(1)
    assert history.reaches_back_to(2)
    assert [change.resource_version for change in history.after(2)] == [3, 7]
    assert [change.resource_version for change in history.after(3)] == [7]
    assert history.after(7) == []


def test_no_history() -> None:
    store = filled(history=0)
    assert store.history.reaches_back_to(0)
    store.apply(add(make(A, 4)))
    assert not store.history.reaches_back_to(3)
    assert store.history.reaches_back_to(4)
    assert store.history.after(4) == []


def test_a_version_within_a_change() -> None:
    """A change of three events: what came after the first of them is still in it."""
    domain = make(A, 3)
    history = History(2)
    history.append(add(domain, event(domain, 1), event(domain, 2), event(domain, 3)))
    assert len(history.after(1)) == 1
    assert history.after(3) == []


def test_what_is_no_uuid_is_in_no_snapshot() -> None:
    snapshot = filled(make(A, 1)).snapshot()
    with pytest.raises(KeyError):
        snapshot["a"]  # type: ignore[index]
    assert "a" not in snapshot

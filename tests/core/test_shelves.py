"""The dictionary in parts, against one in one part."""

from __future__ import annotations

from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from virtinformer._core.shelves import SHELVES, Shelves, by_uuid

KEYS = st.integers(0, 3 * SHELVES).map(lambda number: UUID(int=number))


class TwoMappings(RuleBasedStateMachine):
    """What is done to one is done to the other; what was shared stays as it was."""

    def __init__(self) -> None:
        super().__init__()
        self.ours: Shelves[UUID, int] = Shelves(by_uuid)
        self.plain: dict[UUID, int] = {}
        self.shared: list[tuple[Shelves[UUID, int], dict[UUID, int]]] = []

    @rule(key=KEYS, value=st.integers())
    def put(self, key: UUID, value: int) -> None:
        self.ours[key] = self.plain[key] = value

    @rule(key=KEYS)
    def remove(self, key: UUID) -> None:
        assert (key in self.ours) == (key in self.plain)
        if key in self.plain:
            del self.ours[key], self.plain[key]

    @rule(key=KEYS)
    def pop(self, key: UUID) -> None:
        assert self.ours.pop(key) == self.plain.pop(key, None)

    @rule()
    def share(self) -> None:
        self.shared.append((self.ours.share(), dict(self.plain)))

    @rule(key=KEYS)
    def look(self, key: UUID) -> None:
        assert self.ours.get(key) == self.plain.get(key)
        if key in self.plain:
            assert self.ours[key] == self.plain[key]

    @invariant()
    def all_are_the_same(self) -> None:
        for ours, plain in [(self.ours, self.plain), *self.shared]:
            assert len(ours) == len(plain)
            assert sorted(ours.values()) == sorted(plain.values())


TestTwoMappings = TwoMappings.TestCase


def test_a_write_after_sharing_copies_one_shelf() -> None:
    ours: Shelves[UUID, int] = Shelves(by_uuid)
    for number in range(2 * SHELVES):
        ours[UUID(int=number)] = number
    shared = ours.share()
    ours[UUID(int=0)] = -1
    same = [mine is other for mine, other in zip(ours._shelves, shared._shelves, strict=True)]
    assert same.count(False) == 1
    assert shared[UUID(int=0)] == 0


def test_any_label_will_do() -> None:
    ours: Shelves[str, int] = Shelves(str.lower)
    ours["a"] = 1
    assert ("A" in ours, "b" in ours, ours.get("b")) == (True, False, None)

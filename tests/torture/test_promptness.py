"""The judge of the torture must see what is late, and must ask for nothing that is not owed."""

from __future__ import annotations

from uuid import UUID

import pytest

import virtinformer as vi
from tests.core.driving import A, shut_off
from tests.guarantees.history import Began, Had, History, Looked, Note, Violation, Wanted, WasTrue
from tests.torture.promptness import SLACK, Promptness

NOTHING: dict[UUID, vi.Domain] = {}
PERIOD = 1.0


class Story:
    """A history in the making: a domain is defined, and it is never seen."""

    def __init__(self) -> None:
        self.history = History(resync_period=PERIOD)
        self.empty = vi.Snapshot(NOTHING, 0)

    def begin(self, time: float) -> int:
        return self.history.write(time, "host", Began(A, "define")).number

    def done(self, time: float, began: int) -> None:
        self.history.write(time, "host", WasTrue(A, shut_off(), "define", began))

    def want(self, time: float) -> int:
        return self.history.write(time, "caller", Wanted("sync")).number

    def had(self, time: float, wanted: int) -> None:
        self.history.write(time, "caller", Had(wanted, self.empty, 0))

    def look(self, time: float, *, synced: bool = True) -> None:
        health = vi.Health(True, synced, 1, None, 0.0, None, 0)
        self.history.write(time, "reader", Looked(self.empty, health))

    def judged(self) -> str:
        try:
            Promptness(self.history).check()
        except Violation as violation:
            return violation.promise
        return ""


def test_what_was_done_before_the_question_must_show() -> None:
    story = Story()
    story.done(1.0, story.begin(0.0))
    story.had(3.0, story.want(2.0))
    assert story.judged() == "G7"


def test_what_was_under_way_at_the_question_need_not_show() -> None:
    story = Story()
    began = story.begin(0.0)
    wanted = story.want(1.0)
    story.done(2.0, began)
    story.had(3.0, wanted)
    assert story.judged() == ""


def test_what_begins_before_the_answer_may_be_seen_half() -> None:
    story = Story()
    story.done(1.0, story.begin(0.0))
    wanted = story.want(2.0)
    story.begin(3.0)
    story.had(4.0, wanted)
    assert story.judged() == ""


@pytest.mark.parametrize(("late", "promise"), [(0.0, ""), (0.1, "G8")])
def test_a_change_must_be_in_the_store_in_time(late: float, promise: str) -> None:
    story = Story()
    story.done(1.0, story.begin(0.0))
    story.look(1.0 + PERIOD + SLACK + late)
    assert story.judged() == promise


def test_a_host_that_is_not_well_owes_from_when_it_is() -> None:
    story = Story()
    story.done(1.0, story.begin(0.0))
    story.history.write(5.0, "host", Note("fault: daemon stalled"))
    story.look(9.0)
    story.look(12.0, synced=False)
    story.look(17.0)
    assert story.judged() == ""

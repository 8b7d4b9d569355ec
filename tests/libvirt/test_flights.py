"""One read of a domain at a time: jobs are kept and run by hand."""

from __future__ import annotations

import itertools
from uuid import UUID

from virtinformer._libvirt.flights import Flights
from virtinformer._libvirt.readers import Job

ONE, OTHER = UUID(int=1), UUID(int=2)


class Tower:
    """A `Flights` whose jobs wait to be run, and what was read at which stamp."""

    def __init__(self) -> None:
        self._count = itertools.count(1)
        self.jobs: list[Job] = []
        self.put: list[tuple[UUID, int]] = []
        self.during: list[Job] = []
        self.flights = Flights(self.jobs.append, self.stamp, self._read)

    def stamp(self) -> int:
        return next(self._count)

    def _read(self, uuid: UUID, began: int) -> Job:
        while self.during:
            self.during.pop()()
        return lambda: self.put.append((uuid, began))

    def fly(self) -> None:
        self.jobs.pop(0)()


def test_a_read_that_waits_answers_everybody() -> None:
    tower = Tower()
    tower.flights.ask(ONE, tower.stamp())
    tower.flights.ask(ONE, tower.stamp())
    assert len(tower.jobs) == 1
    tower.fly()
    assert tower.put == [(ONE, 3)]


def test_two_domains_are_read_side_by_side() -> None:
    tower = Tower()
    tower.flights.ask(ONE, 0)
    tower.flights.ask(OTHER, 0)
    assert len(tower.jobs) == 2


def test_a_read_that_began_after_the_stamp_is_the_answer() -> None:
    tower = Tower()
    tower.flights.ask(ONE, 0)
    tower.during.append(lambda: tower.flights.ask(ONE, 0))
    tower.fly()
    assert tower.jobs == []
    assert tower.put == [(ONE, 1)]


def test_a_read_that_began_before_it_is_followed_by_one_more() -> None:
    tower = Tower()
    tower.flights.ask(ONE, 0)
    tower.during += [lambda: tower.flights.ask(ONE, tower.stamp()) for _ in range(3)]
    tower.fly()
    assert len(tower.jobs) == 1
    tower.fly()
    assert [began for _, began in tower.put] == [1, 5]
    assert tower.jobs == []


def test_an_outcome_on_its_way_to_the_loop_is_the_answer_until_it_is_posted() -> None:
    tower = Tower()
    event = tower.stamp()
    tower.flights.ask(ONE, event)
    tower.fly()
    tower.flights.ask(ONE, event)
    assert tower.jobs == []
    tower.flights.posted(ONE, tower.put[0][1])
    tower.flights.ask(ONE, event)
    assert len(tower.jobs) == 1


def test_an_outcome_on_its_way_that_is_too_old_is_no_answer() -> None:
    tower = Tower()
    tower.flights.ask(ONE, 0)
    tower.fly()
    tower.flights.ask(ONE, tower.stamp())
    assert len(tower.jobs) == 1


def test_the_older_of_two_outcomes_does_not_hide_the_newer() -> None:
    tower = Tower()
    tower.flights.ask(ONE, 0)
    tower.fly()
    tower.flights.ask(ONE, event := tower.stamp())
    tower.fly()
    first, second = (began for _, began in tower.put)
    tower.flights.posted(ONE, first)
    tower.flights.ask(ONE, event)
    assert tower.jobs == []
    tower.flights.posted(ONE, second)
    tower.flights.ask(ONE, event)
    assert len(tower.jobs) == 1

"""The pictures in the documentation show what the code does."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree

import pytest

from scripts.diagrams import FOLDER, PICTURES, lifecycle, machine, race, replies
from scripts.diagrams.svg import Picture
from tests.traces import load
from virtinformer._core import reflector
from virtinformer._core.position import Run
from virtinformer._core.reflector import Phase
from virtinformer._core.vocabulary import LifecycleType
from virtinformer.testing import run


@pytest.mark.parametrize("make", PICTURES, ids=lambda make: make.__module__ + "." + make.__name__)
def test_a_picture_is_what_it_is_made_from(make: Callable[[], Picture]) -> None:
    picture = make()
    committed = (FOLDER / f"{picture.name}.svg").read_text()
    assert committed == str(picture), "run `python -m scripts.diagrams` and look at the change"
    ElementTree.fromstring(committed)


def test_no_picture_is_left_over() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == {make().name for make in PICTURES}


def test_every_pair_of_the_reflectors_table_is_in_its_picture() -> None:
    moving = {(move.start, move.cause) for move in machine.moves()}
    staying = {(phase, name) for phase in Phase for name in machine.stays(phase)}
    table = {(phase, input_.__name__) for phase, input_ in reflector._TRANSITIONS}
    alarms = moving - table
    assert moving | staying == table | alarms
    assert alarms == {
        (Phase.DISCONNECTED, "60 s without answer"),
        (Phase.SUBSCRIBING, "60 s without answer"),
        (Phase.BACKOFF, "the pause is over"),
    }


def test_the_life_cycle_has_the_steps_of_its_table() -> None:
    steps = lifecycle.steps()
    assert (Run.OFF, Run.STARTED, LifecycleType.STARTED) in steps
    assert (Run.STARTED, Run.RUNNING, LifecycleType.RESUMED) in steps
    assert (Run.OFF, Run.RUNNING, LifecycleType.RESUMED) not in steps
    shown = str(lifecycle.runs())
    assert all(type_.name in shown for _, _, type_ in steps)


def test_a_domain_comes_and_goes_on_two_axes() -> None:
    assert set(lifecycle.corners()) == {
        ("absent", "shut off", LifecycleType.DEFINED),
        ("absent", "transient", LifecycleType.STARTED),
        ("shut off", "absent", LifecycleType.UNDEFINED),
        ("shut off", "running, paused, …", LifecycleType.STARTED),
        ("transient", "absent", LifecycleType.STOPPED),
        ("transient", "running, paused, …", LifecycleType.DEFINED),
        ("running, paused, …", "shut off", LifecycleType.STOPPED),
        ("running, paused, …", "transient", LifecycleType.UNDEFINED),
    }


def test_events_come_before_and_after_the_reply() -> None:
    """Of one call: RESUMED 1.3 ms before it, and STARTED just after it."""
    told = replies.told(load("create_transient"), "createXML")
    assert [(round(when, 3), name) for when, name in told.events] == [
        (-1.341, "RESUMED"),
        (0.045, "STARTED"),
    ]


def test_the_list_of_the_race_is_stale_when_it_arrives() -> None:
    said, stored = run(race.play())
    (stale,) = [one for one in said if one.stale]
    events = [one for one in said if one.text.startswith("events")]
    assert stale.text == "the list: web is RUNNING"
    assert all(one.arrived < stale.arrived for one in events)
    assert stored == "SHUTOFF"

"""The life cycle: what libvirt really sent, and every disorder it may come in."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import traces
from virtinformer._core.lifecycle import Arrangement, Waiting, arrange
from virtinformer._core.messages import EventReceived
from virtinformer._core.position import ABSENT, Position, Run
from virtinformer._core.position import position_of as at
from virtinformer._core.vocabulary import DomainState, EventKind, LifecycleType, event_words

from .driving import paused, running
from .lifecheck import Walk
from .positions import SHUT_OFF, ev, on

DEFINED, UNDEFINED, STARTED = (
    LifecycleType.DEFINED,
    LifecycleType.UNDEFINED,
    LifecycleType.STARTED,
)
SUSPENDED, RESUMED, STOPPED = (
    LifecycleType.SUSPENDED,
    LifecycleType.RESUMED,
    LifecycleType.STOPPED,
)
SHUTDOWN, PMSUSPENDED, CRASHED = (
    LifecycleType.SHUTDOWN,
    LifecycleType.PMSUSPENDED,
    LifecycleType.CRASHED,
)

WINDOW = 0.1


def put(
    position: Position,
    events: Sequence[EventReceived],
    seen: Position,
    *,
    late: bool = False,
    conclude: bool = False,
) -> Arrangement:
    """Arrange events that came at 0.0; `late`: at the end of their window."""
    waiting = [Waiting(event, WINDOW) for event in events]
    return arrange(position, waiting, seen, WINDOW if late else 0.0, conclude=conclude)


def told(found: Arrangement) -> list[str]:
    """The types of the steps, those inferred with a star."""
    words = []
    for step in found.steps:
        if step.event is None:
            assert step.type is not None
            words.append(event_words(0, step.type, 0)[0] + "*")
        else:
            words.append(event_words(step.event.kind, step.event.type, 0)[0])
    return words


# ---------------------------------------------------------------------- the traces


ORDERED = {
    "create_start_paused": "Started Suspended Resumed Shutdown Stopped",
    "create_transient": "Started Resumed Shutdown Stopped",
    "define_then_start": "Defined Started Resumed Shutdown Stopped Undefined",
    "managed_save_restore": "Defined Started Resumed Suspended Stopped "
    "Started Resumed Shutdown Stopped Undefined",
    "redefine_while_running": "Defined Started Resumed Defined Defined Shutdown Stopped Undefined",
    "rename": "Defined Undefined Defined Undefined",
    "silent_changes": "Defined Undefined",
    "start_then_define": "Started Resumed Defined Undefined Shutdown Stopped",
}
"""What each recorded life is when it is told in the documented order."""


def recorded(name: str) -> list[EventReceived]:
    return [
        EventReceived(1, stamp, e.uuid, e.name, e.id, e.kind, e.type, e.detail, e.time)
        for stamp, e in enumerate(traces.load(name).lifecycle)
    ]


def test_every_trace_has_its_order() -> None:
    assert set(traces.NAMES) == set(ORDERED)


@pytest.mark.parametrize("name", traces.NAMES)
def test_a_trace_as_a_whole(name: str) -> None:
    """All events of a life wait at once: they are told in the documented order."""
    events = recorded(name)
    steps: list[str] = []
    position = ABSENT
    # Five at a time are searched: a life is cut where nothing is held.
    while events:
        for count in range(len(events), 0, -1):
            end = _end_of(position, events[:count])
            found = put(position, events[:count], end)
            if count <= 5 and not found.held:
                break
        steps += told(found)
        position, events = found.position, events[count:]
    assert steps == ORDERED[name].split()
    assert position.absent


def _end_of(position: Position, events: Sequence[EventReceived]) -> Position:
    """Where events lead in whatever order: the plain sum of them."""
    persistent, run, run_id = position.persistent, position.run, position.id
    ends = {
        STARTED: Run.RUNNING,
        RESUMED: Run.RUNNING,
        SUSPENDED: Run.PAUSED,
        SHUTDOWN: Run.STOPPING,
        STOPPED: Run.OFF,
    }
    for event in events:
        if event.type in (DEFINED, UNDEFINED):
            persistent = event.type == DEFINED
        else:
            run = ends[LifecycleType(event.type)]
            run_id = event.id
    return Position(run, persistent, run_id)


@pytest.mark.parametrize("name", traces.NAMES)
def test_a_trace_one_event_at_a_time(name: str) -> None:
    """As it came: what is possible is told at once, the others when their predecessor came."""
    position, steps = ABSENT, list[str]()
    held: tuple[Waiting, ...] = ()
    for index, event in enumerate(recorded(name)):
        seen = _end_of(ABSENT, recorded(name)[: index + 1])
        waiting = [*held, Waiting(event, WINDOW)]
        found = arrange(position, waiting, seen, 0.0, conclude=False)
        position, held = found.position, found.held
        steps += told(found)
    assert steps == ORDERED[name].split()
    assert held == ()


# ---------------------------------------------------------------------- order


def test_a_plain_start_is_started_then_resumed() -> None:
    found = put(SHUT_OFF, [ev(RESUMED, id=1), ev(STARTED, id=1)], at(running()))
    assert told(found) == ["Started", "Resumed"]
    assert found.position == on(Run.RUNNING)
    assert not found.held


def test_resumed_alone_is_held_and_started_told_at_once() -> None:
    early = put(SHUT_OFF, [ev(RESUMED, id=1)], at(running()))
    assert told(early) == []
    assert [item.event.type for item in early.held] == [RESUMED]
    in_order = put(SHUT_OFF, [ev(STARTED, id=1)], at(running()))
    assert told(in_order) == ["Started"]


def test_a_paused_start() -> None:
    found = put(SHUT_OFF, [ev(STARTED, id=1), ev(SUSPENDED, id=1)], at(paused()))
    assert told(found) == ["Started", "Suspended"]
    assert found.position == on(Run.PAUSED)


def test_started_before_defined() -> None:
    """Seen to be persistent, so the definition must come first: the first point of 2016."""
    alone = put(ABSENT, [ev(STARTED, id=1)], at(running()))
    assert told(alone) == []
    both = put(ABSENT, [ev(STARTED, id=1), ev(DEFINED)], at(running()))
    assert told(both) == ["Defined", "Started"]
    late = put(ABSENT, [ev(STARTED, id=1)], at(running()), late=True)
    assert told(late) == ["Defined*", "Started"]


def test_a_transient_domain_starts_from_nothing() -> None:
    seen = at(running(persistent=False))
    assert told(put(ABSENT, [ev(STARTED, id=1)], seen)) == ["Started"]


def test_a_missing_start_is_inferred_after_the_window_only() -> None:
    held = put(SHUT_OFF, [ev(RESUMED, id=1)], at(running()))
    assert told(held) == []
    late = put(SHUT_OFF, [ev(RESUMED, id=1)], at(running()), late=True)
    assert told(late) == ["Started*", "Resumed"]
    assert late.position == on(Run.RUNNING)


def test_a_rename_ends_nothing() -> None:
    found = put(SHUT_OFF, [ev(UNDEFINED, 1), ev(DEFINED, 2)], SHUT_OFF)
    assert told(found) == ["Undefined", "Defined"]
    assert found.position == SHUT_OFF


def test_a_redefinition_is_told_in_the_order_that_is_a_walk() -> None:
    swapped = put(SHUT_OFF, [ev(DEFINED), ev(UNDEFINED)], SHUT_OFF)
    assert told(swapped) == ["Undefined", "Defined"]


def test_defined_and_undefined_of_a_new_domain() -> None:
    for order in itertools.permutations([ev(DEFINED), ev(UNDEFINED)]):
        assert told(put(ABSENT, order, ABSENT)) == ["Defined", "Undefined"]


def test_undefined_while_running_leaves_it_transient() -> None:
    seen = at(running(persistent=False))
    found = put(on(Run.RUNNING), [ev(UNDEFINED, id=1)], seen)
    assert told(found) == ["Undefined"]
    assert found.position == seen


def test_the_end_of_a_transient_domain() -> None:
    start = on(Run.RUNNING, persistent=False)
    found = put(start, [ev(SHUTDOWN, 2, id=1), ev(STOPPED, 1)], ABSENT)
    assert told(found) == ["Shutdown", "Stopped"]
    assert found.position.absent


def test_managed_save_and_restore() -> None:
    saved = put(on(Run.RUNNING), [ev(SUSPENDED, id=1), ev(STOPPED, 4)], SHUT_OFF)
    assert told(saved) == ["Suspended", "Stopped"]
    events = [ev(STARTED, 2, id=2), ev(RESUMED, 2, id=2)]
    assert told(put(saved.position, events, at(running(2)))) == ["Started", "Resumed"]


def test_a_repeated_definition_of_a_running_domain() -> None:
    found = put(on(Run.RUNNING), [ev(DEFINED, 1, id=1)] * 2, at(running()))
    assert told(found) == ["Defined", "Defined"]
    assert found.position == on(Run.RUNNING)


def test_a_reboot_without_shutdown() -> None:
    found = put(on(Run.RUNNING), [ev(SHUTDOWN, id=1), ev(RESUMED, id=1)], at(running()))
    assert told(found) == ["Shutdown", "Resumed"]


def test_wakeup() -> None:
    asleep = on(Run.PMSUSPENDED)
    found = put(asleep, [ev(STARTED, 4, id=1)], at(running()))
    assert told(found) == ["Started"]
    assert found.position == on(Run.RUNNING)
    plain = put(asleep, [ev(STARTED, 0, id=1)], at(running()))
    assert told(plain) == []


@pytest.mark.parametrize(("run", "type_"), [(Run.RUNNING, RESUMED), (Run.PAUSED, SUSPENDED)])
def test_a_change_of_reason_is_a_step_on_the_spot(run: Run, type_: LifecycleType) -> None:
    seen = at(running() if run is Run.RUNNING else paused())
    for detail in (1, 3):
        assert len(put(on(run), [ev(type_, detail, id=1)], seen).steps) == 1
    repeated = put(on(run), [ev(type_, 0, id=1)], seen, late=True)
    assert repeated.steps == ()
    assert len(repeated.superseded) == 1


# ---------------------------------------------------------------------- superseded


def test_a_shutdown_after_its_stopped_is_superseded() -> None:
    held = put(SHUT_OFF, [ev(SHUTDOWN, id=1)], SHUT_OFF)
    assert len(held.held) == 1
    late = put(SHUT_OFF, [ev(SHUTDOWN, id=1)], SHUT_OFF, late=True)
    assert late.steps == ()
    assert [event.type for event in late.superseded] == [SHUTDOWN]


@pytest.mark.parametrize(
    ("position", "event"),
    [
        (on(Run.RUNNING), ev(RESUMED, id=1)),
        (on(Run.RUNNING), ev(STARTED, id=1)),
        (on(Run.PAUSED), ev(SUSPENDED, id=1)),
        (SHUT_OFF, ev(STOPPED)),
        (ABSENT, ev(UNDEFINED)),
        (on(Run.STOPPING), ev(SHUTDOWN, id=1)),
        (on(Run.CRASHED), ev(CRASHED, id=1)),
        (on(Run.PMSUSPENDED), ev(PMSUSPENDED, id=1)),
    ],
)
def test_a_repetition_is_superseded(position: Position, event: EventReceived) -> None:
    found = put(position, [event], position, late=True)
    assert found.steps == ()
    assert found.superseded == (event,)
    assert found.position == position


@pytest.mark.parametrize("position", [on(Run.RUNNING, 2), SHUT_OFF])
@pytest.mark.parametrize("id", [0, 1])  # some hypervisors count from 0
def test_an_event_of_another_run_is_superseded(position: Position, id: int) -> None:
    found = put(position, [ev(SUSPENDED, id=id)], at(running(2)), late=True)
    assert found.steps == ()
    assert len(found.superseded) == 1


def test_an_inferred_start_is_that_of_the_run_which_was_seen() -> None:
    """Where the event does not say which run it is of, and where it does."""
    for event in (ev(RESUMED), ev(RESUMED, id=1)):
        found = put(SHUT_OFF, [event], at(running()), late=True)
        assert told(found) == ["Started*", "Resumed"]
        assert found.position == on(Run.RUNNING)


def test_an_event_that_the_shortest_story_needs_is_told() -> None:
    """Suspended, and both the start and the resume before it are lost."""
    found = put(SHUT_OFF, [ev(SUSPENDED, id=1)], at(paused()), late=True)
    assert told(found) == ["Started*", "Suspended"]


def test_the_others_follow_one_that_was_forced() -> None:
    events = [ev(RESUMED, id=1), ev(SUSPENDED, id=1)]
    early = put(SHUT_OFF, events, at(paused()))
    assert told(early) == []
    found = put(SHUT_OFF, events, at(paused()), late=True)
    assert told(found) == ["Started*", "Resumed", "Suspended"]


@pytest.mark.parametrize("event", [ev(UNDEFINED), ev(UNDEFINED, 1)])
def test_a_domain_that_was_seen_did_not_just_end(event: EventReceived) -> None:
    """The definition that goes with it is on its way; past the window it was a repetition."""
    assert put(SHUT_OFF, [event], SHUT_OFF).steps == ()
    assert put(SHUT_OFF, [event], SHUT_OFF, late=True).superseded == (event,)
    both = put(SHUT_OFF, [event, ev(DEFINED, 2)], SHUT_OFF)
    assert told(both) == ["Undefined", "Defined"]
    assert told(put(SHUT_OFF, [event], ABSENT)) == ["Undefined"]


def test_a_transient_domain_that_began_anew() -> None:
    start = on(Run.RUNNING, persistent=False)
    seen = at(running(2, persistent=False))
    assert put(start, [ev(STOPPED)], seen).steps == ()
    found = put(start, [ev(STOPPED), ev(STARTED, id=2)], seen)
    assert told(found) == ["Stopped", "Started"]


def test_an_end_may_come_after_the_new_beginning_that_follows_it() -> None:
    """Also where an event of another run is among them, with which nothing is a walk."""
    start = on(Run.RUNNING, persistent=False)
    events = [ev(STARTED, id=2), ev(STOPPED), ev(SUSPENDED, id=9)]
    found = put(start, events, at(running(2, persistent=False)))
    assert told(found) == ["Stopped", "Started"]
    assert len(found.held) == 1


def test_news_of_a_domain_are_no_beginning_of_it() -> None:
    """Not even where their number is that of a beginning."""
    start = on(Run.RUNNING, persistent=False)
    news = ev(DEFINED, kind=EventKind.DEVICE_ADDED, id=1)
    found = put(start, [ev(STOPPED), news], at(running(2, persistent=False)))
    assert told(found) == ["DeviceAdded"]
    assert len(found.held) == 1


# ---------------------------------------------------------------------- inferred


@pytest.mark.parametrize(
    ("position", "seen", "steps"),
    [
        (ABSENT, SHUT_OFF, ["Defined*"]),
        (ABSENT, at(running()), ["Defined*", "Started*"]),
        (ABSENT, at(running(persistent=False)), ["Started*"]),
        (SHUT_OFF, ABSENT, ["Undefined*"]),
        (SHUT_OFF, at(running()), ["Started*"]),
        (SHUT_OFF, at(paused()), ["Started*", "Suspended*"]),
        (on(Run.RUNNING), at(paused()), ["Suspended*"]),
        (on(Run.PAUSED), at(running()), ["Resumed*"]),
        (on(Run.RUNNING), SHUT_OFF, ["Stopped*"]),
        (on(Run.RUNNING), at(running(2)), ["Stopped*", "Started*"]),
        (on(Run.RUNNING, 0), at(running(1)), ["Stopped*", "Started*"]),
        (on(Run.RUNNING, -1), at(running(1)), []),
        (on(Run.STARTED), at(running()), []),
        (on(Run.RUNNING), at(running(persistent=False)), ["Undefined*"]),
        (on(Run.RUNNING, persistent=False), at(running()), ["Defined*"]),
        (on(Run.RUNNING, persistent=False), ABSENT, ["Stopped*"]),
    ],
)
def test_what_is_inferred(position: Position, seen: Position, steps: list[str]) -> None:
    assert told(put(position, [], seen)) == []
    found = put(position, [], seen, conclude=True)
    assert told(found) == steps
    assert found.position.agrees(seen)


def test_nothing_is_inferred_while_an_event_is_held() -> None:
    found = put(SHUT_OFF, [ev(RESUMED, id=1)], at(running()), conclude=True)
    assert told(found) == []


def test_a_restart_of_a_transient_domain_ends_it() -> None:
    start = on(Run.RUNNING, persistent=False)
    found = put(start, [], at(running(2, persistent=False)), conclude=True)
    assert told(found) == ["Stopped*", "Started*"]


@pytest.mark.parametrize(
    ("type_", "places", "then"),
    [
        (STARTED, "off", "started"),
        (RESUMED, "started paused pmsuspended stopping", "running"),
        (SUSPENDED, "started running stopping", "paused"),
        (PMSUSPENDED, "started running", "pmsuspended"),
        (SHUTDOWN, "started running paused pmsuspended crashed", "stopping"),
        (CRASHED, "started running paused stopping", "crashed"),
        (STOPPED, "started running paused pmsuspended stopping crashed", "off"),
    ],
)
def test_the_documented_life_cycle(type_: LifecycleType, places: str, then: str) -> None:
    for run in Run:
        start = SHUT_OFF if run is Run.OFF else on(run)
        found = put(start, [ev(type_, id=1)], Position(None, persistent=True))
        if run.value in places.split():
            assert found.position == (SHUT_OFF if type_ is STOPPED else on(Run(then)))
            assert not found.held
        else:
            assert found.position == start
            assert len(found.held) == 1


ANYWHERE = [
    Position(run, persistent, id)
    for run, persistent, id in itertools.product((*Run, None), (True, False), (-1, 1))
]


def test_whatever_a_host_shows_can_be_explained() -> None:
    """However much was missed: from any position some steps lead to any other."""
    another_run = [attrs.evolve(seen, id=2) for seen in ANYWHERE]
    for position, seen in itertools.product(ANYWHERE, [*ANYWHERE, *another_run]):
        assert put(position, [], seen, conclude=True).position.agrees(seen)


def test_past_its_window_no_event_waits_wherever_it_comes() -> None:
    for position, type_, id, seen in itertools.product(
        ANYWHERE, range(10), (-1, 1), (ABSENT, at(running(2)))
    ):
        event = ev(type_, id=id)
        found = put(position, [event], seen, late=True)
        assert not found.held
        assert [step.event for step in found.steps if step.event] + [*found.superseded] == [event]


# ---------------------------------------------------------------------- the unknown


UNKNOWN = at(running(state=DomainState(42)))


def test_an_unknown_state_agrees_with_everything() -> None:
    assert UNKNOWN.run is None
    assert on(Run.PAUSED).agrees(UNKNOWN)
    assert UNKNOWN.explains(on(Run.RUNNING))
    assert told(put(on(Run.PAUSED), [], UNKNOWN, conclude=True)) == []
    assert not UNKNOWN.absent


@pytest.mark.parametrize("type_", [t for t in LifecycleType if t.value <= 8])
def test_from_an_unknown_state_every_step_is_possible(type_: LifecycleType) -> None:
    assert len(put(UNKNOWN, [ev(type_, id=1)], UNKNOWN).steps) == 1


def test_a_transient_domain_in_an_unknown_state_is_not_undefined() -> None:
    position = Position(None, persistent=False, id=1)
    assert put(position, [ev(UNDEFINED, 1)], position).steps == ()


def test_unknown_types_pass_through() -> None:
    found = put(on(Run.RUNNING), [ev(17, 3, id=1)], at(running()))
    assert told(found) == ["Unknown(17)"]
    assert found.position == on(Run.RUNNING)


def test_other_news_are_never_held() -> None:
    events = [ev(RESUMED, id=1), ev(0, kind=EventKind.DEVICE_ADDED, id=1)]
    found = put(SHUT_OFF, events, at(running()))
    assert told(found) == ["DeviceAdded"]
    assert len(found.held) == 1


def test_other_news_keep_their_place() -> None:
    news = ev(0, kind=EventKind.METADATA_CHANGE, id=1)
    events = [ev(STARTED, id=1), news, ev(RESUMED, id=1)]
    assert told(put(SHUT_OFF, events, at(running()))) == ["Started", "MetadataChange", "Resumed"]
    events = [ev(RESUMED, id=1), news, ev(STARTED, id=1)]
    assert told(put(SHUT_OFF, events, at(running()))) == ["MetadataChange", "Started", "Resumed"]


# ---------------------------------------------------------------------- many


def test_a_storm_is_told_in_the_order_of_arrival() -> None:
    events = [ev(SUSPENDED, id=1), ev(RESUMED, id=1)] * 10
    found = put(on(Run.RUNNING), events, at(running()))
    assert told(found) == ["Suspended", "Resumed"] * 10


@pytest.mark.timeout(10)
def test_not_every_order_of_a_storm_is_tried() -> None:
    """There are 25 million that are walks, and none ends where the domain was seen to be."""
    events = [ev(SUSPENDED, id=1), ev(RESUMED, id=1)] * 7
    found = put(on(Run.RUNNING), events, SHUT_OFF)
    assert told(found) == ["Suspended", "Resumed"] * 7


def test_in_a_storm_each_pair_is_mended() -> None:
    events = [ev(RESUMED, id=1), ev(SUSPENDED, id=1)] * 4
    found = put(on(Run.RUNNING), events, at(running()))
    assert told(found) == ["Suspended", "Resumed"] * 4


@given(
    types=st.lists(st.tuples(st.integers(0, 10), st.integers(0, 4), st.sampled_from([-1, 1, 2]))),
    start=st.sampled_from([ABSENT, SHUT_OFF, on(Run.RUNNING), on(Run.PAUSED, persistent=False)]),
    seen=st.sampled_from([ABSENT, SHUT_OFF, at(running()), at(paused(2)), UNKNOWN]),
    conclude=st.booleans(),
)
def test_whatever_comes_a_walk_is_told(
    types: list[tuple[int, int, int]], start: Position, seen: Position, conclude: bool
) -> None:
    """Checked by a second opinion; every event is told, held or superseded exactly once."""
    events = [ev(type_, detail, run_id) for type_, detail, run_id in types]
    for late in (False, True):
        found = put(start, events, seen, late=late, conclude=conclude)
        place = {Run.OFF: "off", Run.RUNNING: "running", Run.PAUSED: "paused"}[start.run or Run.OFF]
        walk = Walk(frozenset({(place, start.persistent)}))
        for step in found.steps:
            type_ = step.type if step.event is None else step.event.type
            assert type_ is not None
            kind = EventKind.LIFECYCLE if step.event is None else step.event.kind
            detail = step.event.detail if step.event is not None else 0
            words = event_words(kind, type_, detail)
            assert walk.allows(*words)
            walk.places = walk.after(*words)
        out = [s.event for s in found.steps if s.event is not None]
        out += [*(item.event for item in found.held), *found.superseded]
        assert sorted(map(id, out)) == sorted(map(id, events))
        assert not (late and found.held)
        if late and conclude:
            assert found.position.agrees(seen)

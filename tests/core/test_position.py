"""Positions: what a host shows of them, and where events lead."""

from __future__ import annotations

import pytest

from virtinformer._core.messages import EventReceived
from virtinformer._core.position import ABSENT, Position, Run, led_to
from virtinformer._core.position import position_of as at
from virtinformer._core.vocabulary import (
    DomainState,
    EventKind,
    LifecycleType,
    PausedReason,
    reason_of,
)

from .driving import A, B, paused, running
from .making import make
from .positions import SHUT_OFF, ev, on

STARTED, SUSPENDED = LifecycleType.STARTED, LifecycleType.SUSPENDED
STOPPED, UNDEFINED = LifecycleType.STOPPED, LifecycleType.UNDEFINED


@pytest.mark.parametrize(
    ("state", "run"),
    [
        (DomainState.NOSTATE, None),
        (DomainState.RUNNING, Run.RUNNING),
        (DomainState.BLOCKED, Run.RUNNING),
        (DomainState.PAUSED, Run.PAUSED),
        (DomainState.SHUTDOWN, Run.STOPPING),
        (DomainState.SHUTOFF, Run.OFF),
        (DomainState.CRASHED, Run.CRASHED),
        (DomainState.PMSUSPENDED, Run.PMSUSPENDED),
    ],
)
def test_what_a_state_says_of_the_run(state: DomainState, run: Run | None) -> None:
    assert at(running(state=state, reason=reason_of(state, 0))) == Position(run, True, 1)
    assert at(None) == ABSENT


def test_domains_that_are_off_share_their_positions() -> None:
    assert at(make(A)) == SHUT_OFF
    assert at(make(A)) is at(make(B))


def test_a_domain_that_is_starting_up_may_be_anywhere() -> None:
    reason = PausedReason.STARTING_UP
    assert at(paused(reason=reason)).run is None
    assert at(running()).run is Run.RUNNING


@pytest.mark.parametrize(
    ("position", "events", "led"),
    [
        (SHUT_OFF, [], SHUT_OFF),
        (SHUT_OFF, [ev(STARTED, id=3)], on(Run.RUNNING, 3)),
        (SHUT_OFF, [ev(STARTED, id=3), ev(SUSPENDED, id=3)], on(Run.PAUSED, 3)),
        (SHUT_OFF, [ev(STARTED, kind=EventKind.REBOOT)], SHUT_OFF),
        (SHUT_OFF, [ev(UNDEFINED)], ABSENT),
        (on(Run.RUNNING, persistent=False), [ev(STOPPED)], ABSENT),
        (on(Run.PMSUSPENDED), [ev(STARTED, 4, id=1)], on(Run.RUNNING)),
    ],
)
def test_where_events_lead_if_nothing_can_be_read(
    position: Position, events: list[EventReceived], led: Position
) -> None:
    assert led_to(position, events) == led

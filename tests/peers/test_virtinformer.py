"""This library in the scenarios that the peers are run through."""

from __future__ import annotations

import pytest

from tests.guarantees.contract import violations
from tests.guarantees.history import AtRest, Called
from tests.peers.of_virtinformer import HostStage
from tests.peers.scenarios import SCENARIOS, Scenario
from virtinformer.testing import run


async def play(scenario: Scenario) -> HostStage:
    stage = HostStage()
    try:
        await scenario(stage)
    finally:
        await stage.close()
    return stage


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_promise_is_kept(name: str) -> None:
    history = run(play(SCENARIOS[name])).history
    assert violations(history) == [], history
    assert any(True for _ in history.of(Called))
    if name != "closed_while_a_handler_runs":
        assert any(True for _ in history.of(AtRest))

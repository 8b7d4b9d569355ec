"""The stage of the peers, with informers that are simple enough to be told right from wrong."""

from __future__ import annotations

import asyncio
import http.client
import json
from urllib.parse import urlsplit

from tests.guarantees.contract import violations
from tests.guarantees.history import AtRest, Called, History
from tests.peers.cluster import ClusterStage
from tests.peers.outcome import Outcome, Word
from tests.peers.peer import Calls, Peer
from tests.peers.pods import Pod
from tests.peers.scenarios import PROMISES, SCENARIOS
from tests.peers.tables import by_promise, by_scenario, findings


class Poller(Peer):
    """Lists again and again, and tells what differs."""

    logger = "tests.poller"
    complaint = "failed"
    patience = 8.0
    replays = True

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self._calls: list[Calls] = []
        self._pods: dict[str, Pod] = {}

    async def add(self, calls: Calls) -> None:
        self._calls.append(calls)

    async def start(self) -> None:
        self._task = asyncio.create_task(self._poll())

    async def _poll(self) -> None:
        while True:
            await self._compare(await asyncio.to_thread(self._list))
            await asyncio.sleep(0.05)

    def _list(self) -> dict[str, Pod]:
        connection = http.client.HTTPConnection(self._url.hostname or "", self._url.port)
        try:
            connection.request("GET", "/api/v1/pods")
            found = [Pod.from_json(item) for item in json.load(connection.getresponse())["items"]]
        finally:
            connection.close()
        return {pod.name: pod for pod in sorted(found, key=lambda pod: pod.version)}

    async def _compare(self, found: dict[str, Pod]) -> None:
        old, self._pods = self._pods, self._next(found)
        for name, pod in old.items():
            if name not in self._pods:
                await self._tell("on_delete", pod, None)
        for name, pod in self._pods.items():
            known = old.get(name)
            if known is None:
                await self._tell("on_add", pod, None)
            elif known != pod:
                await self._tell("on_update", pod, known)

    def _next(self, found: dict[str, Pod]) -> dict[str, Pod]:
        return found

    async def _tell(self, method: str, pod: Pod, old: Pod | None) -> None:
        for calls in self._calls:
            await calls(method, pod, old)

    def pods(self) -> list[Pod]:
        return list(self._pods.values())

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])


class Hoarder(Poller):
    """Forgets nothing."""

    patience = 2.0

    def _next(self, found: dict[str, Pod]) -> dict[str, Pod]:
        return {**self._pods, **found}


def played(peer: type[Peer], name: str) -> History:
    async def main() -> History:
        stage = ClusterStage(peer)
        await stage.prepare()
        try:
            await SCENARIOS[name](stage)
        finally:
            await stage.close()
        return stage.history

    return asyncio.run(main())


def broken(history: History) -> set[str]:
    return {violation.promise for violation in violations(history, PROMISES)}


def test_who_does_right_is_not_accused() -> None:
    history = played(Poller, "reads_all_the_time")
    # What a list shows to be gone has no version of its own; nor does a look tell of which it is.
    assert broken(history) <= {"G1"}, history
    assert any(True for _ in history.of(AtRest))
    assert any(True for _ in history.of(Called))


def test_who_forgets_nothing_is_found_out() -> None:
    history = played(Hoarder, "late_subscriber")
    assert "G4" in broken(history)


def test_who_calls_one_after_the_other_lets_the_fast_wait_for_the_slow() -> None:
    history = played(Poller, "slow_handler")
    assert "G6" in broken(history)
    outcome = Outcome.of("poller", "slow_handler", history)
    assert outcome.verdicts["G6"].word is Word.VIOLATED
    assert Outcome.from_json(outcome.to_json()) == outcome
    assert "held in 0 of 1, **violated**" in by_promise([outcome])
    assert "G6 violated" in by_scenario([outcome])
    assert "fast as a subscriber waited" in findings([outcome])


def test_what_is_not_offered_cannot_be_asked() -> None:
    outcome = Outcome.not_offered("poller", "handler_removed_while_it_runs", "no such function")
    assert "cannot be asked" in by_promise([outcome])
    assert "cannot be asked: no such function" in by_scenario([outcome])
    assert findings([outcome]) == "None."

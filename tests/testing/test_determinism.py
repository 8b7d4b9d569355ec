"""The same seed and the same script are the same run, to the last bit."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random

from tests.testing.watcher import Watcher
from virtinformer._core.messages import (
    Connect,
    ConnectFailed,
    Disconnected,
    Input,
    List,
    Observed,
    Read,
    ReadFailed,
    Subscribe,
)
from virtinformer.testing import FakeHost, Faults, run

ALL = Faults(
    event_loss=0.1,
    event_delay=(0, 0.01),
    event_duplicate=0.1,
    event_reorder=0.2,
    read_delay=(0, 0.02),
    read_failure=0.1,
    read_tear=0.1,
    lookup_lag=(0, 0.02),
    list_delay=(0, 0.02),
    list_failure=0.2,
    list_truncation=0.2,
    connect_failure=0.2,
    connection_loss=0.02,
    late_answer=0.5,
)


async def story(seed: int) -> tuple[list[tuple[float, str]], list[str]]:
    """Two who look at a host that lies in every way while it is being changed."""
    host = FakeHost(seed=seed, faults=ALL, eager_reads=True)
    script = Random(1)
    uuids = [host.define(f"d{number}") for number in range(5)]
    operations = [host.start, host.destroy, host.suspend, host.resume, host.managed_save]
    async with Watcher(host) as one, Watcher(host) as other:
        for step in range(300):
            epoch = step // 30
            for watcher in (one, other):
                if step % 30 == 0:
                    watcher.source.perform(Connect(epoch))
                if step % 30 == 5:
                    watcher.source.perform(Subscribe(epoch))
                if step % 30 == 10:
                    watcher.source.perform(List(epoch))
                watcher.source.perform(Read(epoch, script.choice(uuids), step))
            if step == 100:
                host.hang()
            if step == 110:
                host.unhang()
            if step == 200:
                host.restart()
            with contextlib.suppress(ValueError):
                script.choice(operations)(script.choice(uuids))
            await asyncio.sleep(0.005)
        posted = [
            (time, told(message))
            for watcher in (one, other)
            for time, message in zip(watcher.times, watcher.inputs, strict=True)
        ]
    return posted, [str(entry) for entry in host.log]


def told(message: Input) -> str:
    """A message as text; exceptions have no equality, but words."""
    match message:
        case ConnectFailed(error=error) | Disconnected(error=error):
            return f"{type(message).__name__} {error}"
        case Observed(result=ReadFailed(error=error)):
            return f"failed {message.uuid} {message.began} {message.ended} {error}"
    return f"{message!r}"


def times(seed: int) -> list[float]:
    """Of all that was posted: they depend on the dice, and not on the UUIDs."""
    return [time for time, _ in run(story(seed))[0]]


def test_one_seed_is_one_run() -> None:
    assert run(story(7)) == run(story(7))


def test_another_seed_is_another_run() -> None:
    assert times(7) != times(8)


def test_the_story_is_worth_comparing() -> None:
    posted, log = run(story(7))
    kinds = {text.split("(")[0].split()[0] for _, text in posted}
    assert {"EventReceived", "Observed", "Listed", "Disconnected", "failed"} <= kinds
    assert len(posted) > 300
    assert len(log) > 500


def test_a_scripted_lie_throws_no_dice() -> None:
    async def lost(*, scripted: bool) -> list[str]:
        host = FakeHost(faults=Faults(event_loss=0.5))
        async with Watcher(host) as watcher:
            await watcher.attach()
            if scripted:
                host.drop_next_events(1)
                host.define("dropped")
            for number in range(50):
                host.define(f"d{number}")
            await asyncio.sleep(1)
            return [entry.text for entry in host.log if entry.action == "fault"]

    assert run(lost(scripted=True))[1:] == run(lost(scripted=False))

"""From many threads to one loop, in order."""

from __future__ import annotations

import asyncio
import threading
from uuid import UUID

import pytest

from tests.libvirt.recording import Record
from tests.loops import every_loop
from virtinformer._core.messages import Connected, Gone, Observed
from virtinformer._libvirt.outbox import Outbox
from virtinformer.source import BATCH

pytestmark = every_loop


def outcome(number: int, *, listed: bool = False) -> Observed:
    return Observed(1, UUID(int=number), number, number, 0.0, Gone(), listed)


def opened(record: Record) -> Outbox:
    outbox = Outbox(lambda observed: None)
    outbox.open(asyncio.get_running_loop(), record.post)
    return outbox


async def test_what_threads_put_is_posted_once_and_in_order() -> None:
    record = Record()
    outbox = opened(record)

    def put(base: int) -> None:
        for number in range(1000):
            outbox.put(Connected(base + number))

    threads = [threading.Thread(target=put, args=(base,)) for base in (0, 10_000, 20_000)]
    for thread in threads:
        thread.start()
    await record.wait(Connected, lambda _: len(record.inputs) == 3000)
    for thread in threads:
        thread.join()
    epochs = [each.epoch for each in record.all(Connected)]
    for base in (0, 10_000, 20_000):
        mine = [epoch for epoch in epochs if base <= epoch < base + 10_000]
        assert mine == list(range(base, base + 1000))


async def test_the_loop_is_woken_once_for_all_that_is_there() -> None:
    record = Record()
    outbox = opened(record)
    for number in range(BATCH):
        outbox.put(Connected(number))
    await record.wait(Connected)
    assert record.batches == [BATCH]


async def test_the_loop_gets_no_more_than_a_batch_in_one_turn() -> None:
    record = Record()
    outbox = opened(record)
    for number in range(2 * BATCH + 1):
        outbox.put(Connected(number))
    await record.wait(Connected, lambda each: each.epoch == 2 * BATCH)
    assert record.batches == [BATCH, BATCH, 1]


async def test_an_event_may_be_put_before_the_loop_is_woken() -> None:
    record = Record()
    outbox = opened(record)
    assert outbox.put_event(Connected, wake=False) == 1
    await asyncio.sleep(0.01)
    assert record.inputs == []
    outbox.wake()
    outbox.wake()
    await record.wait(Connected)
    outbox.put_event(Connected, wake=False)
    outbox.put(Connected(9))
    await record.wait(Connected, lambda each: each.epoch == 9)
    assert record.batches == [1, 2]


async def test_reads_are_announced_before_the_batch_that_they_are_in() -> None:
    record, seen = Record(), list[tuple[int, int]]()

    def before(observed: Observed) -> None:
        seen.append((observed.began, len(record.inputs)))

    outbox = Outbox(before)
    outbox.open(asyncio.get_running_loop(), record.post)
    for message in (Connected(1), outcome(1, listed=True), outcome(2), Connected(2), outcome(3)):
        outbox.put(message)
    await record.wait(Observed, lambda each: each.began == 3)
    assert seen == [(2, 0), (3, 0)]
    assert record.batches == [5]


async def test_stamps_are_different_and_an_event_is_put_with_its_own() -> None:
    record = Record()
    outbox = opened(record)
    first = outbox.stamp()
    event = outbox.put_event(Connected)
    assert first < event < outbox.stamp()
    assert (await record.wait(Connected)).epoch == event


async def test_after_close_nothing_is_posted() -> None:
    record = Record()
    outbox = opened(record)
    outbox.put(Connected(1))
    outbox.close()
    outbox.put(Connected(2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert record.inputs == []


async def test_an_exception_of_the_receiver_loses_no_other_input() -> None:
    record, problems = Record(), list[object]()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: problems.append(context["exception"]))
    outbox = Outbox(lambda observed: None)

    def post(batch: object) -> None:
        outbox.open(loop, record.post)
        raise ValueError

    outbox.open(loop, post)
    outbox.put(Connected(1))
    for number in range(BATCH):
        outbox.put(Connected(number + 2))
    await record.wait(Connected, lambda each: each.epoch == BATCH + 1)
    assert [type(problem) for problem in problems] == [ValueError]


@pytest.mark.asyncio
async def test_a_closed_loop_is_no_error() -> None:
    record = Record()
    loop = asyncio.new_event_loop()
    outbox = Outbox(lambda observed: None)
    outbox.open(loop, record.post)
    loop.close()
    outbox.put(Connected(1))
    outbox.put(Connected(2))
    assert record.inputs == []

"""Several connections for one list: who may come, and what becomes of the list if they do not."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import libvirt
import pytest

from tests.daemons import Daemon, domain_xml, wait_until
from tests.libvirt.recording import NoThreads, Record
from virtinformer._core.messages import (
    Connect,
    Connected,
    Disconnected,
    List,
    Listed,
    Observed,
    Subscribe,
    Subscribed,
)
from virtinformer._libvirt import LibvirtSource, connection, helpers, listing
from virtinformer._libvirt.connection import Address
from virtinformer._libvirt.helpers import HELPERS, Helpers, may_be_helped
from virtinformer._libvirt.listing import Listing, uuid_of
from virtinformer._libvirt.reads import read_domain

DOMAINS = 24


def ask(kind: str, prompt: str, default: str | None) -> str | None:
    raise AssertionError("nobody is to be asked")


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        (Address("qemu:///session"), True),
        (Address("qemu+unix:///session?socket=/run/some"), True),
        (Address("qemu:///system", read_only=True), True),
        (Address("qemu:///session", auth=ask), False),
        (Address("qemu+ssh://host/system"), False),
        (Address("qemu+tls://host/system"), False),
        (Address("qemu+unix://host/system"), False),
        (Address("qemu:///embed?root=/some"), False),
        (Address("test:///default"), False),
        (Address("test+unix:///default"), False),
        (Address("esx://host/system"), False),
        (Address("alias"), False),
    ],
)
def test_only_where_it_costs_nothing_but_a_moment(address: Address, allowed: bool) -> None:
    assert may_be_helped(address) is allowed


@pytest.mark.parametrize(("user", "allowed"), [(0, True), (1000, False)])
def test_polkit_may_ask_whoever_is_not_root(
    user: int, allowed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert may_be_helped(Address("qemu:///system")) is allowed
    assert may_be_helped(Address("qemu:///session"))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Helpers come for a list that is short enough for a test."""
    monkeypatch.setattr(listing, "CHUNK", 2)
    monkeypatch.setattr(listing, "MANY", 3)


@contextmanager
def populated(daemon: Daemon) -> Iterator[libvirt.virConnect]:
    """The daemon with domains, and nothing left of them."""
    host = daemon.connect()
    try:
        for _ in range(DOMAINS):
            host.defineXML(domain_xml())
        yield host
    finally:
        host.close()


class Watch:
    """A source that is subscribed in epoch 1."""

    def __init__(self, uri: str, **how: Any) -> None:
        self.record, self.source = Record(), LibvirtSource(uri, **how)

    async def __aenter__(self) -> Watch:
        self.source.start(self.record.post)
        self.source.perform(Connect(1))
        await self.record.wait(Connected)
        self.source.perform(Subscribe(1))
        await self.record.wait(Subscribed)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.source.aclose()

    async def list(self) -> Listed:
        self.source.perform(List(1))
        return await self.record.wait(Listed, seconds=30)


def helping() -> int:
    """How many helpers there are."""
    return sum(thread.name.startswith("virtinformer-helper") for thread in threading.enumerate())


def readers(monkeypatch: pytest.MonkeyPatch, during: Callable[[], object] = int) -> set[str]:
    """The names of the threads that read chunks; `during` is called in each helper's first."""
    names: set[str] = set()
    read = Listing._read_chunk

    def recorded(self: Listing, host: libvirt.virConnect, chunk: list[libvirt.virDomain]) -> Any:
        name = threading.current_thread().name
        is_new_helper = name not in names and "helper" in name
        names.add(name)
        if is_new_helper:
            during()
        return read(self, host, chunk)

    monkeypatch.setattr(Listing, "_read_chunk", recorded)
    return names


def observed(record: Record) -> list[Observed]:
    return record.all(Observed, lambda each: each.listed)


@pytest.mark.asyncio
@pytest.mark.usefixtures("small")
async def test_what_helpers_list_is_what_single_reads_see(
    qemu: Daemon, closed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each waits for all: so each has something to read.
    together = threading.Barrier(HELPERS, timeout=20)
    names = readers(monkeypatch, together.wait)
    with populated(qemu) as host:
        async with Watch(qemu.uri) as watch:
            hold(monkeypatch, lambda: len([n for n in names if "helper" in n]) == HELPERS)
            listed = await watch.list()
            seen = {each.uuid: each.result for each in observed(watch.record)}
            assert len(seen) == len(observed(watch.record)) == len(listed.present)
            assert seen == {
                uuid_of(domain): read_domain(host, uuid_of(domain))
                for domain in host.listAllDomains()
            }
            assert watch.record.inputs[-1] is listed
            await asyncio.to_thread(wait_until, lambda: not helping(), "they have gone")
            assert closed == [0] * HELPERS
        assert closed == [0] * (HELPERS + 1)


def hold(monkeypatch: pytest.MonkeyPatch, until: Callable[[], bool]) -> None:
    """Have the chain of the session itself wait before it reads."""
    take = Listing._take

    def taken(self: Listing, *, ends_chain: bool = False) -> Any:
        if ends_chain:
            wait_until(until, "the helpers have come")
        return take(self, ends_chain=ends_chain)

    monkeypatch.setattr(Listing, "_take", taken)


@pytest.mark.asyncio
@pytest.mark.usefixtures("small")
async def test_a_list_of_some_is_made_without_help(
    qemu: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = readers(monkeypatch)
    with populated(qemu) as host:
        only = frozenset(map(uuid_of, host.listAllDomains()))
        async with Watch(qemu.uri) as watch:
            watch.source.perform(List(1, only))
            await watch.record.wait(Listed)
    assert len(names) == 1


@pytest.mark.asyncio
@pytest.mark.usefixtures("small")
async def test_helpers_that_cannot_connect_are_done_without(
    qemu: Daemon, closed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with populated(qemu):
        async with Watch(qemu.uri) as watch:

            def refuse(address: Address) -> libvirt.virConnect:
                raise libvirt.libvirtError("too many clients")

            monkeypatch.setattr(connection, "_open", refuse)
            listed = await watch.list()
            assert {each.uuid for each in observed(watch.record)} == listed.present
        assert closed == [0]


@pytest.mark.asyncio
@pytest.mark.usefixtures("small")
async def test_threads_that_cannot_be_had_are_done_without(
    qemu: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    with populated(qemu):
        async with Watch(qemu.uri) as watch:
            NoThreads(monkeypatch).refuse()
            listed = await watch.list()
            assert {each.uuid for each in observed(watch.record)} == listed.present


@pytest.mark.asyncio
@pytest.mark.usefixtures("small")
async def test_what_a_helper_took_and_could_not_read_is_read_by_another(
    qemu: Daemon, closed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails when the chain of the session itself has come to its end."""

    def fail() -> None:
        wait_until(lambda: ended, "the others are through")
        raise libvirt.libvirtError("client socket is closed")

    ended: list[bool] = []
    take = Listing._take

    def taken(self: Listing, *, ends_chain: bool = False) -> Any:
        chunk = take(self, ends_chain=ends_chain)
        if ends_chain and chunk is None:
            ended.append(True)
        return chunk

    monkeypatch.setattr(Listing, "_take", taken)
    monkeypatch.setattr(helpers, "HELPERS", 1)
    names = readers(monkeypatch, fail)
    with populated(qemu):
        async with Watch(qemu.uri) as watch:
            hold(monkeypatch, lambda: any("helper" in name for name in names))
            listed = await watch.list()
            assert ended
            assert {each.uuid for each in observed(watch.record)} == listed.present
            assert len(observed(watch.record)) == len(listed.present)
        assert closed == [0, 0]


@pytest.mark.asyncio
@pytest.mark.usefixtures("small")
async def test_a_helper_whose_opening_hangs_keeps_no_list_waiting(
    qemu: Daemon, closed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon with as many clients as it takes lets the next one wait for ever."""
    release, open_ = threading.Event(), connection._open

    def hang(address: Address) -> libvirt.virConnect:
        release.wait(20)
        return open_(address)

    with populated(qemu):
        watch = Watch(qemu.uri)
        async with watch:
            monkeypatch.setattr(connection, "_open", hang)
            for _ in range(3):
                watch.record.inputs.clear()
                await watch.list()
                assert helping() == HELPERS  # and not more with each list
            monkeypatch.setattr("virtinformer._libvirt.source.CLOSE_SECONDS", 0.1)
        assert watch.source._unfreed  # it is left, and freed when they are let in
        assert closed == []
        release.set()
        async with asyncio.timeout(20):
            while watch.source._unfreed:
                await asyncio.sleep(0.01)
        assert closed == [0] * (HELPERS + 1)
        assert helping() == 0


@pytest.mark.asyncio
@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("fault", ["kill", "stop"])
async def test_a_daemon_that_dies_or_hangs_under_all_of_them(
    fault: str, own_daemon: Daemon, closed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon, all_there = own_daemon, threading.Barrier(HELPERS + 1, timeout=20)
    go_on = threading.Event()

    def meet() -> None:
        all_there.wait()
        go_on.wait(20)

    readers(monkeypatch, meet)
    with populated(daemon):
        async with Watch(daemon.uri, keepalive=(1, 1)) as watch:
            hold(monkeypatch, go_on.is_set)
            watch.source.perform(List(1))
            await asyncio.to_thread(all_there.wait)
            await asyncio.to_thread(getattr(daemon, fault))
            go_on.set()
            lost = await watch.record.wait(Disconnected, seconds=60)
            assert watch.record.inputs[-1] is lost
            assert not watch.record.all(Listed)
            async with asyncio.timeout(60):
                while watch.source._unfreed:
                    await asyncio.sleep(0.01)
            assert helping() == 0
            assert closed == [0] * (HELPERS + 1)
        if fault == "stop":
            daemon.cont()


@pytest.mark.asyncio
@pytest.mark.usefixtures("small")
async def test_helpers_stop_when_the_session_ends(
    qemu: Daemon, closed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    all_there, go_on = threading.Barrier(HELPERS + 1, timeout=20), threading.Event()
    read: list[str] = []

    def meet() -> None:
        all_there.wait()
        go_on.wait(20)

    readers(monkeypatch, meet)
    chunk = Listing._read_chunk

    def counted(self: Listing, *args: Any) -> Any:
        read.append(threading.current_thread().name)
        return chunk(self, *args)

    monkeypatch.setattr(Listing, "_read_chunk", counted)
    with populated(qemu):
        async with Watch(qemu.uri) as watch:
            hold(monkeypatch, go_on.is_set)
            watch.source.perform(List(1))
            await asyncio.to_thread(all_there.wait)
            threading.Timer(0.05, go_on.set).start()
        assert not watch.source._unfreed
        assert closed == [0] * (HELPERS + 1)
        assert len(read) <= HELPERS + 1  # each the chunk that it had, and none more
        assert not watch.record.all(Listed)


def test_the_last_to_go_does_the_last_thing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release, seen = threading.Event(), list[str]()
    monkeypatch.setattr(connection.Connection, "open", lambda self: release.wait(10))
    monkeypatch.setattr(connection.Connection, "host", None)
    team = Helpers("team", Address("qemu:///session"))
    team.call(lambda host: seen.append("worked"))
    team.call(lambda host: seen.append("one too many"))
    team.close(lambda: seen.append(threading.current_thread().name))
    team.call(lambda host: seen.append("too late"))
    assert seen == []
    release.set()
    team.join(10)
    assert seen[:-1] == ["worked"] * HELPERS
    assert seen[-1] in {f"team-{number}" for number in range(HELPERS)}


def test_without_any_the_last_thing_is_done_at_once() -> None:
    done: list[str] = []
    Helpers("team", Address("qemu:///session")).close(lambda: done.append("last"))
    assert done == ["last"]

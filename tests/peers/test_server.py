"""The stub API server, asked with plain HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.peers.server import ApiServer
from tests.peers.truth import Change, Pods

PATH = "/api/v1/namespaces/default/pods"


class Cluster:
    """Pods, their server, and one who asks it."""

    def __init__(self) -> None:
        self.told: list[Change] = []
        self.pods = Pods(self._changed)
        self.server = ApiServer(self.pods)

    def _changed(self, change: Change) -> None:
        self.told.append(change)
        self.server.publish()

    async def get(self, query: str = "", path: str = PATH) -> tuple[int, bytes]:
        return await asyncio.to_thread(self._get, f"{path}?{query}")

    def _get(self, target: str) -> tuple[int, bytes]:
        url = urlsplit(self.server.url)
        connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", target)
            with connection.getresponse() as response:
                return response.status, response.read()

    async def listed(self, query: str = "") -> dict[str, Any]:
        status, body = await self.get(query)
        assert status == 200
        found: dict[str, Any] = json.loads(body)
        return found

    async def watch(self, query: str) -> list[tuple[str, Any]]:
        """What a watch tells until its time is up."""
        status, body = await self.get(f"watch=true&{query}")
        assert status == 200
        return [_told(json.loads(line)) for line in body.splitlines()]


def _told(event: dict[str, Any]) -> tuple[str, Any]:
    told = event["object"]
    return event["type"], told.get("code") or told["metadata"].get("name") or told["metadata"]


def names(found: dict[str, Any]) -> list[str]:
    return [item["metadata"]["name"] for item in found["items"]]


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[Cluster]:
    cluster = Cluster()
    await cluster.server.start()
    try:
        yield cluster
    finally:
        await cluster.server.kill()


@pytest.mark.asyncio
async def test_a_list_has_a_version_and_can_be_had_in_pieces() -> None:
    async with running() as cluster:
        for name in "abc":
            cluster.pods.create(name)
        whole = await cluster.listed()
        assert names(whole) == ["a", "b", "c"]
        assert whole["metadata"] == {"resourceVersion": "103"}
        first = await cluster.listed("limit=2")
        cluster.pods.create("aa")  # is not in the list that was begun before
        rest = await cluster.listed(f"limit=2&continue={first['metadata']['continue']}")
        assert names(first) + names(rest) == ["a", "b", "c"]
        assert "continue" not in rest["metadata"]


@pytest.mark.asyncio
async def test_a_watch_tells_what_came_after_a_version_and_what_comes() -> None:
    async with running() as cluster:
        a = cluster.pods.create("a")
        cluster.pods.create("b")
        watch = asyncio.create_task(cluster.watch("resourceVersion=101&timeoutSeconds=1"))
        await asyncio.sleep(0.2)
        cluster.pods.delete(a)
        assert await watch == [("ADDED", "b"), ("DELETED", "a")]


@pytest.mark.asyncio
async def test_bookmarks_come_to_those_who_want_them() -> None:
    async with running() as cluster:
        cluster.pods.create("a")
        query = "resourceVersion=101&timeoutSeconds=1&allowWatchBookmarks=true"
        assert await cluster.watch(query) == [("BOOKMARK", {"resourceVersion": "101"})]


@pytest.mark.asyncio
async def test_a_version_that_is_forgotten_is_gone() -> None:
    async with running() as cluster:
        a = cluster.pods.create("a")
        begun = await cluster.listed("limit=0")
        cluster.pods.annotate(a)
        cluster.pods.forget()
        version = begun["metadata"]["resourceVersion"]
        assert await cluster.watch(f"resourceVersion={version}") == [("ERROR", 410)]
        assert (await cluster.get(f"continue={version}:1"))[0] == 410


@pytest.mark.asyncio
async def test_a_list_is_stale_only_if_that_is_allowed() -> None:
    async with running() as cluster:
        cluster.pods.create("a")
        cluster.server.stale_list = 100
        assert names(await cluster.listed()) == ["a"]
        assert names(await cluster.listed("resourceVersion=0")) == []
        assert names(await cluster.listed("resourceVersion=0")) == ["a"]


@pytest.mark.asyncio
async def test_watches_can_be_held_ended_and_broken() -> None:
    async with running() as cluster:
        server = cluster.server
        server.hold_watches()
        watch = asyncio.create_task(cluster.watch("resourceVersion=100"))
        await asyncio.sleep(0.1)
        cluster.pods.create("a")
        server.admit_watches()
        await asyncio.sleep(0.1)
        server.end_watches()
        assert await watch == [("ADDED", "a")]

        watch = asyncio.create_task(cluster.watch("resourceVersion=101"))
        await asyncio.sleep(0.1)
        assert server.watches == 1
        server.break_watches()
        with pytest.raises(http.client.IncompleteRead):
            await watch


@pytest.mark.asyncio
async def test_lists_fail_as_often_as_they_are_told() -> None:
    async with running() as cluster:
        cluster.server.fail_next_lists(1)
        assert [(await cluster.get())[0] for _ in range(2)] == [500, 200]
        assert (await cluster.get(path="/api/v1/nodes"))[0] == 404


@pytest.mark.asyncio
async def test_it_comes_back_where_it_was_and_versions_go_on() -> None:
    async with running() as cluster:
        url = cluster.server.url
        await cluster.server.kill()
        cluster.pods.create("a")
        with pytest.raises(ConnectionRefusedError):
            await cluster.get()
        await cluster.server.start()
        assert cluster.server.url == url
        assert (await cluster.listed())["metadata"] == {"resourceVersion": "101"}
        assert [change.pod.version for change in cluster.told] == [101]

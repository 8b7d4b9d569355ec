"""A stub Kubernetes API server in process, which can be made to fail.

It serves pods over HTTP on the loopback interface: lists (with ``limit`` and ``continue``)
and watches (chunked JSON lines, bookmarks, ``timeoutSeconds``), by the rules for
``resourceVersion`` in "Kubernetes API Concepts":

* a list without a version, or a ``limit``ed one, is of now; one with ``resourceVersion=0``
  may be of any earlier version, as of an API server whose cache lags behind. Only such
  lists are ever made stale here.
* a watch begins after the version that it names. If that is forgotten, the answer is 200
  and one ERROR event that holds a Status with code 410.

It is written with nothing but asyncio, and speaks as much HTTP/1.1 as clients need.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from tests.peers.pods import NAMESPACE
from tests.peers.truth import Change, Pods

__all__ = ["ApiServer"]

_PATHS: Final = {"/api/v1/pods", f"/api/v1/namespaces/{NAMESPACE}/pods"}
_TRUE: Final = {"true", "True", "1"}
_BOOKMARKS: Final = 0.5
"""Seconds between bookmarks. Real servers take about a minute."""

_REASONS: Final = {
    200: "OK",
    404: "Not Found",
    410: "Gone",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class ApiServer:
    """Serves `Pods`.

    Args:
        pods: what it serves.

    Attributes:
        lists: how many lists were answered.
        watches: how many watches are being answered now.
        latency: seconds before any answer.
        stale_list: a version; the next list that allows it is of that version.
    """

    def __init__(self, pods: Pods) -> None:
        self.lists = 0
        self.watches = 0
        self.latency = 0.0
        self.stale_list: int | None = None
        self._pods = pods
        self._failures = 0
        self._port = 0
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._news = asyncio.Event()
        self._ending = asyncio.Event()
        self._admitting = asyncio.Event()
        self._admitting.set()

    @property
    def url(self) -> str:
        """Where it is, also while it is down."""
        return f"http://127.0.0.1:{self._port}"

    # ------------------------------------------------------------ its life

    async def start(self) -> None:
        """Serve; again on the same port, after `kill`."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def kill(self) -> None:
        """Die: connections break wherever they are, and none can be made."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for writer in list(self._connections.values()):
            writer.transport.abort()
        tasks = list(self._connections)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # ------------------------------------------------------------ its faults

    def publish(self) -> None:
        """Tell watches that there is news."""
        self._news.set()
        self._news = asyncio.Event()

    def end_watches(self) -> None:
        """End all watches as after ``timeoutSeconds``: properly."""
        self._ending.set()
        self._ending = asyncio.Event()

    def break_watches(self) -> None:
        """Break all watches in the middle of a line."""
        for task, writer in list(self._connections.items()):
            if task.get_name() == "watch":
                half = b'{"type": "MODIF'
                writer.write(b"%x\r\n%s\r\n" % (len(half), half))
                task.cancel()

    def hold_watches(self) -> None:
        """Answer no watch that is asked for from now on, until `admit_watches`."""
        self._admitting.clear()

    def admit_watches(self) -> None:
        """Answer watches again, also those that wait."""
        self._admitting.set()

    def fail_next_lists(self, count: int) -> None:
        """Answer the next lists with 500."""
        self._failures = count

    # ------------------------------------------------------------ HTTP

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = writer
        try:
            # One that is cancelled was killed; what the client thinks of it is its own affair.
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                while target := await _request(reader):
                    await asyncio.sleep(self.latency)
                    await self._answer(target, writer)
        finally:
            del self._connections[task]
            writer.close()

    async def _answer(self, target: str, writer: asyncio.StreamWriter) -> None:
        url = urlsplit(target)
        query = dict(parse_qsl(url.query))
        if url.path not in _PATHS:
            _send(writer, 404, _status(404, "NotFound", url.path))
        elif query.get("watch") in _TRUE:
            await self._watch(query, writer)
        else:
            _send(writer, *self._list(query))
        await writer.drain()

    # ------------------------------------------------------------ lists

    def _list(self, query: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        if self._failures:
            self._failures -= 1
            return 500, _status(500, "InternalError", "the stub was told to fail")
        self.lists += 1
        version, begin = self._version_of(query), 0
        if "continue" in query:
            version, begin = map(int, query["continue"].split(":"))
            if version < self._pods.oldest:
                return 410, _status(410, "Expired", "the continue token is too old")
        pods = self._pods.at(version)
        end = begin + int(query.get("limit") or len(pods))
        meta = {"resourceVersion": str(version)}
        if end < len(pods):
            meta["continue"] = f"{version}:{end}"
        # Items of a list have no kind of their own; so it is in Kubernetes.
        items = [_without_kind(pod.to_json()) for pod in pods[begin:end]]
        return 200, {"apiVersion": "v1", "kind": "PodList", "metadata": meta, "items": items}

    def _version_of(self, query: Mapping[str, str]) -> int:
        stale = self.stale_list
        if stale is not None and query.get("resourceVersion") == "0":
            self.stale_list = None
            return stale
        return self._pods.version

    # ------------------------------------------------------------ watches

    async def _watch(self, query: Mapping[str, str], writer: asyncio.StreamWriter) -> None:
        await self._admitting.wait()
        task = asyncio.current_task()
        assert task is not None
        task.set_name("watch")
        _begin_stream(writer)
        self.watches += 1
        try:
            # The proper end is an empty chunk, also where time is up.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(float(query.get("timeoutSeconds") or 3600)):
                    async for line in self._lines(query):
                        _send_line(writer, line)
                        await writer.drain()
            writer.write(b"0\r\n\r\n")
        finally:
            self.watches -= 1
            task.set_name("idle")

    async def _lines(self, query: Mapping[str, str]) -> AsyncIterator[dict[str, Any]]:
        ending = self._ending
        after = int(query.get("resourceVersion") or 0)
        if after == 0:  # "get state and start at any"
            after = self._pods.version
            for pod in self._pods.at(after):
                yield {"type": "ADDED", "object": pod.to_json()}
        if after < self._pods.oldest:
            text = f"too old resource version: {after} ({self._pods.oldest})"
            yield {"type": "ERROR", "object": _status(410, "Expired", text)}
            return
        while not ending.is_set():
            news = self._news
            for change in self._pods.since(after):
                after = change.pod.version
                yield _event(change)
            if not await _either(news, ending) and query.get("allowWatchBookmarks") in _TRUE:
                yield _bookmark(after)


async def _request(reader: asyncio.StreamReader) -> str:
    """The target of the next request; empty if there is none."""
    head = await reader.readline()
    while (await reader.readline()).strip():
        pass  # what the headers say makes no difference here
    return head.split()[1].decode() if head else ""


def _send(writer: asyncio.StreamWriter, code: int, answer: object) -> None:
    body = json.dumps(answer).encode()
    head = f"HTTP/1.1 {code} {_REASONS[code]}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)


def _begin_stream(writer: asyncio.StreamWriter) -> None:
    head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())


def _send_line(writer: asyncio.StreamWriter, line: object) -> None:
    data = json.dumps(line).encode() + b"\n"
    writer.write(b"%x\r\n%s\r\n" % (len(data), data))


async def _either(*events: asyncio.Event) -> bool:
    """Wait for one of them, and no longer than to the next bookmark."""
    tasks = [asyncio.create_task(event.wait()) for event in events]
    try:
        done, _ = await asyncio.wait(tasks, timeout=_BOOKMARKS, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)
    finally:
        for task in tasks:
            task.cancel()


def _event(change: Change) -> dict[str, Any]:
    return {"type": change.kind, "object": change.pod.to_json()}


def _bookmark(version: int) -> dict[str, Any]:
    meta = {"resourceVersion": str(version)}
    return {"type": "BOOKMARK", "object": {"apiVersion": "v1", "kind": "Pod", "metadata": meta}}


def _status(code: int, reason: str, message: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Status",
        "metadata": {},
        "status": "Failure",
        "reason": reason,
        "message": message,
        "code": code,
    }


def _without_kind(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in {"apiVersion", "kind"}}

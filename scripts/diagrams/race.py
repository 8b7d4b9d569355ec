"""The race that a list can lose, as a run on a made-up host shows it.

The picture is drawn from what a source was asked and what it told, at the times at which it did: a
domain is stopped after the list has seen it run and before the list is answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import attrs

from virtinformer._core.messages import EventReceived, Input, List, Observed, Read
from virtinformer._core.model import Observation
from virtinformer._core.vocabulary import LifecycleType
from virtinformer.informer import DomainInformer
from virtinformer.source import Post, Request
from virtinformer.testing import FakeHost, FakeSource, Latency, run

from .svg import Picture

__all__ = ["Said", "picture", "play"]

_HOST, _PROGRAM, _TOP, _BOTTOM = 200.0, 610.0, 70.0, 490.0
_SECOND: Final = 1500.0
"""Pixels."""
_LATENCY: Final = Latency(list=0.2, read=0.06, event=0.02)
_SEEN: Final = 0.75 * _LATENCY.list
"""When a list reads the only domain there is."""
_STOPPED: Final = 0.8 * _LATENCY.list


@attrs.frozen
class Said:
    """One message, or one change of the host.

    Attributes:
        who: ``"host"`` changes, ``"asked"`` goes to it, ``"told"`` comes from it.
        text: in words.
        sent, arrived: seconds since the list was asked for.
        stale: whether the host had told otherwise before it arrived.
    """

    who: str
    text: str
    sent: float
    arrived: float
    stale: bool = False


class _Listening:
    """A source that writes down what passes through it."""

    def __init__(self, source: FakeSource) -> None:
        self._source = source
        self.listing: asyncio.Event = asyncio.Event()
        self.heard: list[tuple[float, Request | Input]] = []

    @property
    def name(self) -> str:
        return self._source.name

    def start(self, post: Post) -> None:
        def listening(inputs: Sequence[Input]) -> None:
            self.heard += [(_now(), input_) for input_ in inputs]
            post(inputs)

        self._source.start(listening)

    def stamp(self) -> int:
        return self._source.stamp()

    def perform(self, request: Request) -> None:
        self.heard.append((_now(), request))
        if isinstance(request, List):
            self.listing.set()
        self._source.perform(request)

    async def aclose(self) -> None:
        await self._source.aclose()


def _now() -> float:
    return asyncio.get_running_loop().time()


async def play() -> tuple[list[Said], str]:
    """The run: what was said, in the order of its arrival, and the state that was stored."""
    host = FakeHost(latency=_LATENCY)
    web = host.define("web")
    host.start(web)
    listening = _Listening(host.source())
    informer = DomainInformer(listening, resync_period=None)
    opening = asyncio.ensure_future(informer.__aenter__())
    await listening.listing.wait()
    began = _now()
    await asyncio.sleep(_STOPPED)
    host.destroy(web)
    await opening
    said = _said(listening.heard, began)
    domain = await informer.refresh(web)
    await informer.__aexit__(None, None, None)
    assert domain is not None
    return said, domain.state.name


def _said(heard: Sequence[tuple[float, Request | Input]], began: float) -> list[Said]:
    said = [Said("host", "web is stopped", _STOPPED, _STOPPED)]
    events: dict[float, list[str]] = {}
    for absolute, message in heard:
        time = absolute - began
        match message:
            case List():
                said.append(Said("asked", "list all domains", time, time + _LATENCY.list / 2))
            case Observed(listed=True, result=Observation(state=state)):
                text = f"the list: web is {state.name}"
                said.append(Said("told", text, _SEEN, time, stale=_SEEN < _STOPPED))
            case EventReceived(type=type_):
                events.setdefault(time, []).append(LifecycleType(type_).name)
            case Read():
                said.append(Said("asked", "read web", time, time + _LATENCY.read / 2))
            case Observed(listed=False, result=Observation(state=state)):
                said.append(Said("told", f"web is {state.name}", time - _LATENCY.read / 2, time))
    for time, names in events.items():
        text = f"events: {', '.join(names)}"
        said.append(Said("told", text, time - _LATENCY.event, time))
    return sorted(said, key=lambda one: (one.sent, one.arrived))


def picture() -> Picture:
    """The run as a sequence of messages: time goes down."""
    said, stored = run(play())
    drawing = Picture("race", "A list that is overtaken by an event", 920, 520)
    for x, name in ((_HOST, "the host"), (_PROGRAM, "the program")):
        drawing.text((x, 30), name, kind="bold")
        drawing.line((x, 42), (x, _BOTTOM), hue="grey")
    for one in said:
        _message(drawing, one)
    drawing.text((_HOST - 16, _y(0) + 4), "web is running", anchor="end")
    drawing.text((_PROGRAM + 16, _BOTTOM), f"stored: web is {stored}", anchor="start", kind="bold")
    return drawing


def _message(drawing: Picture, one: Said) -> None:
    top, bottom = _y(one.sent), _y(one.arrived)
    if one.who == "host":
        drawing.dot((_HOST, top), hue="red")
        drawing.text((_HOST - 16, top + 4), one.text, anchor="end", kind="bold")
        return
    asked = one.who == "asked"
    start, end = (_PROGRAM, _HOST) if asked else (_HOST, _PROGRAM)
    hue = "red" if one.stale else "grey" if asked else "blue"
    along = 0.5 if asked else 0.72
    drawing.arrow((start, top), (end, bottom), [one.text], hue=hue, along=along)
    if one.stale:
        drawing.text(
            (_PROGRAM + 16, bottom - 2), "It began before the events came:", anchor="start"
        )
        drawing.text((_PROGRAM + 16, bottom + 15), "not stored, but read again", anchor="start")


def _y(time: float) -> float:
    return _TOP + time * _SECOND

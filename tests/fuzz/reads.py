"""A host that says anything at any call, against the reads of one domain and of all.

Each call of libvirt takes its answer from a script: the truth, an error of any
code, text that is no text, or the truth after the domain moved. A single read ends
after a bounded number of calls, believes only a look-up that there is no domain,
calls nothing settled that moved, and asks for no secret. A bulk list ends once, by
`Listed` or `ListFailed`, and names every domain; one broken domain costs the others
nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final
from uuid import UUID

import attrs
import libvirt

from virtinformer._core.messages import Gone, Input, Listed, ListFailed, Observed
from virtinformer._core.model import Observation
from virtinformer._libvirt.listing import Listing
from virtinformer._libvirt.reads import GHOSTS, TRIES, read_domain

from .reader import Reader

__all__ = ["Script", "decode", "run"]

UUIDS: Final = tuple(UUID(int=n) for n in range(1, 41))
CODES: Final = (
    libvirt.VIR_ERR_NO_DOMAIN,
    libvirt.VIR_ERR_NO_SUPPORT,
    libvirt.VIR_ERR_OPERATION_INVALID,
    libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
    libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
    libvirt.VIR_ERR_RPC,
    libvirt.VIR_ERR_INTERNAL_ERROR,
    libvirt.VIR_ERR_ACCESS_DENIED,
    0,
    9999,
)


class Error(libvirt.libvirtError):
    """An error of libvirt with a code of our choice."""

    def __init__(self, code: int) -> None:
        Exception.__init__(self, "too many things went wrong")
        self.err = (code, 0, "too many", 2, "", None, None, -1, -1)


@attrs.frozen
class Script:
    """What a host does at its calls, one after another; then it is honest.

    ``"ok"``, ``"move"`` (the domain is in another state after it), ``"restart"``,
    ``"rename"``, ``"garbage"`` (bytes that are no text), ``"blank"`` (an answer
    with nothing in it), or the code of an error.
    """

    moves: tuple[str | int, ...]
    domains: int
    state: int
    xml: str | None = None
    only: int | None = None
    garbled: int | None = None
    """The domain whose name is no text."""


def decode(data: bytes) -> list[Script]:
    """One script: for a list, if it has domains, and else for a read."""
    reader = Reader(data)
    domains = reader.below(41)
    state = reader.number()
    xml = reader.text() if reader.flag() else None
    only = reader.below(41) if reader.flag() else None
    garbled = reader.below(41) if reader.below(8) == 7 else None
    moves: list[str | int] = []
    while reader.more and len(moves) < 200:
        moves.append(_move(reader))
    return [Script(tuple(moves), domains, state, xml, only, garbled)]


def _move(reader: Reader) -> str | int:
    choice = reader.byte()
    if choice < 0x80:
        return "ok"
    if choice < 0xC0:
        return ("move", "restart", "rename", "garbage", "blank")[choice % 5]
    return CODES[choice % len(CODES)]


def run(scripts: Iterable[Script]) -> None:
    """Read from such a host, and judge what comes of it."""
    for script in scripts:
        if script.domains:
            _check_list(script)
        else:
            _check_read(script)


# ---------------------------------------------------------------------- the host


@attrs.define
class Domain:
    """What is true of a domain."""

    uuid: UUID
    name: str
    id: int
    state: int
    broken: bool = False
    garbled: bool = False
    moves: int = 0
    shown: int | None = None
    """Its state when its XML was last read."""


class Host:
    """A connection that goes by a script."""

    def __init__(self, script: Script) -> None:
        count = max(1, script.domains)
        self.script = script
        self.domains = [Domain(u, f"n{u.int}", 3, script.state) for u in UUIDS[:count]]
        self.moves = iter(script.moves)
        for domain in self.domains:
            domain.broken = domain.garbled = domain.uuid.int - 1 == script.garbled
        self.calls = 0
        self.failed: list[str] = []
        self.no_domain = False

    def does(self, call: str, domains: Sequence[Domain]) -> str | int:
        """The next move of the script."""
        self.calls += 1
        move = next(self.moves, "ok")
        for domain in domains:
            domain.moves += move in ("move", "restart", "rename")
            domain.state += move == "move"
            domain.id += move == "restart"
            domain.name += "x" * (move == "rename")
        if isinstance(move, int) or move == "garbage":
            self.failed.append(call)
            for domain in domains:
                domain.broken = True
        if isinstance(move, int):
            raise Error(move)
        if move == "garbage":
            b"\xff".decode()
        return move

    def lookupByUUID(self, raw: bytes) -> Handle:  # noqa: N802 - libvirt's name
        domain = self.domains[UUID(bytes=raw).int - 1]
        try:
            self.does("lookup", [domain])
        except Error as error:
            self.no_domain |= error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN
            raise
        return Handle(self, domain)

    def listAllDomains(self, flags: int) -> list[Handle]:  # noqa: N802 - libvirt's name
        self.does("list", [])
        return [Handle(self, domain) for domain in self.domains]

    def domainListGetStats(  # noqa: N802 - libvirt's name
        self, chunk: list[Handle], stats: int
    ) -> list[tuple[Handle, dict[str, int]]]:
        move = self.does("stats", [])
        answer = [
            (Handle(self, h.domain), {"state.state": h.domain.state, "state.reason": 1})
            for h in chunk
        ]
        if move == "blank":
            answer[0][0].domain.broken = True
            answer[0][1].clear()
        return answer


class Handle:
    """A domain handle: its name and id are of when it was made."""

    def __init__(self, host: Host, domain: Domain) -> None:
        self.host, self.domain = host, domain
        self._name, self._id = domain.name, domain.id

    def UUIDString(self) -> str:  # noqa: N802 - libvirt's name
        return str(self.domain.uuid)

    def name(self) -> str:
        if self.domain.garbled:
            self.host.failed.append("name")
            b"\xff".decode()
        return self._name

    def ID(self) -> int:  # noqa: N802 - libvirt's name
        return self._id

    def state(self) -> list[int]:
        self.host.does("state", [self.domain])
        return [self.domain.state, 1]

    def XMLDesc(self, flags: int) -> str:  # noqa: N802 - libvirt's name
        assert not flags & libvirt.VIR_DOMAIN_XML_SECURE
        self.host.does("inactive" if flags else "xml", [self.domain])
        if not flags:
            self.domain.shown = self.domain.state
        if self.host.script.xml is not None:
            return self.host.script.xml
        return f"<domain id='{self.domain.id}'>\n  <name>{self.domain.name}</name>\n</domain>"

    def isPersistent(self) -> int:  # noqa: N802 - libvirt's name
        self.host.does("isPersistent", [self.domain])
        return 1

    def autostart(self) -> int:
        self.host.does("autostart", [self.domain])
        return 0


# ---------------------------------------------------------------------- judging


def _check_read(script: Script) -> None:
    host: Any = Host(script)
    seen: Observation | Gone | None = None
    try:
        seen = read_domain(host, UUIDS[0])
    except (libvirt.libvirtError, UnicodeDecodeError):
        assert host.failed, "refused, and by nobody"
    assert host.calls <= 7 * (GHOSTS + TRIES), "does not come to an end"
    if isinstance(seen, Gone):
        assert host.no_domain, "gone, and no look-up said so"
    if isinstance(seen, Observation):
        _check_seen(script, seen, host.domains[0])


def _check_seen(script: Script, seen: Observation, domain: Domain) -> None:
    if script.xml is not None:
        assert seen.xml == script.xml, "not as it was sent"
        return
    if seen.settled:
        assert seen.state == domain.shown, "state and XML are of two moments"
        assert f" id='{seen.id}'" in seen.xml
        assert f"<name>{seen.name}</name>" in seen.xml
    if not script.moves and script.state not in (5, 42):
        assert seen.settled
    if not domain.moves:
        assert seen.state == script.state
        assert seen.name == domain.name


def _check_list(script: Script) -> None:
    host: Any = Host(script)
    only = None if script.only is None else frozenset(UUIDS[: script.only])
    told = _listed(host, only)
    *observed, last = told
    seen = {each.uuid: each for each in observed if isinstance(each, Observed)}
    assert len(seen) == len(observed), "something else than observations, or one twice"
    if isinstance(last, ListFailed):
        assert set(host.failed) & {"list", "stats"}, "one domain has failed the list"
        return
    assert isinstance(last, Listed)
    assert last.present == frozenset(domain.uuid for domain in host.domains)
    assert only is None or seen.keys() <= only
    for domain in host.domains:
        wanted = only is None or domain.uuid in only
        whole = not (domain.broken or domain.moves or script.xml is not None)
        settled = script.state != 5  # off, with an id
        assert not (wanted and whole and settled) or domain.uuid in seen, "left out"
    for each in seen.values():
        assert isinstance(each.result, Observation)
        assert each.result.settled
        _check_seen(script, each.result, host.domains[each.uuid.int - 1])


def _listed(host: Any, only: frozenset[UUID] | None) -> list[Input]:
    """What a list tells, its jobs done one after another."""
    told: list[Input] = []
    jobs: list[Callable[[], None]] = []
    count = itertools.count(1)
    Listing(
        host,
        5,
        only,
        stamp=lambda: next(count),
        submit=jobs.append,
        tell=told.append,
        failed=lambda error: False,
        width=2,
    ).run()
    while jobs:
        jobs.pop(0)()
    return told

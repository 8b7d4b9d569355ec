"""``virtinformer doctor``: what works, what does not, and what to do about it.

A check is one question, asked in order; each needs the one before, so after a
failure the rest is skipped. None waits for ever, and none changes anything.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import platform
import textwrap
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, TypeVar

import attrs
import click

import virtinformer as vi

from .._libvirt.probe import Probe, answered, trouble_of
from .advice import advise, hung
from .duration import duration
from .opening import reason_of
from .output import Output, Style
from .running import FAILED, run
from .settings import Settings, options
from .sockets import Address

__all__ = ["Finding", "doctor", "finding_lines"]

T = TypeVar("T")

OK, WARN, FAIL, SKIP = "ok", "warn", "fail", "skip"

_STYLES: Final[dict[str, Style]] = {
    OK: {"fg": "green"},
    WARN: {"fg": "yellow"},
    FAIL: {"fg": "red", "bold": True},
    SKIP: {"dim": True},
}
_CHECKS: Final = (
    "program",
    "address",
    "event loop",
    "connection",
    "host",
    "events",
    "reads",
    "informer",
)

_INDENT: Final = 18

SAMPLE: Final = 50
"""So many domains are read one by one."""

SLOW: Final = 0.05
"""Seconds for the read of one domain that are worth a word: a thousand take a minute."""

SLOW_LOOP: Final = 0.5
"""Seconds until the event loop turns that are worth a word."""


@attrs.frozen
class Finding:
    """What came of one check."""

    check: str
    verdict: str
    text: str
    hints: tuple[str, ...] = ()


class Failure(Exception):
    """A check failed, and so would all after it."""

    def __init__(self, text: str, *hints: str) -> None:
        super().__init__(text)
        self.text = text
        self.hints = hints


@attrs.define
class Examination:
    """All checks of one host.

    Attributes:
        settings: which host, and how.
        patience: seconds that each question may take.
    """

    settings: Settings
    patience: float

    async def findings(self) -> AsyncIterator[Finding]:
        """What is found, as it is found."""
        address = Address.of(self.settings.host, read_only=self.settings.readonly)
        probe = Probe(self.settings.host, read_only=self.settings.readonly)
        checks: list[Callable[[], Awaitable[Finding]]] = [
            self._program,
            lambda: self._address(address),
            self._loop,
            lambda: self._connection(probe),
            lambda: self._host(probe),
            lambda: self._events(probe),
            lambda: self._reads(probe),
            self._informer,
        ]
        failed = False
        for name, check in zip(_CHECKS, checks, strict=True):
            skipped = Finding(name, SKIP, "")
            finding = skipped if failed else await self._tried(name, check, address)
            failed = failed or finding.verdict == FAIL
            yield finding
        if not failed:
            await self._ask(probe.close)

    async def _tried(
        self, name: str, check: Callable[[], Awaitable[Finding]], address: Address
    ) -> Finding:
        try:
            return await check()
        except Failure as failure:
            return Finding(name, FAIL, failure.text, failure.hints)
        except TimeoutError as error:
            return Finding(name, FAIL, str(error), (hung(address),))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what was asked for
            # The host's own words: what the library advises, the hints say better.
            text = reason_of(error)
            return Finding(name, FAIL, text, tuple(advise(trouble_of(error), address, text)))

    async def _ask(self, question: Callable[[], T]) -> tuple[T, float]:
        began = time.perf_counter()
        answer = await answered(self.patience, question)
        return answer, time.perf_counter() - began

    async def _program(self) -> Finding:
        versions = Probe.versions()
        text = (
            f"virtinformer {vi.__version__}, libvirt-python {versions.binding}, "
            f"libvirt {versions.library}, Python {platform.python_version()}, as {_user()}"
        )
        if versions.calls_side_by_side:
            return Finding("program", OK, text)
        return Finding("program", OK, f"{text}; libvirt before 10.4 allows one call at a time")

    async def _address(self, address: Address) -> Finding:
        if address.is_in_process:
            return Finding("address", OK, "libvirt's test driver, inside this process")
        if address.transport != "unix":
            where = address.host or "this machine"
            how = f" by {address.transport}" if address.transport else ""
            return Finding("address", OK, f"driver {address.driver} on {where}{how}")
        there = [path for path in address.sockets() if path.exists()]
        if not there:
            return Finding("address", WARN, f"driver {address.driver}, and no socket is there yet")
        return Finding("address", OK, f"driver {address.driver} at {there[0]}")

    async def _loop(self) -> Finding:
        turned, seconds = await self._ask(Probe.turn)
        if not turned:
            raise Failure(
                "libvirt's event loop does not turn; events would not arrive",
                "Is the machine overloaded? Look at the load, and try again.",
            )
        verdict = WARN if seconds > SLOW_LOOP else OK
        return Finding("event loop", verdict, f"is alive; started, and turned, in {_ms(seconds)}")

    async def _connection(self, probe: Probe) -> Finding:
        _, seconds = await self._ask(probe.open)
        how = "read-only" if self.settings.readonly else "with the right to ask for changes"
        return Finding("connection", OK, f"opened in {_ms(seconds)}, {how}")

    async def _host(self, probe: Probe) -> Finding:
        host, seconds = await self._ask(probe.host)
        driver = " ".join(filter(None, (host.driver, host.driver_version)))
        parts = [
            f"{driver} on {host.hostname or 'a host without a name'}",
            f"libvirt {host.library}" if host.library else "",
            "encrypted" if host.encrypted else "",
            f"answered in {_ms(seconds)}",
        ]
        text = ", ".join(filter(None, parts))
        if host.keepalive or Address.of(self.settings.host).is_in_process:
            return Finding("host", OK, text)
        return Finding(
            "host", WARN, text, ("Without keepalive, a host that hangs is not noticed by itself.",)
        )

    async def _events(self, probe: Probe) -> Finding:
        kinds, _seconds = await self._ask(probe.kinds)
        if not kinds.has_lifecycle:
            raise Failure(
                "this driver sends no life-cycle events, and an informer lives on them",
                "Read the domains again and again (virsh list), or use another driver.",
            )
        text = f"{len(kinds.sent)} of {len(kinds.sent) + len(kinds.refused)} kinds"
        if kinds.refused:
            text += f"; not here: {', '.join(kinds.refused)}"
        return Finding("events", OK, text)

    async def _reads(self, probe: Probe) -> Finding:
        count, listing = await self._ask(probe.count)
        text = f"{count} domains listed in {_ms(listing)}"
        if not count:
            return Finding("reads", OK, text)
        times, _seconds = await self._ask(lambda: probe.read(SAMPLE))
        median = sorted(times)[len(times) // 2]
        text += f"; one is read in {_ms(median)}, the slowest of {len(times)} in {_ms(max(times))}"
        if median <= SLOW:
            return Finding("reads", OK, text)
        return Finding(
            "reads",
            WARN,
            text,
            (
                f"Reading all, as at each resync, takes about {median * count:.0f} s: is the "
                "network slow, or the daemon busy?",
            ),
        )

    async def _informer(self) -> Finding:
        began = time.perf_counter()
        async with asyncio.timeout(10 * self.patience), self.settings.informer() as informer:
            opened = time.perf_counter() - began
            await informer.sync()
            again = time.perf_counter() - began - opened
            counts = informer.statistics()
        text = (
            f"synced in {_ms(opened)}, and again in {_ms(again)}; "
            f"{counts.domains} domains at version {counts.resource_version}"
        )
        if not counts.read_errors and not counts.list_errors:
            return Finding("informer", OK, text)
        errors = counts.read_errors + counts.list_errors
        return Finding("informer", WARN, f"{text}; {errors} reads failed", ("Look with -v.",))


def _user() -> str:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "a user without a name"
    return f"{name} (uid {os.getuid()})"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.1f} s"


def finding_lines(finding: Finding, output: Output, width: int | None = None) -> list[str]:
    """What came of a check, and below it what to do; not wider than `width`, if there is one."""
    mark = output.paint(f"{finding.verdict:4}", **_STYLES[finding.verdict])
    text = _wrapped(output.shown(finding.text), width)
    lines = [
        f"{mark}  {finding.check:10}  {text[0]}".rstrip(),
        *(" " * _INDENT + t for t in text[1:]),
    ]
    for hint in finding.hints:
        first, *more = _wrapped(f"try: {output.shown(hint)}", width)
        bold = first.replace("try:", output.paint("try:", bold=True), 1)
        lines += [" " * _INDENT + line for line in (bold, *more)]
    return lines


def _wrapped(text: str, width: int | None) -> list[str]:
    """The text on lines that stay beside the names of the checks; whole, where it may be long."""
    if width is None or width < 2 * _INDENT:
        return [text]
    return textwrap.wrap(text, width - _INDENT, break_long_words=False, break_on_hyphens=False) or [
        ""
    ]


@click.command()
@click.option(
    "--output",
    "-o",
    "kind",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Lines for people, or a JSON document.",
)
@click.option(
    "--timeout",
    type=duration,
    metavar="DURATION",
    default="10s",
    show_default=True,
    help="How long each check may take.",
)
@options
def doctor(kind: str, timeout: float) -> None:
    """Find out whether a host can be watched, and if not, what to do about it.

    Exit status: 0 it can, though there may be warnings; 1 it cannot; 2 wrong use.
    """
    settings = Settings.current()
    examination = Examination(settings, timeout)

    async def work(output: Output) -> None:
        findings: list[Finding] = []
        if kind == "text":
            output.line(output.paint(output.shown(settings.host_name), bold=True))
        async for finding in examination.findings():
            findings.append(finding)
            if kind == "text":
                for line in finding_lines(finding, output, output.width):
                    output.line(line)
        if kind == "json":
            output.record([attrs.asdict(finding) for finding in findings], indent=2)
        if any(finding.verdict == FAIL for finding in findings):
            raise click.exceptions.Exit(FAILED)

    run(work)

"""A thin command line: what the library says, a line each.

``--output text`` is for people: every character that could move a cursor is
escaped. ``--output json`` is for programs: JSON lines.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

import click

import virtinformer as vi

__all__ = ["cli", "printable"]

Command = TypeVar("Command", bound=Callable[..., Any])

_DOMAIN_FIELDS = (
    "name",
    "id",
    "persistent",
    "autostart",
    "resource_version",
    "generation",
    "incarnation",
    "settled",
)


def _options(command: Command) -> Command:
    """The options that every command has."""
    for option in (
        click.option("--xml", is_flag=True, help="Add the XML of the domain (JSON only)."),
        click.option(
            "--output",
            "-o",
            type=click.Choice(["text", "json"]),
            default="text",
            show_default=True,
            help="Lines for people, or JSON lines.",
        ),
        click.option(
            "--connect",
            "-c",
            "uri",
            metavar="URI",
            envvar=["VIRTINFORMER_URI", "LIBVIRT_DEFAULT_URI"],
            show_envvar=True,
            required=True,
            help="The host, as virsh has it: qemu:///system, test:///default, ….",
        ),
    ):
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(vi.__version__)
@click.option("--verbose", "-v", is_flag=True, help="Log to standard error what happens.")
def cli(verbose: bool) -> None:
    """Watch the domains of a libvirt host, versioned and in order."""
    level = logging.INFO if verbose else logging.ERROR
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s")


@cli.command()
@_options
def watch(uri: str, output: str, xml: bool) -> None:
    """Show every domain, and then every change as it happens."""

    async def run() -> None:
        async with vi.connect(uri) as informer:
            async for delta in informer.watch():
                _say(_delta_line(delta) if output == "text" else _delta_record(delta, xml))

    _run(run())


@cli.command()
@_options
def events(uri: str, output: str, xml: bool) -> None:
    """Show every event as it happens, in the order of the life cycle."""

    async def run() -> None:
        async with vi.connect(uri) as informer:
            async for event in informer.events():
                _say(_event_line(event) if output == "text" else event.to_dict(xml=xml))

    _run(run())


@cli.command()
@click.argument("names", metavar="[NAME]…", nargs=-1)
@_options
def get(names: tuple[str, ...], uri: str, output: str, xml: bool) -> None:
    """Show all domains, or those named, as they are now."""

    async def run() -> None:
        async with vi.connect(uri, resync_period=None) as informer:
            for domain in _chosen(informer, names):
                _say(_domain_line(domain) if output == "text" else _domain_record(domain, xml))

    _run(run())


def _chosen(informer: vi.DomainInformer, names: Iterable[str]) -> list[vi.Domain]:
    domains = {domain.name: domain for domain in informer.list()}
    missing = [name for name in names if name not in domains]
    if missing:
        raise click.ClickException(f"no domain named {', '.join(map(printable, missing))}")
    return [domains[name] for name in names or sorted(domains)]


def _run(main: Coroutine[Any, Any, None]) -> None:
    """Run to the end, or until interrupted, and turn our errors into one line."""
    try:
        asyncio.run(main)
    except vi.VirtInformerError as error:
        raise click.ClickException(printable(str(error))) from error
    except KeyboardInterrupt:
        # As a shell expects of a program that a signal has ended.
        raise click.exceptions.Exit(128 + signal.SIGINT) from None


def _say(line: str | dict[str, Any]) -> None:
    # click flushes after every line, so a pipe sees each one at once.
    click.echo(_encodable(line) if isinstance(line, str) else json.dumps(line))


# ---------------------------------------------------------------------- for people


def printable(text: str) -> str:
    """The text with every character escaped that is not plainly printable.

    A domain may be named by anyone who can define one; its name must not be
    able to move the cursor of the person who looks at it.
    """
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in text
    )


def _encodable(line: str) -> str:
    """The line with every character escaped that the terminal's encoding has not got."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"  # it may be closed
    return line.encode(encoding, "backslashreplace").decode(encoding)


def _delta_line(delta: vi.Added | vi.Updated | vi.Deleted | vi.Synced) -> str:
    match delta:
        case vi.Synced(resource_version=version):
            return f"= {version:>6} synced"
        case vi.Added(domain=domain):
            change = _state(domain)
        case vi.Deleted(reason=reason):
            change = reason.value
        case vi.Updated(old=old, domain=domain):
            change = _state(domain) if old.state is domain.state else _step(old, domain)
            change += f" {','.join(sorted(delta.changed))}" if delta.changed else ""
    sign = {vi.Added: "+", vi.Updated: "~", vi.Deleted: "-"}[type(delta)]
    told = " ".join(map(_event_word, delta.events)) or f"({delta.source.value})"
    name = printable(delta.domain.name)
    return f"{sign} {delta.resource_version:>6} {name} {change} {told}"


def _event_line(event: vi.DomainEvent) -> str:
    name = printable(event.domain_name)
    when = event.timestamp.isoformat(timespec="milliseconds")
    word = f"{event.type} {event.reason}".rstrip()
    mark = " (inferred)" if event.inferred else ""
    return f"{when} {event.resource_version:>6} {name} {word}{mark} -> {_state(event.domain)}"


def _domain_line(domain: vi.Domain) -> str:
    return f"{domain.resource_version:>6} {domain.uuid} {printable(domain.name)} {_state(domain)}"


def _event_word(event: vi.DomainEvent) -> str:
    return f"[{event.type}]" if event.inferred else event.type


def _state(domain: vi.Domain) -> str:
    return f"{domain.state} ({domain.reason})"


def _step(old: vi.Domain, new: vi.Domain) -> str:
    return f"{old.state} -> {_state(new)}"


# ---------------------------------------------------------------------- for programs


def _domain_record(domain: vi.Domain, xml: bool) -> dict[str, Any]:
    record = {
        "uuid": str(domain.uuid),
        "state": str(domain.state),
        "reason": str(domain.reason),
        "observed_at": domain.observed_at.isoformat(),
        **{name: getattr(domain, name) for name in _DOMAIN_FIELDS},
    }
    if xml:
        record |= {"xml": domain.xml, "config_xml": domain.config_xml}
    return record


def _delta_record(
    delta: vi.Added | vi.Updated | vi.Deleted | vi.Synced, xml: bool
) -> dict[str, Any]:
    record: dict[str, Any] = {
        "delta": type(delta).__name__,
        "resource_version": delta.resource_version,
    }
    if isinstance(delta, vi.Synced):
        return record
    record |= {
        "source": delta.source.value,
        "domain": _domain_record(delta.domain, xml),
        "events": [event.to_dict() for event in delta.events],
    }
    if isinstance(delta, vi.Updated):
        record |= {"old": _domain_record(delta.old, xml), "changed": sorted(delta.changed)}
    if isinstance(delta, vi.Deleted):
        record["reason"] = delta.reason.value
    return record

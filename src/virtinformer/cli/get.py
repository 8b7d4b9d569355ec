"""``virtinformer get``: the domains as they are, and with ``-w`` as they become."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Protocol

import click

import virtinformer as vi

from ..predicates import Predicate
from .columns import Columns, Row
from .completion import complete_names
from .opening import note, opened
from .output import Output
from .records import Record, delta_record, domain_record, list_record
from .running import run
from .selection import Selection, where_option
from .settings import Settings, options

__all__ = ["get"]


class Form(Protocol):
    """A form of the output: of all domains at once, and of what comes after."""

    def show(self, domains: list[vi.Domain], version: int, selection: Selection) -> None:
        """Show the domains, which are the state of a version."""

    def follow(self, delta: vi.Added | vi.Updated | vi.Deleted) -> None:
        """Show a change."""


class Table:
    """Columns for people."""

    def __init__(self, output: Output, *, wide: bool, headed: bool) -> None:
        self._output = output
        self._columns = Columns(output, wide=wide)
        self._headed = headed

    def show(self, domains: list[vi.Domain], version: int, selection: Selection) -> None:
        """A line for each."""
        rows = [Row(domain) for domain in domains]
        self._say(self._columns.lines(rows, datetime.now(UTC), headed=self._headed))
        if not domains:
            note("No domains." if selection.is_all else "No such domains.")

    def follow(self, delta: vi.Added | vi.Updated | vi.Deleted) -> None:
        """A line more, under the others."""
        gone = delta.reason if isinstance(delta, vi.Deleted) else None
        row = Row(delta.domain, gone)
        self._say(self._columns.lines([row], datetime.now(UTC), headed=False, fitted=False))

    def _say(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._output.line(line)


class Names:
    """A name on each line, as ``virsh list --name`` has it."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def show(self, domains: list[vi.Domain], version: int, selection: Selection) -> None:
        """The name of each."""
        for domain in domains:
            self._output.line(self._output.shown(domain.name))

    def follow(self, delta: vi.Added | vi.Updated | vi.Deleted) -> None:
        """The name of the one that changed."""
        self._output.line(self._output.shown(delta.domain.name))


class Xml:
    """The live XML; of several domains, inside one element."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def show(self, domains: list[vi.Domain], version: int, selection: Selection) -> None:
        """One document."""
        alone = len(selection.names) == 1 and len(domains) == 1
        texts = [domain.xml.strip() for domain in domains]
        self._say(*texts) if alone else self._say("<domains>", *texts, "</domains>")

    def follow(self, delta: vi.Added | vi.Updated | vi.Deleted) -> None:
        """A document more, of what still is."""
        if not isinstance(delta, vi.Deleted):
            self._say(delta.domain.xml.strip())

    def _say(self, *texts: str) -> None:
        for text in texts:
            self._output.line(self._output.xml(text))


class Records:
    """Values for programs: one document; while watching, one for each delta.

    Args:
        say: writes one.
        xml: whether to add the XML of domains.
    """

    def __init__(self, say: Callable[[Record], None], *, xml: bool) -> None:
        self._say = say
        self._xml = xml

    def show(self, domains: list[vi.Domain], version: int, selection: Selection) -> None:
        """A list; of one that was asked for by name, only that."""
        if len(selection.names) == 1 and domains:
            self._say(domain_record(domains[0], xml=self._xml))
        else:
            self._say(list_record(domains, version, xml=self._xml))

    def follow(self, delta: vi.Added | vi.Updated | vi.Deleted) -> None:
        """The record of the delta."""
        self._say(delta_record(delta, xml=self._xml))


def _form(kind: str, output: Output, *, xml: bool, headed: bool, watch: bool) -> Form:
    match kind:
        case "json":
            indent = None if watch else 2
            return Records(lambda record: output.record(record, indent=indent), xml=xml)
        case "yaml":
            return Records(lambda record: output.line(_yaml(record, apart=watch)), xml=xml)
        case "name":
            return Names(output)
        case "xml":
            return Xml(output)
    return Table(output, wide=kind == "wide", headed=headed)


def _yaml(record: Record, *, apart: bool) -> str:
    import yaml

    text: str = yaml.safe_dump(record, sort_keys=False, explicit_start=apart)
    return text.rstrip("\n")


@click.command()
@click.argument("names", metavar="[NAME|UUID]…", nargs=-1, shell_complete=complete_names)
@click.option(
    "--output",
    "-o",
    "kind",
    type=click.Choice(["table", "wide", "json", "yaml", "name", "xml"]),
    default="table",
    show_default=True,
    help="The form.",
)
@click.option("--watch", "-w", is_flag=True, help="Go on, and show each change as it happens.")
@where_option
@click.option("--no-headers", is_flag=True, help="Leave out the names of the columns.")
@click.option("--xml", is_flag=True, help="Add the XML of the domains, to JSON and YAML.")
@options
def get(
    names: tuple[str, ...],
    kind: str,
    watch: bool,
    where: Predicate | None,
    no_headers: bool,
    xml: bool,
) -> None:
    """Show all domains, or those named, as they are now.

    JSON and YAML are one document: of one NAME the domain, otherwise a list with the version
    that it is the state of. With -w each change follows as a document of its own (JSON: on one
    line), as `watch -o json` has them.
    """
    settings = Settings.current()
    selection = Selection(names, where)
    # What libvirt tells nobody is looked for only by those who stay.
    period = 60.0 if watch else None

    async def work(output: Output) -> None:
        form = _form(kind, output, xml=xml, headed=not no_headers, watch=watch)
        async with opened(settings, vigil=watch, resync_period=period) as informer:
            deltas = informer.watch(initial=False, where=selection.predicate)
            snapshot = informer.snapshot()
            domains = selection.of(snapshot)
            form.show(domains, snapshot.resource_version, selection)
            if not watch:
                return
            async for delta in deltas:
                if not isinstance(delta, vi.Synced):
                    form.follow(delta)

    run(work)

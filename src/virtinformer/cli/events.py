"""``virtinformer events``: every event, in the order of the life cycle."""

from __future__ import annotations

import asyncio
from fnmatch import fnmatchcase

import click

import virtinformer as vi

from ..predicates import Predicate
from .completion import complete_names
from .duration import duration
from .lines import event_line
from .opening import note, opened
from .output import Output, is_terminal
from .running import run
from .selection import Selection, where_option
from .settings import Settings, options

__all__ = ["events"]


@click.command()
@click.argument("names", metavar="[NAME|UUID]…", nargs=-1, shell_complete=complete_names)
@click.option(
    "--output",
    "-o",
    "kind",
    type=click.Choice(["lines", "json"]),
    default="lines",
    show_default=True,
    help="Lines for people, or a JSON object on each line.",
)
@click.option(
    "--type",
    "-t",
    "types",
    multiple=True,
    metavar="GLOB",
    help="Only events of this type (Started, Device*); may be given again.",
)
@where_option
@click.option(
    "--count", "-n", type=click.IntRange(min=1), metavar="N", help="End after so many events."
)
@click.option("--timeout", type=duration, metavar="DURATION", help="End after so long.")
@click.option("--no-inferred", is_flag=True, help="Only what libvirt really sent.")
@click.option("--xml", is_flag=True, help="Add the XML of the domains, to JSON.")
@options
def events(
    names: tuple[str, ...],
    kind: str,
    types: tuple[str, ...],
    where: Predicate | None,
    count: int | None,
    timeout: float | None,
    no_inferred: bool,
    xml: bool,
) -> None:
    """Show every event as it happens, in the order of the life cycle.

    It begins with the first event after the start: versions live as long as the program that
    gives them, so there is none to go on from. The end by --count or --timeout is a success.
    """
    settings = Settings.current()
    selection = Selection(names, where)

    def is_wanted(event: vi.DomainEvent) -> bool:
        known = not types or any(fnmatchcase(event.type, glob) for glob in types)
        return known and not (no_inferred and event.inferred)

    async def listen(informer: vi.DomainInformer, output: Output) -> None:
        told = 0
        async for event in informer.events(where=selection.predicate):
            if not is_wanted(event):
                continue
            if kind == "json":
                output.record(event.to_dict(xml=xml))
            else:
                output.line(event_line(event, output))
            told += 1
            if told == count:
                return

    async def work(output: Output) -> None:
        async with opened(settings, vigil=True) as informer:
            if output.is_terminal and is_terminal():
                note(f"Listening for events of {len(informer.snapshot())} domains; Ctrl-C ends.")
            try:
                async with asyncio.timeout(timeout):
                    await listen(informer, output)
            except TimeoutError:
                pass

    run(work)

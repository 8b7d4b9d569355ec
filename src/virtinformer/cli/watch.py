"""``virtinformer watch``: every change as it happens, as a live table or line by line."""

from __future__ import annotations

import click

from ..predicates import Predicate
from .completion import complete_names
from .lines import delta_line
from .opening import opened
from .output import Output
from .records import delta_record
from .running import run
from .selection import Selection, where_option
from .settings import Settings, options

__all__ = ["watch"]


@click.command()
@click.argument("names", metavar="[NAME|UUID]…", nargs=-1, shell_complete=complete_names)
@click.option(
    "--output",
    "-o",
    "kind",
    type=click.Choice(["table", "lines", "json"]),
    help="The form.  [default: table on a terminal, otherwise lines]",
)
@where_option
@click.option("--xml", is_flag=True, help="Add the XML of the domains, to JSON.")
@options
def watch(names: tuple[str, ...], kind: str | None, where: Predicate | None, xml: bool) -> None:
    """Show every domain, and then every change as it happens.

    On a terminal this is a table that is always current: what has just changed is lit up, and
    the last line tells whether the host is there. In a pipe it is a line for each change, and
    with -o json a JSON object on each line.
    """
    settings = Settings.current()
    selection = Selection(names, where)

    async def work(output: Output) -> None:
        form = kind or ("table" if output.can_redraw else "lines")
        if form == "table":
            await _table(settings, selection, output)
            return
        async with opened(settings, vigil=True) as informer:
            async for delta in informer.watch(where=selection.predicate):
                if form == "json":
                    output.record(delta_record(delta, xml=xml))
                else:
                    output.line(delta_line(delta, output))

    run(work)


async def _table(settings: Settings, selection: Selection, output: Output) -> None:
    if not output.can_redraw:
        raise click.UsageError("the live table needs a terminal; here, take -o lines or -o json")
    # Only those who see the table wait for rich to be loaded.
    from .live import show

    async with opened(settings) as informer:
        await show(informer, selection.predicate, output, settings.host_name)

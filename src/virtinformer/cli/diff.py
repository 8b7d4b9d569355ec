"""``virtinformer diff``: what changed in the XML, as it happens."""

from __future__ import annotations

from typing import Final

import click

import virtinformer as vi

from ..predicates import Predicate
from .completion import complete_names
from .lines import delta_line
from .opening import note, opened
from .output import Output, Style, is_terminal
from .running import run
from .selection import Selection, where_option
from .settings import Settings, options

__all__ = ["diff", "diff_lines"]

_STYLES: Final[tuple[tuple[str, Style], ...]] = (
    ("--- ", {"bold": True}),
    ("+++ ", {"bold": True}),
    ("@@", {"fg": "cyan"}),
    ("+", {"fg": "green"}),
    ("-", {"fg": "red"}),
)
"""As git colours a diff; the first that a line begins with."""


@click.command()
@click.argument("names", metavar="[NAME|UUID]…", nargs=-1, shell_complete=complete_names)
@where_option
@click.option("--all", "-a", "everything", is_flag=True, help="Also changes that leave the XML.")
@options
def diff(names: tuple[str, ...], where: Predicate | None, everything: bool) -> None:
    """Show the difference in the live XML at every change, as it happens.

    Above each difference stands the change that it belongs to, as `watch` has it.
    """
    settings = Settings.current()
    selection = Selection(names, where)

    async def work(output: Output) -> None:
        async with opened(settings, vigil=True) as informer:
            if output.is_terminal and is_terminal():
                known = len(list(filter(selection, informer.list())))
                note(f"Waiting for changes of {known} domains; Ctrl-C ends.")
            async for delta in informer.watch(initial=False, where=selection.predicate):
                if not isinstance(delta, vi.Synced):
                    _show(delta, output, everything=everything)

    run(work)


def _show(delta: vi.Added | vi.Updated | vi.Deleted, output: Output, *, everything: bool) -> None:
    lines = diff_lines(delta.diff(), output)
    if lines or everything:
        for line in (delta_line(delta, output), *lines):
            output.line(line)


def diff_lines(text: str, output: Output) -> list[str]:
    """The lines of a unified diff of XML, in colours where there are any."""
    return [_coloured(line, output) for line in output.xml(text).split("\n") if text]


def _coloured(line: str, output: Output) -> str:
    styles = (style for start, style in _STYLES if line.startswith(start))
    return output.paint(line, **next(styles, Style()))

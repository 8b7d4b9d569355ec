"""The options of each command, as a list in Markdown, from the commands themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from virtinformer.cli import cli

COMMON = "common"
"""What stands for the options that all commands have."""

COMMANDS = (COMMON, *(name for name in cli.commands if name != "completion"))


def options_of(name: str) -> str:
    """The list of a command's own options; of `COMMON`, those of the command above all."""
    context = click.Context(cli, info_name="virtinformer")
    common = [parameter.name for parameter in cli.get_params(context)]
    if name == COMMON:
        chosen = [each for each in cli.get_params(context) if not each.is_eager]
    else:
        command = cli.commands[name]
        chosen = [each for each in command.get_params(context) if each.name not in common]
    return "".join(_lines(chosen, context))


def _lines(parameters: list[click.Parameter], context: click.Context) -> Iterator[str]:
    for parameter in parameters:
        if isinstance(parameter, click.Option) and (record := parameter.get_help_record(context)):
            names, text = record
            # `[default: x]`, with whatever click has put around it.
            text = re.sub(r"\s+\[([^]]*)\]$", r" *(\1)*", text)
            text = re.sub(r"'([^']+)'|(--[a-z]+)", r"`\1\2`", text)
            yield f"`{names}`\n: {text}\n\n"

"""The command itself: its name, its version, and the commands below it."""

from __future__ import annotations

import click

import virtinformer as vi

from .completion import completion
from .diff import diff
from .doctor import doctor
from .events import events
from .get import get
from .settings import options
from .wait import wait
from .watch import watch

__all__ = ["cli"]


class Commands(click.Group):
    """The commands in the order in which they are met, not in that of the alphabet."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return list(self.commands)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(vi.__version__, prog_name="virtinformer")
@options
def cli() -> None:
    """Watch the domains of a libvirt host, versioned and in order.

    The host is named as for virsh: with -c URI, before or after the command, or by the
    environment, VIRTINFORMER_URI or LIBVIRT_DEFAULT_URI. Try `virtinformer -c test:///default
    watch`; and when something is wrong, `virtinformer doctor`.

    Exit status: 0 success; 1 an error; 2 wrong use; 124 the time of `wait` is over; 130 ended by
    Ctrl-C; 141 nobody reads the output any longer; 143 ended by SIGTERM.
    """


for _command in (get, watch, events, diff, wait, doctor, completion):
    cli.add_command(_command)

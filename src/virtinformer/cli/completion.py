"""Completion: for the shell, of commands, options and the names of domains.

A name is asked for with every press of a key, so only of a host that answers at
once and is there already: libvirt's test driver, or a daemon whose socket exists on
this machine. Nothing is started, no network is used, and no password asked for.
Offered are only names that are one plain word to every shell; any other would be
text that someone else has chosen, on a command line that is about to be run.
"""

from __future__ import annotations

import re
from typing import Final

import click
from click.shell_completion import CompletionItem, get_completion_class

from .settings import Settings

__all__ = ["complete_names", "completion"]

PATIENCE: Final = 1.0
"""Seconds that a person at a keyboard waits."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@%+,-]*")


def complete_names(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The plain names that begin so, of a host that is asked cheaply; never fails."""
    from .._libvirt.probe import names_of
    from .sockets import is_at_hand

    uri = Settings.of(context).uri
    if not uri or not is_at_hand(uri):
        return []
    given = set(context.params.get(parameter.name or "") or ())
    return [
        CompletionItem(name)
        for name in sorted(names_of(uri, PATIENCE))
        if name.startswith(incomplete) and _PLAIN.fullmatch(name) and name not in given
    ]


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    r"""Print the script that teaches a shell to complete this command.

    \b
    bash   source <(virtinformer completion bash)
    zsh    source <(virtinformer completion zsh)
    fish   virtinformer completion fish | source
    """
    script = get_completion_class(shell)
    assert script is not None
    root = click.get_current_context().find_root()
    click.echo(script(root.command, {}, "virtinformer", "_VIRTINFORMER_COMPLETE").source())

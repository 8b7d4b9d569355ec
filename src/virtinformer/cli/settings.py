"""What every command is told: which host, and how to speak.

These options stand before or after the name of the command (``virsh -c URI list``,
``kubectl get -v``); the later one wins, and the environment is asked last.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any, Final, TypeVar

import attrs
import click
from click.core import ParameterSource

import virtinformer as vi

from .._libvirt.probe import redact
from .duration import duration
from .output import Output

__all__ = ["VARIABLES", "Settings", "options"]

Command = TypeVar("Command", bound=Callable[..., Any] | click.Command)

VARIABLES: Final = ("VIRTINFORMER_URI", "LIBVIRT_DEFAULT_URI")
"""The environment variables that name the host, the first that is set."""


@attrs.define
class Settings:
    """The options that all commands share."""

    uri: str | None = None
    readonly: bool = False
    connect_timeout: float = 10.0
    color: str = "auto"
    verbose: bool = False
    debug: bool = False

    @classmethod
    def of(cls, context: click.Context) -> Settings:
        """Those of the command that is run; the first to ask makes them."""
        return context.find_root().ensure_object(cls)

    @classmethod
    def current(cls) -> Settings:
        """Those of the command that is running now."""
        return cls.of(click.get_current_context())

    @property
    def host(self) -> str:
        """The URI.

        Raises:
            click.UsageError: if none was given.
        """
        if self.uri:
            return self.uri
        raise click.UsageError(
            f"which host? Name it with -c URI (qemu:///system, test:///default), "
            f"or set {' or '.join(VARIABLES)}.",
            click.get_current_context(silent=True),
        )

    @property
    def host_name(self) -> str:
        """The URI as it may be shown: without the passwords in it."""
        return redact(self.host)

    def output(self) -> Output:
        """Standard output, as it is to be used."""
        if sys.stdout is None:  # closed by whoever started us
            raise click.ClickException("there is no standard output to write to")
        return Output(sys.stdout, self.color)

    def informer(self, resync_period: float | None = 60.0) -> vi.DomainInformer:
        """An informer of the host, to be opened."""
        return vi.connect(
            self.host,
            resync_period=resync_period,
            read_only=self.readonly,
            connect_timeout=self.connect_timeout,
        )

    def log(self) -> None:
        """Have the library's log on standard error, as far as it is wanted."""
        level = logging.DEBUG if self.debug else logging.INFO if self.verbose else logging.CRITICAL
        logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s")


def options(command: Command) -> Command:
    """Give a command the options that all have."""
    for option in _OPTIONS:
        command = option(command)
    return command


def _remember(context: click.Context, parameter: click.Parameter, value: object) -> None:
    """Keep what was given; what came of the environment or a default replaces nothing."""
    if value is None or parameter.name is None:
        return
    source = context.get_parameter_source(parameter.name)
    settings = Settings.of(context)
    if source is ParameterSource.COMMANDLINE or (
        source is ParameterSource.ENVIRONMENT and not getattr(settings, parameter.name)
    ):
        setattr(settings, parameter.name, value)


def _option(*names: str, **details: Any) -> Callable[[Any], Any]:  # noqa: ANN401 - as of click
    return click.option(*names, callback=_remember, expose_value=False, **details)


_OPTIONS: Final = (
    _option("--debug", is_flag=True, help="Show tracebacks, and log everything."),
    _option("--verbose", "-v", is_flag=True, help="Log to standard error what happens."),
    _option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        help="Whether to use colours; auto: on a terminal, unless NO_COLOR is set.",
    ),
    _option(
        "--connect-timeout",
        type=duration,
        metavar="DURATION",
        help="How long to wait for a host that is not up.  [default: 10s]",
    ),
    _option(
        "--readonly", "-r", is_flag=True, help="Open a connection that cannot change anything."
    ),
    _option(
        "--connect",
        "-c",
        "uri",
        metavar="URI",
        envvar=list(VARIABLES),
        show_envvar=True,
        help="The host, as virsh has it: qemu:///system, test:///default, ….",
    ),
)

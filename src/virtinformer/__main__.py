"""``python -m virtinformer``, and the console script of the same name."""

from __future__ import annotations

import signal
import sys

__all__ = ["main"]

_EXTRA = ("click", "rich", "yaml")


def main() -> None:
    """Run the command line, or say what it needs."""
    try:
        _run()
    except KeyboardInterrupt:  # before the command was there to end itself
        sys.exit(128 + signal.SIGINT)


def _run() -> None:
    try:
        from .cli import cli
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        sys.exit(f"The command line needs {error.name}: pip install 'virtinformer[cli]'")
    cli(prog_name="virtinformer")


if __name__ == "__main__":
    main()

"""``python -m virtinformer``, and the console script of the same name."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line, or say what it needs."""
    try:
        from .cli import cli
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        sys.exit("The command line needs click: pip install 'virtinformer[cli]'")
    cli(prog_name="virtinformer")


if __name__ == "__main__":
    main()

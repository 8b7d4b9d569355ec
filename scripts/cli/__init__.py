"""What `docs/cli.md` shows of the command line: pictures, and the options of each command.

``python -m scripts.cli`` writes `docs/cli/`. Nothing of it depends on the time or on a host: the
domains are made up, and drawn by the code that draws real ones.
"""

from __future__ import annotations

from pathlib import Path

from .options import COMMANDS, options_of
from .pictures import PICTURES, picture

__all__ = ["COMMANDS", "FOLDER", "PICTURES", "options_of", "picture"]

FOLDER = Path(__file__).parents[2] / "docs" / "cli"

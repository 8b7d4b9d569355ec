"""The pictures in the documentation, made from what they show.

``python -m scripts.diagrams`` writes them to ``docs/diagrams``. A test compares what is there with
what the tables, the recorded traces and a run on a made-up host give today; so no picture can say
what the code no longer does. As h11 does it with the tables of its state machine.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from . import lifecycle, machine, race, replies
from .svg import Picture

__all__ = ["FOLDER", "PICTURES"]

FOLDER: Final = Path(__file__).parents[2] / "docs" / "diagrams"

PICTURES: Final[tuple[Callable[[], Picture], ...]] = (
    machine.picture,
    lifecycle.runs,
    lifecycle.existence,
    replies.picture,
    race.picture,
)
"""What makes each of them."""

"""The page in the docs: the text around the tables stands in ``page.md`` beside this module."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from string import Template
from typing import Final

from tests.peers import tables
from tests.peers.adapters import ADAPTERS
from tests.peers.outcome import Outcome
from tests.peers.scenarios import SCENARIOS

__all__ = ["page", "versions"]

_TEMPLATE: Final = Path(__file__).with_name("page.md")


def page(outcomes: Sequence[Outcome]) -> str:
    """The whole page."""
    return Template(_TEMPLATE.read_text("utf-8")).substitute(
        date=datetime.now(UTC).date().isoformat(),
        scenarios=len(SCENARIOS),
        versions=versions(),
        by_promise=tables.by_promise(outcomes),
        by_scenario=tables.by_scenario(outcomes),
        findings=tables.findings(outcomes),
    )


def versions() -> str:
    """Of Python and of all packages that take part."""
    packages = [name for adapter in ADAPTERS.values() for name in adapter.packages]
    installed = [f"{name} {version(name)}" for name in packages]
    return ", ".join([f"Python {platform.python_version()}", *installed])

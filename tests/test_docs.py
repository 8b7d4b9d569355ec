"""What the documentation shows, runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SNIPPETS = [
    pytest.param(code, id=f"{page.name}:{number}")
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    for number, code in enumerate(
        re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL), 1
    )
]


@pytest.mark.parametrize("code", SNIPPETS)
def test_a_snippet_runs(code: str) -> None:
    """As it stands, pasted into a file. One that watches for ever is left after its first lines."""
    watches = "watch()" in code
    process = subprocess.Popen(
        [sys.executable, "-u", "-W", "error", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        if watches:
            lines = iter(process.stdout)
            assert next(lines).startswith("+ test ")
            assert next(lines).startswith("= everything known so far, at ")
            process.terminate()
        out, err = process.communicate(timeout=30)
        assert err == "", out
        assert watches or process.returncode == 0
    finally:
        process.kill()
        process.communicate()

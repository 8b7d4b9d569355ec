"""The peers, in a virtual environment of their own.

It is made once and kept under the user's cache directory, by what is asked for: another
version of a peer, or another Python, is another environment. What is asked for is the
dependency group `peers` of `pyproject.toml`, as for `nox -s peers`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

__all__ = ["python_with_peers"]

ROOT = Path(__file__).parent.parent


def python_with_peers() -> Path:
    """The interpreter of the peers' environment, which is made if it is not there.

    Raises:
        subprocess.CalledProcessError: if it cannot be made; pip has then said why.
    """
    wanted = _requirements()
    home = _cache() / f"peers-{_digest([sys.version, *wanted])}"
    python = home / "bin" / "python"
    if not (home / "complete").exists():
        print(f"making an environment for {', '.join(wanted)}", file=sys.stderr, flush=True)
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *wanted], check=True, stdout=sys.stderr)
        (home / "complete").touch()
    return python


def _requirements() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return list(project["dependency-groups"]["peers"])


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "virtinformer-bench"


def _digest(parts: list[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]

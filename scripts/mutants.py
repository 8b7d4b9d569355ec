"""Mutants of the pure core: small changes to it, one at a time, that a test has to notice.

mutmut makes them, and runs for each the tests of `tests/core` that reach the function it is in.
It writes beside what it mutates, so all of this happens in a copy. There each property is
written as a function and a call of `property`, which means the same: mutmut leaves whatever is
decorated as it is, and not a few of the core's decisions are properties.

Prints the figures by module, and each survivor as a diff. Fails where less than `ENOUGH` of a
hundred are killed. `docs/proof/mutants.md` says why those that survive may.
"""

from __future__ import annotations

import argparse
import ast
import json
import resource
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

CORE = Path("src/virtinformer/_core")
ENOUGH = 95
MEMORY = 4 << 30
OUTCOMES = {
    1: "killed",  # a test failed
    3: "killed",  # pytest itself did
    24: "timeout",  # these are SIGXCPU, as told by different shells
    -24: "timeout",
    152: "timeout",
    36: "timeout",
    255: "timeout",
}
"""What mutmut remembers of a mutant: the exit code of its test run."""


def copy_to(target: Path) -> None:
    """What the tests of the core need; results that mutmut has there are kept."""
    # Which test reaches what: mutmut asks only new tests for that, but a function may be new, too.
    (target / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)
    for name in ("src", "tests"):
        shutil.rmtree(target / name, ignore_errors=True)
        shutil.copytree(name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy("pyproject.toml", target)
    for module in (target / CORE).glob("*.py"):
        module.write_text(with_plain_properties(module.read_text()))


def with_plain_properties(source: str) -> str:
    """The same module with `@property` written as a call after the function."""
    lines = source.splitlines()
    for node in reversed(properties(source)):
        first, last = node.lineno - 1, node.end_lineno
        indent = " " * node.col_offset
        assert last is not None
        lines[first] = lines[first].replace(f"def {node.name}(", f"def get_{node.name}(")
        lines.insert(last, f"{indent}{node.name} = property(get_{node.name})")
        del lines[first - 1]  # the decorator
    return "\n".join([*lines, ""])


def properties(source: str) -> list[ast.FunctionDef]:
    """From top to bottom."""
    found = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef)
        and [ast.unparse(decorator) for decorator in node.decorator_list] == ["property"]
    ]
    return sorted(found, key=lambda node: node.lineno)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--copy", type=Path, help="where to work; what was found there is kept")
    parser.add_argument("mutants", nargs="*", help="only these, again")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        copy = arguments.copy or Path(temporary)
        copy.mkdir(parents=True, exist_ok=True)
        copy_to(copy)
        # A mutant that never ends may well eat memory while it does not.
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        subprocess.run(["mutmut", "run", *arguments.mutants], cwd=copy, check=True)
        return report(copy)


def report(copy: Path) -> int:
    total: Counter[str] = Counter()
    survivors: list[str] = []
    for path in sorted((copy / "mutants" / CORE).glob("*.py.meta")):
        results = json.loads(path.read_text())["exit_code_by_key"]
        outcomes = {name: outcome(code) for name, code in results.items() if code is not None}
        survivors += [name for name, word in outcomes.items() if word == "survived"]
        counts = Counter(outcomes.values())
        print(f"{path.name.removesuffix('.py.meta'):12}", line(counts))
        total += counts
    print(f"{'all':12}", line(total))
    for name in survivors:
        print(f"\n{name}", flush=True)
        subprocess.run(["mutmut", "show", name], cwd=copy, check=True)
    return 100 * (total["killed"] + total["timeout"]) < ENOUGH * total.total()


def outcome(code: int) -> str:
    """Whatever is not known to be killed is a survivor: a mutant without a test, too."""
    return OUTCOMES.get(code, "survived")


def line(counts: Counter[str]) -> str:
    if not counts:
        return "nothing was tried"
    killed = counts["killed"] + counts["timeout"]
    figures = ", ".join(f"{counts[word]} {word}" for word in ("killed", "timeout", "survived"))
    return f"{counts.total():5} mutants: {figures} ({100 * killed / counts.total():.1f} % killed)"


if __name__ == "__main__":
    sys.exit(main())

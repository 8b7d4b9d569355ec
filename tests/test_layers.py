"""Imports point one way.

Each rule is read from ARCHITECTURE: the pure core knows nothing of the world, one package
knows libvirt, and the informer does not know which host it informs about. Imports that only
a type checker follows count where a rule is about layers of our own, and so do those inside
functions; the few that are allowed to be late are named.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

SRC = Path(__file__).parent.parent / "src"
PACKAGE = "virtinformer"


@attrs.frozen
class Import:
    """One imported module, in full, and when it is imported."""

    module: str
    late: bool
    """Inside a function, or for a type checker only."""

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]


def parse(path: Path) -> set[Import]:
    parts = list(path.relative_to(SRC).with_suffix("").parts)
    package = parts[:-1]
    return set(_imports(ast.parse(path.read_text()), package, late=False))


def _imports(node: ast.AST, package: list[str], *, late: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.Import(names=names):
                yield from (Import(name.name, late) for name in names)
            case ast.ImportFrom():
                yield from (Import(module, late) for module in _from(child, package))
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from _imports(child, package, late=True)
            case ast.If(test=test) if "TYPE_CHECKING" in ast.unparse(test):
                yield from _imports(child, package, late=True)
            case _:
                yield from _imports(child, package, late=late)


def _from(node: ast.ImportFrom, package: list[str]) -> Iterator[str]:
    """`from . import a` names a module, `from .a import b` as well, but only up to `a`."""
    if not node.level:
        base = [node.module or ""]
    else:
        base = package[: len(package) - node.level + 1]
        base = [*base, *([node.module] if node.module else [])]
    stem = ".".join(base)
    for name in node.names:
        yield f"{stem}.{name.name}" if _is_module(f"{stem}.{name.name}") else stem


def _is_module(name: str) -> bool:
    path = SRC / name.replace(".", "/")
    return path.is_dir() or path.with_suffix(".py").exists()


FILES = sorted((SRC / PACKAGE).rglob("*.py"))
IMPORTS = {path.relative_to(SRC / PACKAGE).as_posix(): parse(path) for path in FILES}


def below(folder: str) -> dict[str, set[Import]]:
    found = {name: imports for name, imports in IMPORTS.items() if name.startswith(folder)}
    assert found, f"no module matches {folder}: has it moved? Then move its rule, too"
    return found


def own(imports: set[Import], *, late: bool = True) -> set[str]:
    """Of ours, by the second part of the name: `_core`, `source`, …"""
    names = {i.module for i in imports if i.top == PACKAGE and (late or not i.late)}
    return {[*name.split("."), ""][1] for name in names}


def others(imports: set[Import]) -> set[str]:
    return {i.top for i in imports} - {PACKAGE, "__future__"}


def violations(folder: str, *allowed: str, late: bool = True) -> dict[str, set[str]]:
    """What modules below a folder import of ours and may not."""
    found = {
        name: own(imports, late=late) - set(allowed) for name, imports in below(folder).items()
    }
    return {name: wrong for name, wrong in found.items() if wrong}


COMMAND_LINE = ("cli/advice.py", "cli/completion.py", "cli/doctor.py", "cli/settings.py")
"""Those of its modules that look at a host without an informer."""

IMPURE = {
    "anyio", "asyncio", "concurrent", "contextvars", "libvirt", "logging",
    "multiprocessing", "os", "queue", "random", "secrets", "select", "selectors", "signal",
    "socket", "subprocess", "tempfile", "threading", "time",
}  # fmt: skip


def test_the_core_imports_the_standard_library_and_attrs_only() -> None:
    strange = {
        name: others(imports) - set(sys.stdlib_module_names) - {"attr", "attrs"}
        for name, imports in below("_core/").items()
    }
    assert not {name: wrong for name, wrong in strange.items() if wrong}


def test_the_core_has_no_loop_no_thread_no_clock_no_chance_and_no_log() -> None:
    impure = {name: others(imports) & IMPURE for name, imports in below("_core/").items()}
    assert not {name: wrong for name, wrong in impure.items() if wrong}


def test_the_core_imports_nothing_of_ours_outside_itself() -> None:
    assert not violations("_core/", "_core")


def test_the_model_is_at_the_bottom_of_the_core() -> None:
    core = {
        module.module.removeprefix(f"{PACKAGE}._core.")
        for module in below("_core/model.py")["_core/model.py"]
        if module.top == PACKAGE
    }
    assert core <= {"packed", "vocabulary"}
    assert not own(below("_core/vocabulary.py")["_core/vocabulary.py"])


def test_only_one_package_imports_libvirt() -> None:
    importers = {name for name, imports in IMPORTS.items() if "libvirt" in others(imports)}
    assert importers
    assert {name for name in importers if not name.startswith("_libvirt/")} == set()


@pytest.mark.parametrize(
    ("folder", "allowed"),
    [
        ("exceptions.py", set()),
        ("source.py", {"_core"}),
        ("predicates/", {"predicates", "_core", "exceptions"}),
        ("_libvirt/", {"_libvirt", "source", "_core", "exceptions"}),
        ("_connect.py", {"_core", "_libvirt", "exceptions", "informer", "source"}),
        ("cli/", {"", "_libvirt", "cli", "predicates"}),
        ("calling.py", set()),
        ("workers.py", {"_core", "calling"}),
        (
            "controller.py",
            {"_core", "calling", "exceptions", "handlers", "informer", "streams", "workers"},
        ),
    ],
)
def test_a_module_imports_only_what_is_below_it(folder: str, allowed: set[str]) -> None:
    assert not violations(folder, *allowed)


def test_the_informer_does_not_know_which_host_it_informs_about() -> None:
    knowing = {name for name, imports in IMPORTS.items() if {"_libvirt", "_connect"} & own(imports)}
    assert {name for name in knowing if not name.startswith("_libvirt/")} == {
        "__init__.py",
        "_connect.py",
        *COMMAND_LINE,
    }


def test_the_command_line_knows_libvirt_only_by_looking_at_a_host() -> None:
    for name in COMMAND_LINE:
        modules = {found.module for found in below(name)[name]}
        assert {module for module in modules if f"{PACKAGE}._libvirt" in module} == {
            f"{PACKAGE}._libvirt.probe"
        }


def test_only_the_command_line_imports_what_it_alone_needs() -> None:
    needing = {
        name for name, imports in IMPORTS.items() if {"click", "rich", "yaml"} & others(imports)
    }
    assert {name for name in needing if not name.startswith("cli/")} == set()


def test_nothing_below_knows_the_controller() -> None:
    knowing = {name for name, each in IMPORTS.items() if {"controller", "workers"} & own(each)}
    assert knowing <= {"__init__.py", "controller.py", "metrics.py", "prometheus.py"}


def test_the_test_host_needs_the_port_only() -> None:
    assert not violations("testing/", "testing", "source", "_core", "exceptions", late=False)
    assert not violations("testing/", "testing", "source", "_core", "exceptions", "informer")


def test_every_module_says_what_it_exports() -> None:
    silent = [
        name
        for name, path in zip(IMPORTS, FILES, strict=True)
        if "__all__" not in path.read_text() and path.name not in {"__init__.py", "__main__.py"}
    ]
    assert not silent

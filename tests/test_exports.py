"""The one door: what `virtinformer` exports, and that it is all there and documented."""

from __future__ import annotations

import ast
import inspect
import pickle
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import TypeVar

import attrs
import pytest

import virtinformer
import virtinformer.predicates
import virtinformer.prometheus
import virtinformer.testing

PUBLIC = (virtinformer, virtinformer.predicates, virtinformer.prometheus, virtinformer.testing)
NAMES = [pytest.param(m, name, id=f"{m.__name__}.{name}") for m in PUBLIC for name in m.__all__]


@pytest.mark.parametrize("module", PUBLIC, ids=lambda module: module.__name__)
def test_all_is_sorted_and_complete(module: ModuleType) -> None:
    names: list[str] = module.__all__
    # A package is a face, and imports what it shows; a module imports what it needs.
    ours = "virtinformer" if hasattr(module, "__path__") else module.__name__
    assert names == sorted(names, key=lambda name: (name.islower(), name))
    public = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not isinstance(value, ModuleType | TypeVar)
        and getattr(value, "__module__", "").startswith(ours)
    }
    assert public <= set(names)
    assert all(hasattr(module, name) for name in names)


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_everything_public_is_documented(module: ModuleType, name: str) -> None:
    value = getattr(module, name)
    if not (inspect.isclass(value) or inspect.isfunction(value)):
        return
    assert value.__doc__
    members = own_members(value) if inspect.isclass(value) else {}
    assert [member for member in members if not inspect.getdoc(getattr(value, member))] == []


def own_members(cls: type) -> set[str]:
    """The public methods and properties that it has from this library, its own and inherited."""
    return {
        name
        for base in cls.__mro__
        if base.__module__.startswith("virtinformer")
        for name, member in vars(base).items()
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property))
    }


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_every_field_is_documented(module: ModuleType, name: str) -> None:
    """In the docstring of its class: there is no other place that the reference takes it from."""
    value = getattr(module, name)
    if not (inspect.isclass(value) and attrs.has(value)):
        return
    said = set(re.findall(r"\w+", value.__doc__ or ""))
    fields = {field.name for field in attrs.fields(value) if not field.name.startswith("_")}
    assert fields - said == set()


def test_the_errors_have_one_root() -> None:
    errors = [
        value
        for name in virtinformer.__all__
        if isinstance(value := getattr(virtinformer, name), type) and issubclass(value, Exception)
    ]
    assert len(errors) == 6
    assert all(issubclass(error, virtinformer.VirtInformerError) for error in errors)


def test_each_public_name_has_one_home_and_a_type() -> None:
    assert sorted(virtinformer._HOMES) == sorted(virtinformer.__all__)
    assert _imported_for_type_checkers() == virtinformer._HOMES


def _imported_for_type_checkers() -> dict[str, str | None]:
    module = ast.parse(Path(virtinformer.__file__).read_text())
    (block,) = (
        node.body
        for node in module.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    return {
        alias.name: node.module
        for node in block
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_a_name_is_itself_wherever_it_is_imported_from() -> None:
    for name, home in virtinformer._HOMES.items():
        value = getattr(virtinformer, name)
        assert getattr(sys.modules[f"virtinformer.{home}"], name) is value
        assert vars(virtinformer)[name] is value  # asked for once
    assert pickle.loads(pickle.dumps(virtinformer.DomainState.RUNNING)).name == "RUNNING"


def test_everything_public_is_listed() -> None:
    assert {*virtinformer.__all__, "__version__", "__doc__"} <= set(dir(virtinformer))


def test_what_is_not_there_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="'virtinformer' has no attribute 'Informer'"):
        virtinformer.Informer  # type: ignore[attr-defined]  # noqa: B018
    assert not hasattr(virtinformer, "_informer")
    assert not hasattr(virtinformer, "__wrapped__")


def run(code: str) -> str:
    """What a new interpreter says."""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_importing_the_package_imports_nothing_else() -> None:
    ask = "; import sys; print({'attrs', 'asyncio', 'anyio', 'libvirt'} & {*sys.modules})"
    assert run(f"import virtinformer{ask}") == "set()"
    # Nor do values need a host.
    assert run(f"from virtinformer import Domain, ConnectError{ask}") == "{'attrs'}"


def test_submodules_are_attributes() -> None:
    code = "import virtinformer as vi; print(vi.testing.FakeHost.__name__, vi.informer.__name__)"
    assert run(code) == "FakeHost virtinformer.informer"


def test_everything_can_be_imported_at_once() -> None:
    code = "from virtinformer import *; print(connect.__module__, Domain.__module__)"
    assert run(code) == "virtinformer._connect virtinformer._core.model"


def test_threads_ask_first_at_the_same_time() -> None:
    code = """
import threading, virtinformer as vi
names = [*vi.__all__]
wrong = []
start = threading.Barrier(8)
def ask(names):
    start.wait()
    wrong.extend(name for name in names if getattr(vi, name).__name__ != name)
threads = [threading.Thread(target=ask, args=(names[i:] + names[:i],)) for i in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(wrong)
"""
    assert run(code) == "[]"


def test_nothing_is_said_on_standard_error_where_no_log_was_set_up() -> None:
    code = """
import logging, virtinformer as vi
vi.connect
logging.getLogger("virtinformer.runner").error("odd")
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stderr == ""


def test_every_public_name_is_in_the_code_for_type_checkers() -> None:
    """That is for mypy and pyright, and not run; see there."""
    used = {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for node in ast.walk(ast.parse((Path(__file__).parent / "typing" / "api.py").read_text()))
        if isinstance(node, ast.Attribute | ast.Name)
    }
    public = virtinformer, virtinformer.predicates, virtinformer.prometheus, virtinformer.testing
    assert {name for module in public for name in module.__all__} <= used

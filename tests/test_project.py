"""The project around the code: what is shipped, and what its files say of each other."""

from __future__ import annotations

import importlib
import os
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import virtinformer

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
VERSION = virtinformer.__version__


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    backend = importlib.import_module("hatchling.build")
    folder = tmp_path_factory.mktemp("wheel")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        name = backend.build_wheel(str(folder))
    with zipfile.ZipFile(folder / name) as archive:
        yield archive


def test_the_wheel_holds_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    package = ROOT / "src" / "virtinformer"
    ours = {
        path.relative_to(ROOT / "src").as_posix()
        for path in package.rglob("*")
        if path.suffix == ".py" or path.name == "py.typed"
    }
    shipped = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert shipped == ours


def test_the_wheel_is_typed_and_licensed(wheel: zipfile.ZipFile) -> None:
    info = f"virtinformer-{VERSION}.dist-info"
    assert "virtinformer/py.typed" in wheel.namelist()
    assert wheel.read(f"{info}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
    assert b"License-Expression: Apache-2.0" in wheel.read(f"{info}/METADATA")


def test_running_it_needs_three_packages(wheel: zipfile.ZipFile) -> None:
    names = {requirement.partition(">=")[0] for requirement in PROJECT["dependencies"]}
    assert names == {"anyio", "attrs", "libvirt-python"}
    assert set(PROJECT["optional-dependencies"]) == {"cli", "prometheus"}


def test_the_changelog_has_this_version() -> None:
    assert f"## [{VERSION}]" in (ROOT / "CHANGELOG.md").read_text()


def test_the_version_is_written_once(wheel: zipfile.ZipFile) -> None:
    assert "version" in PROJECT["dynamic"]
    assert f"Version: {VERSION}\n".encode() in wheel.read(
        f"virtinformer-{VERSION}.dist-info/METADATA"
    )


@pytest.mark.parametrize("name", ["scripts/demo", "scripts/test", ".ci/run"])
def test_a_command_can_be_run(name: str) -> None:
    path = ROOT / name
    assert os.access(path, os.X_OK)
    assert path.read_text().startswith("#!/usr/bin/env bash\n")


def test_every_exported_name_is_there() -> None:
    assert [name for name in virtinformer.__all__ if not hasattr(virtinformer, name)] == []


# ------------------------------------------------------------------ .github

FORMS = [
    path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config"
]


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_an_issue_form_is_one(path: Path) -> None:
    form = yaml.safe_load(path.read_text())
    assert {"name", "description", "body"} <= set(form)
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in fields}) == len(fields)
    assert all(field["attributes"]["label"] for field in fields)
    assert any(field.get("validations", {}).get("required") for field in fields)


def test_only_a_tag_is_published_and_only_what_was_tested() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "publish.yml").read_text())
    assert workflow[True] == {"push": {"tags": ["v*"]}}  # YAML 1.1 reads `on` so
    assert workflow["permissions"] == {}
    build, publish = workflow["jobs"]["build"], workflow["jobs"]["publish"]
    assert "nox -s release" in [step.get("run") for step in build["steps"]]
    assert publish["needs"] == "build"
    assert publish["permissions"] == {"id-token": "write"}
    assert not any("checkout" in step.get("uses", "") for step in publish["steps"])

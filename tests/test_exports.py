"""The one door: what `virtinformer` exports, and that it is all there and documented."""

from __future__ import annotations

import inspect

import pytest

import virtinformer
import virtinformer.predicates
import virtinformer.testing


@pytest.mark.parametrize("module", [virtinformer, virtinformer.predicates, virtinformer.testing])
def test_all_is_sorted_and_complete(module: object) -> None:
    names: list[str] = module.__all__  # type: ignore[attr-defined]
    assert names == sorted(names, key=lambda name: (name.islower(), name))
    public = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not inspect.ismodule(value)
        and getattr(value, "__module__", "").startswith("virtinformer")
    }
    assert public <= set(names)
    assert all(hasattr(module, name) for name in names)


@pytest.mark.parametrize("name", virtinformer.__all__ + virtinformer.testing.__all__)
def test_everything_public_is_documented(name: str) -> None:
    value = getattr(virtinformer, name, None) or getattr(virtinformer.testing, name)
    if not (inspect.isclass(value) or inspect.isfunction(value)):
        return
    assert inspect.getdoc(value)
    for attribute, member in vars(value).items():
        if attribute.startswith("_") or not inspect.isclass(value):
            continue
        function = member.fget if isinstance(member, property) else member
        if inspect.isfunction(function):
            assert inspect.getdoc(getattr(value, attribute)), f"{name}.{attribute}"


def test_the_errors_have_one_root() -> None:
    errors = [
        value
        for name in virtinformer.__all__
        if isinstance(value := getattr(virtinformer, name), type) and issubclass(value, Exception)
    ]
    assert len(errors) == 6
    assert all(issubclass(error, virtinformer.VirtInformerError) for error in errors)

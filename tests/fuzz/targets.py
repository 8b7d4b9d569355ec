"""The targets by name, and how one of them is asked."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Final

import attrs

__all__ = ["NAMES", "Target", "target"]

NAMES: Final = ("callbacks", "lifecycle", "machine", "names", "reads", "reflector", "xml")


@attrs.frozen
class Target:
    """One of the modules: bytes to inputs, inputs to a verdict.

    Attributes:
        length: of more bytes nothing new comes.
    """

    name: str
    decode: Callable[[bytes], list[Any]]
    run: Callable[[list[Any]], None]
    length: int

    def __call__(self, data: bytes) -> None:
        """Judge what these bytes mean; a failure names the inputs.

        Raises:
            Exception: what the code raised, or the judge.
        """
        inputs = self.decode(data)
        try:
            self.run(inputs)
        except BaseException as error:
            error.add_note(self.story(data))
            raise

    def story(self, data: bytes) -> str:
        """A test of these bytes, to be pasted into a module of tests and given a name."""
        lines = "".join(f"            {each!r},\n" for each in self.decode(data))
        module = f"{__package__}.{self.name}"
        exported = importlib.import_module(module).__all__
        words = [word for word in exported if f"{word}(" in lines]
        return (
            "from uuid import UUID\n"
            f"from {module} import {', '.join([*words, 'run'])}\n\n"
            f"def test_something() -> None:  # bytes.fromhex({data.hex()!r})\n"
            f"    run(\n        [\n{lines}        ]\n    )\n"
        )


LENGTHS: Final = {"lifecycle": 64, "names": 512, "callbacks": 512, "reads": 256, "xml": 512}


def target(name: str) -> Target:
    """The target of that name; only now is its module imported, with what it fuzzes."""
    module = importlib.import_module(f"{__package__}.{name}")
    return Target(name, module.decode, module.run, LENGTHS.get(name, 1024))

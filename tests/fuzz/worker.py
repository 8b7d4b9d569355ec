"""One target under atheris; ends its process. See `tests.fuzz.__main__`.

The only module that needs atheris, which has no types, is not part of the tests'
dependencies, and instruments what is imported after it.
"""

from __future__ import annotations

import importlib
import logging
import shlex
import sys
from typing import Any

from .targets import target


def main() -> None:
    atheris: Any = importlib.import_module("atheris")
    name = sys.argv.pop(1)
    logging.getLogger().addHandler(logging.NullHandler())
    with atheris.instrument_imports(include=["virtinformer"], enable_loader_override=False):
        tried = target(name)

    def judged(data: bytes) -> None:
        try:
            tried(data)
        except BaseException as error:
            sys.stderr.write("\n".join(getattr(error, "__notes__", [])))
            sys.stderr.flush()
            raise

    # To merge, libFuzzer starts itself again, by a shell, as what it finds in front.
    itself = shlex.join([sys.executable, "-m", f"{__package__}.worker", name])
    atheris.Setup([itself, *sys.argv[1:]], judged)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

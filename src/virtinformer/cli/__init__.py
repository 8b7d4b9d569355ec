"""The command line ``virtinformer``: what the library says, for people and for scripts.

Its conventions are those of virsh (``-c URI`` and the environment) and kubectl
(``-o``, ``-w``, ``--for``). Output is for people on a terminal and for programs in a
pipe; names of domains, which others choose, reach neither unescaped.

The parts: `settings` (which host), `running` (from start to exit status), `opening`
(the informer, and progress), `output` and `text` (what may be written), `selection`
(which domains), and a module for each command.
"""

from __future__ import annotations

from .root import cli
from .text import printable

__all__ = ["cli", "printable"]

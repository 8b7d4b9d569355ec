"""``python -m scripts.cli``: write every picture, and every list of options."""

from __future__ import annotations

from . import COMMANDS, FOLDER, PICTURES, options_of, picture

FOLDER.mkdir(exist_ok=True)
files = {f"{name}.svg": picture(name) for name in PICTURES}
files |= {f"{name}.txt": options_of(name) for name in COMMANDS}
for name, text in files.items():
    (FOLDER / name).write_text(text, "utf-8")
    print((FOLDER / name).relative_to(FOLDER.parents[1]))

"""``python -m scripts.diagrams``: write every picture."""

from __future__ import annotations

from . import FOLDER, PICTURES

FOLDER.mkdir(exist_ok=True)
for make in PICTURES:
    picture = make()
    path = FOLDER / f"{picture.name}.svg"
    path.write_text(str(picture))
    print(path.relative_to(FOLDER.parents[1]))

"""The targets in the normal tests: on bytes made up by hypothesis, and on the corpus.

Neither needs atheris.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .reader import EXTREMES, NASTY, Reader
from .targets import NAMES, target
from .xml import Text
from .xml import run as run_xml

CORPUS = Path(__file__).parent / "corpus"
KEPT = {name: sorted(CORPUS.joinpath(name).glob("*")) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_made_up_bytes(name: str) -> None:
    tried = target(name)

    @settings(max_examples=max(40, settings().max_examples // 2))
    @given(st.binary(max_size=min(256, tried.length)))
    def holds(data: bytes) -> None:
        tried(data)

    holds()


@pytest.mark.parametrize("name", NAMES)
def test_the_corpus(name: str) -> None:
    """Every file of it; in one test, since there are some hundred, and each is quick."""
    tried = target(name)
    for path in KEPT[name]:
        try:
            tried(path.read_bytes())
        except Exception as error:
            error.add_note(f"in {path.name}")
            raise


def test_ten_megabytes() -> None:
    run_xml([Text((("<a b='", 1), ("x", 10_000_000), ("'/>", 1)))])
    run_xml([Text((("<a>", 100_000), ("</a>", 100_000)))])


def test_the_corpus_is_small() -> None:
    files = [path for name in NAMES for path in KEPT[name]]
    assert sum(path.stat().st_size for path in files) < 1_000_000
    assert all(KEPT.values()), "a target without a corpus"
    assert {path.parent.name for path in CORPUS.glob("*/*")} == set(NAMES)


def test_a_failure_is_shown_as_a_test() -> None:
    data = bytes(range(1, 200, 3))
    for name in NAMES:
        story = target(name).story(data)
        scope: dict[str, Any] = {}
        exec(story, scope)
        scope["test_something"]()
        assert repr(target(name).decode(data)[0]) in story


def test_bytes_are_read_from_the_front_and_end_in_zeros() -> None:
    reader = Reader(bytes([3, 1, 0xFF, 2, 65, 0xFF]))
    assert reader.below(2) == 1
    assert reader.flag()
    assert reader.number() in EXTREMES
    assert reader.text() == "A\udcff"
    assert not reader.more
    assert (reader.byte(), reader.text(), reader.number()) == (0, "", 0)
    assert Reader(b"\xff").text() in NASTY

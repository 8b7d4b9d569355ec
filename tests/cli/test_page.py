"""The page on the command line shows what the commands are."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import click
import pytest

from scripts.cli import COMMANDS, FOLDER, PICTURES, options_of, picture
from virtinformer.cli import cli

PAGE = (FOLDER.parent / "cli.md").read_text("utf-8")
SVG = "{http://www.w3.org/2000/svg}"


def words(svg: str) -> list[str]:
    """What can be read in a picture; how it is drawn is rich's, and may change."""
    return ["".join(text.itertext()) for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_shows_what_the_command_would(name: str) -> None:
    committed = (FOLDER / f"{name}.svg").read_text("utf-8")
    assert words(committed) == words(picture(name)), "run `python -m scripts.cli` and look at it"
    assert f"](cli/{name}.svg)" in PAGE
    assert "http" not in committed.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_options_are_those_of_the_command(name: str) -> None:
    committed = (FOLDER / f"{name}.txt").read_text("utf-8")
    assert committed == options_of(name), "run `python -m scripts.cli` and look at it"
    assert f"```{{include}} cli/{name}.txt\n" in PAGE


def test_nothing_is_left_over() -> None:
    expected = {f"{name}.svg" for name in PICTURES} | {f"{name}.txt" for name in COMMANDS}
    assert {path.name for path in FOLDER.iterdir()} == expected


def test_every_command_has_its_section_and_every_option_a_word() -> None:
    sections = re.findall(r"^## (\S+)$", PAGE, re.M)
    assert [name for name in cli.commands if name != "completion"] == sections[: len(COMMANDS) - 1]
    context = click.Context(cli)
    for name, command in (("", cli), *cli.commands.items()):
        for option in command.get_params(context):
            if isinstance(option, click.Option):
                assert option.help, f"{name} {option.opts}"


def test_each_exit_status_is_in_the_table() -> None:
    table = re.findall(r"^\| (\d+) \|", PAGE, re.M)
    assert cli.help is not None
    told = re.findall(r"\b(\d+)\b", cli.help.partition("Exit status:")[2])
    assert table == told == ["0", "1", "2", "124", "130", "141", "143"]

"""What is written cannot disturb, and cannot be mistaken."""

from __future__ import annotations

import unicodedata
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtinformer.cli import printable
from virtinformer.cli.text import encodable, one_line, xml_text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain-1", "plain-1"),
        ("tür <&'\">", "tür <&'\">"),
        ("[red]markup[/red]", "[red]markup[/red]"),
        ("a\x1b[31mred", "a\\x1b[31mred"),
        ("two\nlines", "two\\nlines"),
        (r"two\nlines", r"two\\nlines"),
        ("\u202eflipped", "\\u202eflipped"),
        ("\ud800", "\\ud800"),
    ],
)
def test_a_name_cannot_disturb_the_terminal(name: str, shown: str) -> None:
    assert printable(name) == shown


@given(st.text())
def test_what_is_shown_is_one_line_of_printable_characters(name: str) -> None:
    assert printable(name).isprintable()


@given(st.text(alphabet="a\\x1b\x1bun\n"), st.text(alphabet="a\\x1b\x1bun\n"))
def test_no_two_names_are_shown_alike(one: str, other: str) -> None:
    assert (printable(one) == printable(other)) == (one == other)


@given(st.text(), st.sampled_from(["ascii", "latin-1", "utf-8", "cp1252"]))
def test_every_encoding_can_show_every_name(name: str, encoding: str) -> None:
    shown = encodable(printable(name), encoding)
    assert shown.encode(encoding).decode(encoding) == shown
    assert shown.isprintable()


@given(st.text())
def test_a_message_is_one_line(message: str) -> None:
    assert one_line(message).isprintable()


def test_a_message_keeps_its_words() -> None:
    assert one_line(" Host key\r\n\tverification: C:\\x ") == "Host key verification: C:\\x"


def _is_xml(character: str) -> bool:
    """Whether XML 1.0 can hold it at all (and a parser gives it back as it was)."""
    return character in "\t\n" or (
        ord(character) >= 32
        and unicodedata.category(character) != "Cs"
        and ord(character) not in (0xFFFE, 0xFFFF)
    )


@given(
    st.text().map(lambda text: "".join(filter(_is_xml, text))), st.sampled_from(["ascii", "utf-8"])
)
def test_xml_says_the_same_when_it_is_shown(text: str, encoding: str) -> None:
    element = ElementTree.Element("name", {"a": text})
    element.text = text
    document = ElementTree.tostring(element, encoding="unicode")
    shown = encodable(xml_text(document), encoding, xml=True)
    assert all(c.isprintable() or c in "\n\t" for c in shown)
    again = ElementTree.fromstring(shown)
    before = ElementTree.fromstring(document)
    assert (again.text, again.attrib) == (before.text, before.attrib)

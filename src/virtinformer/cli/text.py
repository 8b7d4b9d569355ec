"""Text of strangers, made fit for a terminal.

A domain may be named by anyone who can define one. Its name must not be able to
move the cursor of the person who looks at it, nor pass for another name: what is
shown is one line of printable characters, and two different names are never
shown alike. XML has its own way to say the same, character references.
"""

from __future__ import annotations

__all__ = ["encodable", "one_line", "printable", "xml_text"]


def printable(text: str) -> str:
    r"""The text with every character escaped that is not plainly printable, and the backslash.

    Because the backslash is escaped, too, no two texts come out alike: a name that
    holds an escape character is shown as ``\x1b``, and one that is spelt so as ``\\x1b``.
    """
    return "".join(
        character
        if character.isprintable() and character != "\\"
        else ascii(character)[1:-1]  # for both quotes `ascii` would do more; they are printable
        for character in text
    )


def one_line(text: str) -> str:
    """A message on one line: line breaks, which are libvirt's own, become spaces.

    A backslash stays as it is: a message is for reading, and nothing is looked up by it.
    """
    line = " ".join(text.split())
    return "".join(part if part == "\\" else printable(part) for part in line)


def xml_text(text: str) -> str:
    """XML that says the same without a character that could disturb a terminal.

    Line breaks and tabs stay; any other character that is not printable becomes a
    character reference, which is the same to every parser.
    """
    return "".join(
        character if character.isprintable() or character in "\n\t" else f"&#{ord(character)};"
        for character in text
    )


def encodable(line: str, encoding: str, *, xml: bool = False) -> str:
    """The line with every character escaped that the encoding has not got.

    Args:
        line: what is to be written.
        encoding: the terminal's, as Python names it.
        xml: whether to escape as XML does.
    """
    errors = "xmlcharrefreplace" if xml else "backslashreplace"
    return line.encode(encoding, errors).decode(encoding)

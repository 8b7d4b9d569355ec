"""How Sphinx builds the documentation.

Without a network: names of other projects are not links, and are listed below so that a
misspelt name of ours still fails the build.
"""

from __future__ import annotations

import re

from sphinx.application import Sphinx

import virtinformer

project = "virtinformer"
author = copyright = "the virtinformer contributors"
release = version = virtinformer.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

default_role = "code"  # docstrings say `name` for code
autodoc_typehints = "signature"
maximum_signature_line_length = 88
autodoc_member_order = "bysource"
autodoc_default_options = {
    "members": True,
    "imported-members": True,
    "inherited-members": "int, Enum, BaseException, Mapping, SelectorEventLoop",
}
napoleon_google_docstring = True
napoleon_numpy_docstring = False

nitpick_ignore_regex = [
    (
        r"py:.*",
        r"(anyio|_?asyncio|attr|builtins|collections|concurrent|datetime|ElementTree|enum|libvirt|types"
        r"|prometheus_client|typing|uuid|xml)"
        r"(\..*)?",
    ),
    (r"py:.*", r"[A-Z][A-Za-z]*|[a-z]{1,10}Error|libvirtError"),  # the standard library's, bare
    # What a public class is made of, and type variables.
    (r"py:.*", r"virtinformer\.(_.*|source\.Source|streams\.Stream|.*\.[A-Z])"),
]

html_theme = "furo"
html_title = f"virtinformer {release}"
# As many letters as a line of code has here.
html_theme_options = {
    "light_css_variables": {"code-font-size": "75%"},
    "dark_css_variables": {"code-font-size": "75%"},
}


# The type of a field, which napoleon gives with the private module that it comes from.
PRIVATE = re.compile(r"virtinformer\.[\w.]+\.(\w+)")


class PlainAttributes:
    """Keeps napoleon from taking what stands before a colon for the type of an attribute."""

    kept: list[str]

    def before(
        self, _app: Sphinx, _what: str, _name: str, _object: object, _how: object, lines: list[str]
    ) -> None:
        self.kept = list(lines)

    def after(
        self, _app: Sphinx, what: str, _name: str, _object: object, _how: object, lines: list[str]
    ) -> None:
        if what in {"attribute", "data", "property"}:
            lines[:] = self.kept
        lines[:] = [PRIVATE.sub(r"\1", line) if ":type:" in line else line for line in lines]


def readable_defaults(
    _app: Sphinx, _what: str, _name: str, _object: object, _how: object, args: str | None, ret: str
) -> tuple[str, str] | None:
    """Defaults as a program would write them; Sphinx reads signatures, and `<…>` is none."""
    if args is None:
        return None
    named = re.sub(r"<built-in method random of Random object[^>]*>", "random.random", args)
    return named.replace("= NOTHING", "= {}"), ret


def setup(app: Sphinx) -> None:
    plain = PlainAttributes()
    app.connect("autodoc-process-signature", readable_defaults)
    app.connect("autodoc-process-docstring", plain.before, priority=400)
    app.connect("autodoc-process-docstring", plain.after, priority=600)  # napoleon's is 500

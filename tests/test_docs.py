"""What the documentation shows, runs.

A fence of ``python`` is a whole program (a fragment is a ``{code-block} python``). It is run as it
stands, pasted into a file, or by pytest if it has tests; ``qemu:///system`` in it is a private
daemon with real QEMU. If the next fence is ``text``, and the words between them say that the
program *prints*, then that is what it prints: ``…`` stands for any text, and for any lines where it
is a line. A program that goes on for ever is ended when it has printed that.

Of a fence of ``console`` each command exists, with the arguments it is given.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import shlex
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path

import attrs
import click
import pytest

import virtinformer.predicates
import virtinformer.prometheus
import virtinformer.testing
from tests.daemons import Daemon
from virtinformer.cli import cli

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts),
]
FENCE = re.compile(r"^(?P<mark>```+)(?P<kind>\S*)[^\n]*\n(?P<body>.*?)^(?P=mark)$", re.M | re.S)
PATIENCE = 45.0
"""Seconds for a program to print what it is to print."""


@attrs.frozen
class Snippet:
    """A program on a page.

    Attributes:
        prints: the lines that it has to print; ``None`` where the page does not say.
    """

    name: str
    code: str
    prints: tuple[str, ...] | None

    @property
    def on_qemu(self) -> bool:
        return "qemu:///system" in self.code

    @property
    def tests(self) -> bool:
        return "def test_" in self.code

    @property
    def endless(self) -> bool:
        watches = "in informer.watch()" in self.code and "break" not in self.code
        return not self.tests and (watches or "asyncio.Event().wait()" in self.code)


def snippets(page: Path) -> Iterator[Snippet]:
    text = page.read_text()
    fences = list(FENCE.finditer(text))
    for number, fence in enumerate(fences):
        if fence["kind"] != "python":
            continue
        prints = None
        if number + 1 < len(fences) and fences[number + 1]["kind"] == "text":
            after = fences[number + 1]
            if "prints" in text[fence.end() : after.start()]:
                prints = tuple(after["body"].splitlines())
        line = text.count("\n", 0, fence.start()) + 1
        yield Snippet(f"{page.relative_to(ROOT)}:{line}", fence["body"], prints)


def commands(page: Path) -> Iterator[tuple[str, str]]:
    for fence in FENCE.finditer(page.read_text()):
        if fence["kind"] == "console":
            for line in fence["body"].splitlines():
                if line.startswith("$ "):
                    yield f"{page.relative_to(ROOT)}: {line}", line[2:]


SNIPPETS = [snippet for page in PAGES for snippet in snippets(page)]
COMMANDS = [command for page in PAGES for command in commands(page)]


# ------------------------------------------------------------------ programs


def play(snippet: Snippet, code: str, folder: Path) -> None:
    """Run a program, and see that it prints what the page says and ends as it should."""
    file = folder / ("test_page.py" if snippet.tests else "page.py")
    file.write_text(code)
    pytest_ = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio"]
    with subprocess.Popen(
        [
            sys.executable,
            "-u",
            "-W",
            "error",
            *(pytest_ if snippet.tests else []),
            file,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    ) as process:
        watchdog = threading.Timer(PATIENCE, process.kill)
        watchdog.start()
        try:
            judge(snippet, process)
        finally:
            watchdog.cancel()
            watchdog.join()
            process.kill()


def judge(snippet: Snippet, process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    expected = snippet.prints
    if expected is None and snippet.endless:
        expected = ("+ test …", "= everything known so far, at …")
    printed: list[str] = []
    if snippet.endless:
        for line in process.stdout:
            printed.append(line.rstrip("\n"))
            if matches(expected or (), printed):
                break
        process.terminate()
    out, err = process.communicate()
    printed += out.splitlines()
    assert err == "", printed
    assert snippet.endless or process.returncode == 0, printed
    assert expected is None or matches(expected, printed), "\n".join(["it printed:", *printed])


def matches(expected: tuple[str, ...], printed: list[str]) -> bool:
    pattern = "".join(
        r"(?:.*\n)*" if line.strip() == "…" else re.escape(line).replace("…", ".*") + r"\n"
        for line in expected
    )
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in printed)) is not None


def test_what_a_page_expects_is_compared() -> None:
    assert matches(("+ … 1", "…", "end"), ["+ test 1", "a", "b", "end"])
    assert not matches(("+ … 1",), ["+ test 2"])
    assert not matches(("end",), ["begin", "end"])


@pytest.mark.parametrize(
    "snippet", [s for s in SNIPPETS if not s.on_qemu], ids=lambda snippet: snippet.name
)
def test_a_snippet_runs(snippet: Snippet, tmp_path: Path) -> None:
    play(snippet, snippet.code, tmp_path)


@pytest.mark.parametrize(
    "snippet", [s for s in SNIPPETS if s.on_qemu], ids=lambda snippet: snippet.name
)
def test_a_snippet_runs_on_qemu(snippet: Snippet, clean_qemu: Daemon, tmp_path: Path) -> None:
    code = snippet.code.replace("qemu:///system", clean_qemu.uri)
    play(snippet, code, tmp_path)


# ------------------------------------------------------------------ commands

OF_OTHERS = {"apt", "cd", "git", "journalctl", "ssh", "systemctl", "virsh"}


@pytest.mark.parametrize(("name", "line"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_a_command_exists(name: str, line: str) -> None:
    for part in re.split(r" (?:&&|\|) ", line):
        words = shlex.split(part, comments=True)
        while words and (words[0] == "sudo" or re.fullmatch(r"[A-Z_]+=.*", words[0])):
            words = words[1:]
        exists([words[0].removeprefix("venv/bin/"), *words[1:]])


def exists(words: list[str]) -> None:
    match words:
        case ["pip", "install", *rest]:
            project = tomllib.loads((ROOT / "pyproject.toml").read_text())
            for word in rest:
                if found := re.fullmatch(r"(?:virtinformer|\.)\[(.+)\]", word):
                    extras = set(project["project"]["optional-dependencies"])
                    assert set(found[1].split(",")) <= extras
                if word in rest[1:] and rest[rest.index(word) - 1] == "--group":
                    assert word in project["dependency-groups"]
        case ["nox", "-s", session, *_]:
            assert re.search(rf"^def {session}\(", (ROOT / "noxfile.py").read_text(), re.M)
        case ["virtinformer", *arguments] | ["python", "-m", "virtinformer", *arguments]:
            understood(arguments)
        case ["python" | "python3", "-m", module, *_]:
            assert importlib.util.find_spec(module.partition(".")[0]) is not None
        case ["python", path, *_] if path.endswith(".py"):
            assert (ROOT / path).exists()
        case [command, *_] if command.startswith("./"):
            assert os.access(ROOT / command, os.X_OK)
        case [command, *_] if command in TOOLS:
            pass
        case [command, *_]:
            assert command in OF_OTHERS, f"is {command!r} a command?"


TOOLS = {"mypy", "nox", "pyright", "pytest", "ruff", "sphinx-build"}


def understood(arguments: list[str]) -> None:
    """The command line takes these arguments (without running what they ask for)."""
    arguments = [word for word in arguments if not re.match(r"[<>]|\d>", word)]
    context = click.Context(cli, info_name="virtinformer")
    try:
        with cli.make_context("virtinformer", list(arguments)) as context:
            rest = [*context._protected_args, *context.args]
            _, command, remaining = cli.resolve_command(context, rest)
            assert command is not None
            command.make_context(command.name or "", remaining, parent=context).close()
    except click.exceptions.Exit:
        assert {"--help", "--version", "-h"} & set(arguments)


# ------------------------------------------------------------------ links


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_leads_to_a_file(page: Path) -> None:
    """Sphinx checks those within docs/; here are those that leave it, and those of README."""
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


# ------------------------------------------------------------------ reference


def described() -> set[str]:
    """The names in the reference, in full; of a module that documents itself, all of them."""
    names: set[str] = set()
    module = ""
    for directive, name in re.findall(
        r"^\.\. (\w+):: (\S+)$", (ROOT / "docs" / "reference.md").read_text(), re.M
    ):
        if directive == "currentmodule":
            module = name
        elif directive == "automodule":
            names |= {f"{name}.{one}" for one in importlib.import_module(name).__all__}
        else:
            names.add(f"{module}.{name}")
    return names


def test_the_reference_has_every_public_name() -> None:
    public = virtinformer, virtinformer.predicates, virtinformer.prometheus, virtinformer.testing
    assert described() >= {f"{m.__name__}.{name}" for m in public for name in m.__all__}

"""What a shell offers."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from tests.cli.commands import URI, run, run_alone
from tests.daemons import Daemon, domain_xml
from virtinformer._libvirt import probe
from virtinformer.cli import cli


def completed(line: str, shell: str = "bash") -> list[str]:
    words = shlex.split(line)
    if line.endswith(" "):
        words.append("")
    variables = {
        "_VIRTINFORMER_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    done = run_alone(**variables)
    assert done.stderr == ""
    return [found.partition(",")[2] for found in done.stdout.splitlines() if found]


def test_commands_options_and_names_are_completed() -> None:
    assert completed("virtinformer wa") == ["watch", "wait"]
    assert completed("virtinformer get --wh") == ["--where"]
    assert completed(f"virtinformer -c {URI} get te") == ["test"]
    assert completed(f"virtinformer get -c {URI} te") == ["test"]
    assert completed(f"virtinformer -c {URI} wait test --for state=r") == ["state=running"]
    assert completed(f"virtinformer -c {URI} get test ") == []


def test_only_names_that_are_plain_words_are_completed(tmp_path: Path) -> None:
    names = ["web-1", "; rm -rf ~", "$(id)", "a b", "-o", "\u202eweb", "web:1", "web_2.x"]
    nodes = "".join(domain_xml(name) for name in map(escaped, names)).replace("'qemu'", "'test'")
    file = tmp_path / "host.xml"
    file.write_text(f"<node>{nodes}</node>", "utf-8")
    assert completed(f"virtinformer -c test://{file} get ") == ["web-1", "web_2.x"]


def escaped(name: str) -> str:
    return name.replace("&", "&amp;").replace("<", "&lt;")


@pytest.mark.parametrize(
    "host", ["-c qemu+ssh://nowhere/system", "-c nonsense:///", "-c qemu://nowhere/system", ""]
)
def test_no_name_is_fetched_from_elsewhere(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> list[str]:
        raise AssertionError("it was asked")

    monkeypatch.setattr(probe, "names_of", fail)
    completer = ShellComplete(cli, {}, "virtinformer", "_X")
    assert completer.get_completions([*host.split(), "get"], "") == []
    with pytest.raises(AssertionError):
        completer.get_completions(["-c", URI, "get"], "")


def test_a_host_that_hangs_does_not_hang_the_shell(own_daemon: Daemon) -> None:
    own_daemon.stop()
    try:
        assert completed(f"virtinformer -c {own_daemon.uri} get ") == []
    finally:
        own_daemon.cont()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell(shell: str) -> None:
    result = CliRunner().invoke(cli, ["completion", shell])
    assert result.exit_code == 0
    assert f"_VIRTINFORMER_COMPLETE={shell}_complete" in result.output


def test_a_shell_takes_the_script() -> None:
    script = run("completion", "bash").stdout
    done = subprocess.run(
        ["bash", "-c", f"{script}\ncomplete -p virtinformer"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert "virtinformer" in done.stdout

"""``virtinformer get``."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from tests.cli.commands import URI, line_of, run, run_alone, running, terminal
from tests.daemons import Daemon, domain_xml

# XML cannot hold an escape character, but the one-byte form of ESC [ it can.
STRANGE = "[red]\x9b2J\\ €"


@pytest.fixture
def hosts(tmp_path: Path) -> str:
    """A host with three domains, one of which wants to disturb."""
    names = ("web-1", "no", STRANGE)
    nodes = "".join(
        domain_xml(name, uuid=f"00000000-0000-0000-0000-00000000000{n}")
        for n, name in enumerate(names)
    ).replace("'qemu'", "'test'")
    file = tmp_path / "host.xml"
    file.write_text(f"<node>{nodes}</node>", "utf-8")
    return f"test://{file}"


def test_a_table() -> None:
    done = run("get", "-c", URI)
    assert (done.returncode, done.stderr) == (0, "")
    head, line = (text.split() for text in done.stdout.splitlines())
    assert head == ["NAME", "STATE", "REASON", "VERSION", "GEN", "PERSISTENT", "AUTOSTART", "AGE"]
    assert line[:-1] == ["test", "running", "unknown", "1", "1", "yes", "no"]
    assert "\x1b" not in done.stdout


def test_a_table_without_its_head_and_with_more() -> None:
    line = run("get", "-c", URI, "-o", "wide", "--no-headers").stdout.split()
    assert line[8:] == ["1", "2", "8192Mi", "6695eb01-f6a4-8304-79aa-97f2502e193f"]


def test_json_of_one_is_the_domain_and_of_all_a_list(hosts: str) -> None:
    one = json.loads(run("get", "web-1", "-c", hosts, "-o", "json").stdout)
    everything = json.loads(run("get", "-c", hosts, "-o", "json", "--xml").stdout)
    assert (one["name"], one["state"]) == ("web-1", "running")
    assert "xml" not in one
    assert everything["resource_version"] == 3
    assert [each["name"] for each in everything["domains"]] == sorted(["web-1", "no", STRANGE])
    assert everything["domains"][0]["xml"].startswith("<domain ")


def test_yaml_says_the_same_as_json(hosts: str) -> None:
    done = run("get", "-c", hosts, "-o", "yaml", "--xml")
    assert done.stdout.isascii()
    assert "\x1b" not in done.stdout
    read = yaml.safe_load(done.stdout)
    other = json.loads(run("get", "-c", hosts, "-o", "json", "--xml").stdout)

    def timeless(document: dict[str, list[dict[str, object]]]) -> list[dict[str, object]]:
        # The host is made anew for each; which of its domains is read first, is open.
        changing = {"observed_at", "resource_version", "incarnation"}
        return [
            {key: value for key, value in each.items() if key not in changing}
            for each in document["domains"]
        ]

    assert timeless(read) == timeless(other)


def test_names_can_be_given_back(hosts: str) -> None:
    names = run("get", "-c", hosts, "-o", "name").stdout.splitlines()
    assert names == [r"[red]\x9b2J\\ €", "no", "web-1"]
    again = run("get", names[0], "-c", hosts, "-o", "json")
    assert json.loads(again.stdout)["name"] == STRANGE


def test_xml_of_one_is_a_document_and_so_is_that_of_all(hosts: str) -> None:
    one = ElementTree.fromstring(run("get", "web-1", "-c", hosts, "-o", "xml").stdout)
    everything = run("get", "-c", hosts, "-o", "xml").stdout
    assert one.findtext("name") == "web-1"
    assert "\x9b" not in everything
    root = ElementTree.fromstring(everything)
    assert {each.findtext("name") for each in root} == {"web-1", "no", STRANGE}


def test_a_terminal_that_has_not_got_a_character_is_shown_its_number(hosts: str) -> None:
    done = run_alone("get", "-c", hosts, PYTHONIOENCODING="latin-1", PYTHONUTF8="0")
    assert done.stderr == ""
    assert r"[red]\x9b2J\\ \u20ac   running" in done.stdout


def test_only_what_is_asked_for(hosts: str) -> None:
    assert run("get", "-c", hosts, "--where", "name=web-*", "-o", "name").stdout == "web-1\n"
    nothing = run("get", "-c", hosts, "--where", "state=crashed", "--no-headers")
    assert (nothing.returncode, nothing.stdout, nothing.stderr) == (0, "", "No such domains.\n")


def test_a_wrong_expression_is_a_wrong_use() -> None:
    done = run("get", "-c", URI, "--where", "stat=running")
    assert done.returncode == 2
    assert "Error: Invalid value for '--where'" in done.stderr


def test_an_unknown_name_is_an_error() -> None:
    done = run("get", "no\x1b[2Jsuch", "-c", URI)
    assert done.returncode == 1
    assert done.stderr == (
        "Error: no domain named no\\x1b[2Jsuch; `virtinformer get -o name` lists them\n"
    )


def test_it_goes_on_where_that_is_wanted(clean_qemu: Daemon) -> None:
    connection = clean_qemu.connect()
    connection.defineXML(domain_xml("first"))
    with running("get", "-w", "-c", clean_qemu.uri, "--no-headers") as process:
        assert line_of(process).split()[:3] == ["first", "shutoff", "unknown"]
        connection.lookupByName("first").undefine()
        assert line_of(process).split()[:3] == ["first", "deleted", "undefined"]
    connection.close()


def test_json_goes_on_as_lines(clean_qemu: Daemon) -> None:
    connection = clean_qemu.connect()
    with running("get", "-w", "-c", clean_qemu.uri, "-o", "json") as process:
        assert json.loads(line_of(process)) == {"resource_version": 0, "domains": []}
        connection.defineXML(domain_xml("new"))
        record = json.loads(line_of(process))
        assert (record["delta"], record["domain"]["name"]) == ("Added", "new")
    connection.close()


def test_colours_are_for_terminals() -> None:
    with terminal("get", "-c", URI) as screen:
        assert screen.end() == 0
        assert b"\x1b[32mrunning\x1b[0m" in screen.raw
    with terminal("get", "-c", URI, variables={"NO_COLOR": "1"}) as screen:
        assert screen.end() == 0
        assert "test   running" in screen.text
        assert b"\x1b" not in screen.raw
    assert "\x1b[32mrunning" in run("get", "-c", URI, "--color", "always").stdout

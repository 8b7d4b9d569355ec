"""``virtinformer wait``."""

from __future__ import annotations

import json

import click
import pytest

import virtinformer as vi
from tests.cli.commands import URI, ended, line_of, run, running
from tests.cli.making import domain
from tests.daemons import Daemon, domain_xml
from virtinformer.cli.wait import Target, condition_of

RUNNING = domain()
OFF = domain(state=vi.DomainState.SHUTOFF)


@pytest.mark.parametrize(
    ("text", "of_running", "of_off"),
    [
        ("state=running", True, False),
        ("State=Shutoff", False, True),
        ("state=paused,running", True, False),
        ("active", True, False),
        ("inactive", False, True),
        ("exists", True, True),
        ("create", True, True),
        ("transient", False, False),
        ("name=web-* state!=running", False, True),
    ],
)
def test_a_condition(text: str, of_running: bool, of_off: bool) -> None:
    holds = condition_of(text).holds
    assert holds is not None
    assert (holds(RUNNING), holds(OFF)) == (of_running, of_off)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("state=runing", "no state runing; there are nostate, running"),
        ("started", "started"),
        ("changed=xml", "asks for a change"),
    ],
)
def test_what_is_no_condition(text: str, complaint: str) -> None:
    with pytest.raises(click.BadParameter, match=complaint):
        condition_of(text)


def test_what_holds_already() -> None:
    done = run("wait", "test", "--for", "state=running", "-c", URI)
    assert (done.returncode, done.stdout, done.stderr) == (0, "test is running (unknown)\n", "")


def test_zero_looks_once() -> None:
    done = run("wait", "test", "--for", "deleted", "--timeout", "0", "-c", URI)
    assert (done.returncode, done.stdout) == (124, "")
    assert done.stderr == "Error: still not deleted: test\n"
    assert run("wait", "test", "--for", "exists", "--timeout", "0", "-c", URI).returncode == 0


def test_the_time_is_over() -> None:
    done = run("wait", "test", "no\x1b", "--for", "inactive", "--timeout", "50ms", "-c", URI)
    assert done.returncode == 124
    assert done.stderr == "Error: after 50ms still not inactive: test, no\\x1b\n"


def test_what_is_not_there_is_deleted() -> None:
    done = run("wait", "nothing", "--for", "delete", "-c", URI)
    assert (done.returncode, done.stdout) == (0, "nothing is deleted\n")


def test_wrong_use_and_errors_have_other_statuses() -> None:
    assert run("wait", "test", "-c", URI).returncode == 2
    assert run("wait", "test", "--for", "state=off", "-c", URI).returncode == 2
    assert run("wait", "test", "--for", "exists", "-c", "nonsense:///").returncode == 1


def test_the_time_to_connect_counts(own_daemon: Daemon) -> None:
    own_daemon.kill()
    done = run("wait", "x", "--for", "exists", "--timeout", "300ms", "-c", own_daemon.uri)
    assert done.returncode == 124


def test_it_waits_for_what_is_not_there_yet(clean_qemu: Daemon) -> None:
    connection = clean_qemu.connect()
    arguments = ("--for", "state=running", "--timeout", "-1", "-o", "json", "-c", clean_qemu.uri)
    with running("wait", "late", "early", *arguments) as process:
        connection.defineXML(domain_xml("late"))
        connection.createXML(domain_xml("early"))
        first = json.loads(line_of(process))
        assert (first["name"], first["domain"]["state"]) == ("early", "running")
        connection.lookupByName("late").create()
        status, out, err = ended(process)
    assert (status, err) == (0, "")
    assert json.loads(out)["name"] == "late"
    connection.close()


class Held:
    """An informer that holds what it is given."""

    def __init__(self, *domains: vi.Domain) -> None:
        self.hold(*domains)

    def hold(self, *domains: vi.Domain) -> None:
        self._snapshot = vi.Snapshot({domain.uuid: domain for domain in domains}, 9)
        self.get = self._snapshot.get

    def snapshot(self) -> vi.Snapshot:
        return self._snapshot


@pytest.mark.parametrize(
    ("then", "gone"),
    [
        ((domain("web", 1),), False),
        ((domain("renamed", 1),), False),
        ((), True),
        ((domain("web", 2),), True),
        # Of the same UUID, and nobody saw it gone.
        ((domain("web", 1, incarnation=7),), True),
    ],
)
def test_deleted_is_the_one_that_was_there(then: tuple[vi.Domain, ...], gone: bool) -> None:
    informer = Held(domain("web", 1))
    target = Target("web", condition_of("deleted"))
    assert not target.is_met(informer)  # type: ignore[arg-type]
    informer.hold(*then)
    assert target.is_met(informer) is gone  # type: ignore[arg-type]


def test_any_other_condition_is_of_whichever_bears_the_name() -> None:
    informer = Held(domain("web", 1, state=vi.DomainState.SHUTOFF))
    target = Target("web", condition_of("active"))
    assert not target.is_met(informer)  # type: ignore[arg-type]
    informer.hold(domain("old", 1), domain("web", 2))
    assert target.is_met(informer)  # type: ignore[arg-type]


def test_a_uuid_is_a_name(clean_qemu: Daemon) -> None:
    connection = clean_qemu.connect()
    uuid = connection.defineXML(domain_xml("web")).UUIDString()
    connection.close()
    done = run("wait", uuid, "--for", "persistent", "-c", clean_qemu.uri)
    assert (done.returncode, done.stdout) == (0, "web is shutoff (unknown)\n")

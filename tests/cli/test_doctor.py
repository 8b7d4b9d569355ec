"""``virtinformer doctor``: what it finds, and what it advises."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import libvirt
import pytest

from tests.cli.commands import CTRL_C, INTERRUPTED, URI, run, terminal
from tests.daemons import Daemon, domain_xml
from virtinformer._libvirt.probe import Kinds, Trouble, trouble_of
from virtinformer.cli.advice import advise, hung
from virtinformer.cli.sockets import Address, is_at_hand

CHECKS = [
    "program", "address", "event loop", "connection", "host", "events", "reads", "informer",
]  # fmt: skip


def findings(*arguments: str) -> tuple[int, dict[str, dict[str, object]]]:
    done = run("doctor", "-o", "json", *arguments)
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert [each["check"] for each in found] == CHECKS
    return done.returncode, {each["check"]: each for each in found}


def test_a_host_that_is_well(clean_qemu: Daemon) -> None:
    connection = clean_qemu.connect()
    connection.defineXML(domain_xml("one"))
    connection.close()
    status, found = findings("-c", clean_qemu.uri)
    assert status == 0
    assert {each["verdict"] for each in found.values()} == {"ok"}
    assert str(clean_qemu.socket) in str(found["address"]["text"])
    assert "QEMU" in str(found["host"]["text"])
    assert "1 domains listed in " in str(found["reads"]["text"])
    assert "1 domains at version 1" in str(found["informer"]["text"])


def test_lines_for_people() -> None:
    done = run("doctor", "-c", URI)
    assert (done.returncode, done.stderr) == (0, "")
    head, *lines = done.stdout.splitlines()
    assert head == URI
    assert [line[:16].rstrip() for line in lines] == [f"ok    {check}" for check in CHECKS]
    assert f"(uid {os.getuid()})" in lines[0]
    assert "25 of 25 kinds" in lines[5]


def test_on_a_terminal_it_stays_in_its_columns() -> None:
    with terminal("doctor", "-c", "nonsense:///", columns=60, lines=40) as screen:
        assert screen.end() == 1
        start = screen.lines.index(next(line for line in screen.lines if line.startswith("fail")))
        end = screen.lines.index("skip  host")
        assert all(line.startswith(" " * 18) for line in screen.lines[start + 1 : end])
        assert end > start + 4


def test_nobody_listens(own_daemon: Daemon) -> None:
    own_daemon.kill()
    status, found = findings("-c", own_daemon.uri)
    assert status == 1
    assert found["connection"]["verdict"] == "fail"
    assert "Nobody listens on" in str(found["connection"]["hints"])
    assert found["informer"]["verdict"] == "skip"


def test_a_host_that_hangs(own_daemon: Daemon) -> None:
    own_daemon.stop()
    try:
        status, found = findings("-c", own_daemon.uri, "--timeout", "500ms")
        assert status == 1
        assert found["connection"]["text"] == "no answer within 0.5 s"
        assert "systemctl restart" in str(found["connection"]["hints"])
    finally:
        own_daemon.cont()


def test_ctrl_c_ends_it_at_once(own_daemon: Daemon) -> None:
    own_daemon.stop()
    try:
        with terminal("doctor", "-c", own_daemon.uri, "--timeout", "1h") as screen:
            screen.until_seen("event loop  is alive")
            screen.type(CTRL_C)
            assert screen.end() == INTERRUPTED
    finally:
        own_daemon.cont()


def test_a_wrong_uri_and_none() -> None:
    status, found = findings("-c", "nonsense:///")
    assert status == 1
    assert "no driver 'nonsense'" in str(found["connection"]["hints"])
    assert run("doctor").returncode == 2


def test_a_driver_without_events_is_no_host() -> None:
    # The test driver cannot be told to have none; what is told then is looked at here.
    assert not Kinds(("Reboot",), ("Lifecycle",)).has_lifecycle
    assert Kinds(("Lifecycle",), ()).has_lifecycle


# ---------------------------------------------------------------------- where a URI leads


@pytest.mark.parametrize(
    ("uri", "driver", "transport", "host", "path"),
    [
        ("qemu:///system", "qemu", "unix", "", "/system"),
        ("qemu+unix:///session", "qemu", "unix", "", "/session"),
        ("qemu+ssh://me@there:22/system", "qemu", "ssh", "there", "/system"),
        ("qemu://there/system", "qemu", "tls", "there", "/system"),
        ("xen+libssh2://[fe80::1]/", "xen", "libssh2", "fe80::1", "/"),
        ("test:///default", "test", "", "", "/default"),
        ("esx://there/?no_verify=1", "esx", "", "there", "/"),
        ("qemu+tcp://there/system", "qemu", "tcp", "there", "/system"),
        ("qemu://[broken/system", "qemu", "", "", ""),
        ("", "", "", "", ""),
    ],
)
def test_an_address(uri: str, driver: str, transport: str, host: str, path: str) -> None:
    found = Address.of(uri)
    assert (found.driver, found.transport, found.host, found.path) == (
        driver, transport, host, path,
    )  # fmt: skip


def test_the_sockets_of_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1")
    names = [path.name for path in Address.of("qemu:///system", read_only=True).sockets()]
    assert names[:2] == ["virtqemud-sock-ro", "libvirt-sock-ro"]
    assert [str(path) for path in Address.of("lxc:///session", read_only=True).sockets()] == [
        "/run/user/1/libvirt/virtlxcd-sock",
        "/run/user/1/libvirt/libvirt-sock",
    ]
    assert Address.of("qemu+ssh://there/system").sockets() == []
    assert Address.of("qemu:///system?socket=/a/b").sockets() == [Path("/a/b")]


def test_what_is_at_hand(tmp_path: Path) -> None:
    socket = tmp_path / "socket"
    uri = f"qemu+unix:///session?socket={socket}"
    assert not is_at_hand(uri)
    socket.touch()
    assert is_at_hand(uri)
    assert is_at_hand(URI)
    assert not is_at_hand(f"qemu+ssh://there/session?socket={socket}")
    assert not is_at_hand("test://there/default")


# ---------------------------------------------------------------------- advice


@pytest.mark.parametrize(
    ("trouble", "uri", "message", "advice"),
    [
        ("FORBIDDEN", "qemu:///system", "Permission denied", "usermod -aG libvirt"),
        ("CREDENTIALS", "qemu:///system", "no polkit agent available", "org.libvirt.unix.manage"),
        ("CREDENTIALS", "test:///x", "authentication failed", "auth.conf"),
        ("ABSENT", "qemu:///system", "No such file", "virtqemud.socket"),
        ("ABSENT", "qemu:///session", "No such file", "started by libvirt itself"),
        ("DRIVER", "lxc:///system", "no connection driver", "libvirt-daemon-driver-lxc"),
        ("ADDRESS", "qemu:///", "unexpected path", "qemu:///session"),
        ("ABSENT", "qemu://there/system", "Cannot read CA certificate", "clientcert.pem"),
        ("OTHER", "qemu://there/system", "Connection refused", "virtproxyd-tls.socket"),
        ("OTHER", "qemu+ssh://there/system", "Host key verification failed", "confirm it"),
        ("OTHER", "qemu+ssh://there/system", "Permission denied (publickey)", "ssh-copy-id"),
        ("OTHER", "qemu+ssh://there/system", "nc: command not found", "virt-ssh-helper"),
        ("OTHER", "qemu+ssh://there/system", "End of file", "ssh there virsh list"),
        ("OTHER", "qemu+ssh://there/system", "Could not resolve hostname", "'there'"),
        ("OTHER", "qemu:///system", "something else", "virsh -c URI list"),
        ("ABSENT", "qemu+tcp://there/system", "Connection refused", "qemu+ssh://there/system"),
        ("ADDRESS", "esx://there/", "Missing authentication credentials", "esx://USER@there/"),
        ("ABSENT", "nonsense:///", "No such file", "no driver 'nonsense'; there are bhyve"),
    ],
)
def test_advice(trouble: str, uri: str, message: str, advice: str) -> None:
    found = advise(Trouble[trouble], Address.of(uri), message)
    assert advice in " ".join(found)


def test_who_asked_read_only_is_not_told_to() -> None:
    address = Address.of("qemu:///system", read_only=True)
    assert "--readonly" not in " ".join(advise(Trouble.FORBIDDEN, address, "Permission denied"))


@pytest.mark.parametrize("uri", ["qemu:///system", "qemu+ssh://there/system", "qemu://there/x"])
def test_what_hangs_has_a_reason(uri: str) -> None:
    assert hung(Address.of(uri))


def test_trouble_is_told_from_the_errors_of_a_real_host(own_daemon: Daemon) -> None:
    # Root is allowed everything, and becomes somebody else for this.
    uid = os.geteuid() or 12345
    mode = stat.S_IMODE(own_daemon.socket.stat().st_mode)
    own_daemon.socket.chmod(0o000)
    parents = (own_daemon.root, own_daemon.root / "run", own_daemon.socket.parent)
    modes = [stat.S_IMODE(parent.stat().st_mode) for parent in parents]
    for parent in parents:
        parent.chmod(0o755)
    # First once as root, who may load what it takes.
    code = (
        "import os, sys\n"
        "from virtinformer.cli import cli\n"
        "cli(['doctor', '-c', 'test:///default'], standalone_mode=False)\n"
        f"os.geteuid() or os.setgid({uid}) or os.setuid({uid})\n"
        f"cli(['doctor', '-o', 'json', '-c', {own_daemon.uri!r}])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30
    )
    own_daemon.socket.chmod(mode)
    for parent, before in zip(parents, modes, strict=True):
        parent.chmod(before)
    found = {each["check"]: each for each in json.loads(done.stdout[done.stdout.index("[") :])}
    assert done.returncode == 1
    assert f"uid {uid}" in found["program"]["text"]
    assert "usermod" in " ".join(found["connection"]["hints"])


def test_what_is_no_error_of_libvirt_is_other_trouble() -> None:
    assert trouble_of(ValueError("x")) is Trouble.OTHER
    assert trouble_of(libvirt.libvirtError("x")) is Trouble.OTHER

"""The private daemons themselves: what the other tests stand on."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import libvirt
import pytest

from tests import daemons
from tests.daemons import Daemon, DaemonError, domain_xml, is_alive, wait_until


@pytest.fixture
def connection(own_daemon: Daemon) -> Iterator[libvirt.virConnect]:
    connection = own_daemon.connect()
    yield connection
    connection.close()


def test_a_domain_runs_on_real_qemu(qemu: Daemon) -> None:
    connection = qemu.connect()
    try:
        domain = connection.createXML(domain_xml())
        assert domain.isActive()
        assert qemu.children()
    finally:
        connection.close()
        qemu.clear()


def test_clear_empties_the_host(qemu: Daemon) -> None:
    connection = qemu.connect()
    try:
        connection.defineXML(domain_xml())
        connection.defineXML(domain_xml()).create()
        connection.createXML(domain_xml())
        qemu.clear()
        assert connection.listAllDomains() == []
    finally:
        connection.close()


def test_two_daemons_are_two_hosts(qemu: Daemon, own_daemon: Daemon) -> None:
    mine, other = own_daemon.connect(), qemu.connect()
    try:
        mine.defineXML(domain_xml("only-here"))
        with pytest.raises(libvirt.libvirtError):
            other.lookupByName("only-here")
    finally:
        mine.close()
        other.close()


def test_the_test_driver_answers_behind_the_same_socket(qemu: Daemon) -> None:
    connection = libvirt.open(qemu.test_uri)
    try:
        assert connection.getType() == "TEST"
    finally:
        connection.close()


def test_root_drops_its_privileges(qemu: Daemon) -> None:
    assert os.stat(f"/proc/{qemu.pid}").st_uid != 0
    assert stat.S_IMODE((qemu.root / "run").stat().st_mode) == 0o700


def test_domains_outlive_a_killed_daemon(
    own_daemon: Daemon, connection: libvirt.virConnect
) -> None:
    connection.defineXML(domain_xml("survivor")).create()
    own_daemon.kill()
    with pytest.raises(libvirt.libvirtError):
        own_daemon.connect()

    own_daemon.start()
    again = own_daemon.connect()
    try:
        assert again.lookupByName("survivor").isActive()
    finally:
        again.close()


def test_a_stopped_daemon_hangs_and_goes_on(own_daemon: Daemon) -> None:
    own_daemon.stop()
    assert Path(f"/proc/{own_daemon.pid}/stat").read_text().split()[2] == "T"
    own_daemon.cont()
    own_daemon.connect().close()


@pytest.mark.parametrize("before", [signal.SIGCONT, signal.SIGSTOP, signal.SIGKILL, signal.SIGTERM])
def test_close_leaves_nothing(qemu: Daemon, before: signal.Signals) -> None:
    daemon = Daemon(like=qemu)
    connection = daemon.connect()
    connection.createXML(domain_xml())
    connection.close()
    pids = [daemon.pid, *daemon.children()]
    assert pids[1:]
    {
        signal.SIGCONT: daemon.cont,
        signal.SIGSTOP: daemon.stop,
        signal.SIGKILL: daemon.kill,
        signal.SIGTERM: daemon.terminate,
    }[before]()

    daemon.close()
    daemon.close()

    assert not any(map(is_alive, pids))
    assert not daemon.root.exists()


def test_nothing_is_left_of_a_process_that_was_killed() -> None:
    code = """
import sys
from tests.daemons import Daemon, domain_xml
daemon = Daemon()
daemon.connect().createXML(domain_xml())
print(daemon.root, daemon.pid, *daemon.children(), flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        root, *pids = process.stdout.readline().split()
        assert pids[1:]
        process.kill()
    wait_until(lambda: not any(is_alive(int(pid)) for pid in pids), "its processes are gone")
    wait_until(lambda: not Path(root).exists(), "its directories are gone")


def test_a_missing_libvirtd_is_a_failure_that_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(daemons, "_PATH", "/nonexistent")
    with pytest.raises(DaemonError, match=r"libvirtd is not installed; \./scripts/test"):
        Daemon()


def test_only_its_own_processes_are_its_children(own_daemon: Daemon) -> None:
    (own_daemon.root / "run" / "foreign.pid").write_text(str(os.getpid()))
    assert own_daemon.children() == []

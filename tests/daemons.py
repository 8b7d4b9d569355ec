"""Private libvirt daemons with real QEMU, as many side by side as wanted.

A libvirtd that does not run as root serves "session" connections out of the four XDG
directories it is given. With directories of its own it is therefore a host of its own: it
needs no privilege, no `/dev/kvm` and no configuration, and no other daemon sees it. Root
starts it as `nobody`.

What such a daemon starts outlives it on purpose (that is how libvirt survives its own
restarts), so a `Daemon` is ended in two steps: first the daemon, then each process whose
pid it left in its run directory.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Self

import libvirt

__all__ = ["Daemon", "DaemonError", "domain_xml", "is_alive", "wait_until"]

_UNPRIVILEGED = "nobody"
_PATH = ":".join(
    f"{prefix}/{directory}"
    for prefix in ("/usr/local", "/usr", "", "/opt/homebrew")
    for directory in ("bin", "sbin")
)
_XDG = {
    "XDG_RUNTIME_DIR": "run",
    "XDG_CONFIG_HOME": "config",
    "XDG_CACHE_HOME": "cache",
    "XDG_DATA_HOME": "data",
}
_CAPABILITIES = "cache/libvirt/qemu/cache/capabilities"
_UNDEFINE_ALL = (
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
    | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
)
_HAS_PROC = Path("/proc/self/stat").exists()
# Waits until our end of its pipe is closed, be it by a crash, and ends what is then still there.
_GUARD = """
cat >/dev/null
find "$1/run" -name '*.pid' 2>/dev/null | while read -r file; do
    pid=$(cat "$file")
    grep -qs "$1" "/proc/$pid/environ" "/proc/$pid/cmdline" && kill -9 "$pid"
done
rm -rf "$1"
"""
_names = itertools.count(1)


class DaemonError(Exception):
    """A daemon is missing, or does not do what it is told."""


def wait_until(condition: Callable[[], object], what: str, *, timeout: float = 30.0) -> None:
    """Look at something outside this process until it holds; nobody tells when it changes."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise DaemonError(f"after {timeout:g} s still not true: {what}")
        time.sleep(0.005)


def is_alive(pid: int) -> bool:
    """Whether the process does anything yet; one that its parent has not buried does not."""
    return _state(pid) not in {"", "Z"}


def domain_xml(name: str | None = None, *, uuid: str | None = None, memory_kib: int = 32768) -> str:
    """A QEMU domain that needs nothing on disk: its firmware finds nothing to boot, and idles.

    Without a name it gets one that no other domain of this process has.
    """
    name = name or f"vi-{os.getpid()}-{next(_names)}"
    tag = f"<uuid>{uuid}</uuid>" if uuid else ""
    return (
        f"<domain type='qemu'><name>{name}</name>{tag}"
        f"<memory>{memory_kib}</memory><vcpu>1</vcpu>"
        "<os><type arch='x86_64' machine='pc'>hvm</type></os>"
        "<devices><controller type='usb' model='none'/></devices></domain>"
    )


class Daemon:
    """A libvirtd of our own, with QEMU behind it.

    Promise: after `close` nothing is left of it, neither process nor file, however it was
    treated before. `close` may be called again, and is called at exit at the latest; for a
    process that dies before that, a small guard does the same.

    Only its own processes are ever signalled: its child by that child's pid, and those in
    its pid files after a look at whether they are really its.
    """

    def __init__(self, *, like: Daemon | None = None) -> None:
        """Start one; `like` saves it the two seconds of finding out what QEMU can do."""
        self.root = Path(tempfile.mkdtemp(prefix="vi-", dir="/tmp"))  # sockets: 107 characters
        self._process: subprocess.Popen[bytes] | None = None
        self._guard = subprocess.Popen(
            ["sh", "-c", _GUARD, "guard", str(self.root)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        atexit.register(self.close)
        try:
            self._make_directories(like)
            self.start()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.root / "run" / "libvirt" / "libvirt-sock"

    @property
    def uri(self) -> str:
        """Its QEMU driver."""
        return f"qemu+unix:///session?socket={self.socket}"

    @property
    def test_uri(self) -> str:
        """libvirt's test driver, but behind this daemon's real RPC."""
        return f"test+unix:///default?socket={self.socket}"

    @property
    def pid(self) -> int:
        """Of libvirtd itself."""
        return self._running.pid

    def start(self) -> None:
        """Start it, on the directories of the life before; returns once it answers."""
        if self._process is not None:
            raise DaemonError("it runs already: kill() or terminate() it first")
        command = [_executable("libvirtd"), *self.options()]
        _executable("qemu-system-x86_64")
        owner = _owner()
        self.socket.unlink(missing_ok=True)  # one left by a kill would look like an answer
        with (self.root / "daemon.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                env=self._environment(),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the tests, which then end it
                user=owner and owner.pw_uid,
                group=owner and owner.pw_gid,
                extra_groups=owner and [],
            )
        wait_until(self._answers, f"libvirtd listens on {self.socket}", timeout=30.0)

    def options(self) -> list[str]:
        """What it is started with; asked before each start, when its directories are there."""
        return ["--timeout", "0"]

    def kill(self) -> None:
        """SIGKILL, as a crash would; its QEMUs go on."""
        self._running.kill()
        self._reap()

    def terminate(self) -> None:
        """SIGTERM, as a service manager's stop; its QEMUs go on."""
        self._running.terminate()
        self._reap()

    def stop(self) -> None:
        """SIGSTOP: it hangs, but its sockets stay open."""
        self._running.send_signal(signal.SIGSTOP)
        wait_until(lambda: _state(self.pid) == "T", "libvirtd stands still")

    def cont(self) -> None:
        """SIGCONT: it goes on where it was stopped."""
        self._running.send_signal(signal.SIGCONT)

    def restart(self) -> None:
        """Kill, and start again."""
        self.kill()
        self.start()

    def children(self) -> list[int]:
        """The pids of what it started and has not ended: QEMUs, perhaps a log daemon."""
        return sorted(filter(self._is_ours, set(self._pids_on_file())))

    def connect(self) -> libvirt.virConnect:
        """A plain connection to its QEMU driver, for tests to change the host by."""
        return libvirt.open(self.uri)

    def clear(self) -> None:
        """Make the host empty: no domain runs, none is defined.

        QEMU is killed rather than asked: `destroy` gives it more than a second to go.
        """
        connection = self.connect()
        try:
            self._kill(self._pids_on_file("libvirt/qemu/run/*.pid"))
            wait_until(lambda: not connection.numOfDomains(), "no domain runs")
            for domain in connection.listAllDomains():
                domain.undefineFlags(_UNDEFINE_ALL)
        finally:
            connection.close()

    def close(self) -> None:
        """End the daemon and all it started, and remove its directories."""
        if self._process is not None:
            self.kill()
        self._kill(self._pids_on_file())
        wait_until(lambda: not self.children(), f"the processes of {self.root} are gone")
        shutil.rmtree(self.root, ignore_errors=True)
        self._guard.communicate()
        atexit.unregister(self.close)

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise DaemonError("it does not run: start() it first")
        return self._process

    def _make_directories(self, like: Daemon | None) -> None:
        for directory in _XDG.values():
            (self.root / directory).mkdir(mode=0o700)
        if like is not None:
            shutil.copytree(like.root / _CAPABILITIES, self.root / _CAPABILITIES)
        _give(self.root)

    def _reap(self) -> None:
        self._running.wait(timeout=10)
        self._process = None

    def _answers(self) -> bool:
        status = self._running.poll()
        if status is not None:
            self._process = None
            log = (self.root / "daemon.log").read_text(errors="replace")
            raise DaemonError(f"libvirtd ended with status {status}:\n{log[-2000:]}")
        with socket.socket(socket.AF_UNIX) as probe:  # the file is there before it listens
            return probe.connect_ex(str(self.socket)) == 0

    def _environment(self) -> dict[str, str]:
        directories = {name: str(self.root / directory) for name, directory in _XDG.items()}
        return directories | {
            "PATH": _PATH,
            "HOME": str(self.root),
            "LC_ALL": "C",
            "DBUS_SESSION_BUS_ADDRESS": "disabled:",  # libvirt would have one started
        }

    def _kill(self, pids: Iterable[int]) -> None:
        for pid in filter(self._is_ours, pids):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _pids_on_file(self, pattern: str = "**/*.pid") -> Iterator[int]:
        for file in (self.root / "run").glob(pattern):
            with contextlib.suppress(OSError, ValueError):  # it may go or be half-written
                yield int(file.read_text())

    def _is_ours(self, pid: int) -> bool:
        """Whether the pid is a child's and still what the file meant; numbers are reused."""
        if self._process is not None and pid == self._process.pid:
            return False
        return is_alive(pid) and (
            not _HAS_PROC or bytes(self.root) in _proc(pid, "cmdline") + _proc(pid, "environ")
        )


def _executable(name: str) -> str:
    found = shutil.which(name, path=_PATH)
    if found is None:
        raise DaemonError(f"{name} is not installed; ./scripts/test installs it")
    return found


def _owner() -> pwd.struct_passwd | None:
    """Whom it runs as, where that is not simply ourselves."""
    return pwd.getpwnam(_UNPRIVILEGED) if os.geteuid() == 0 else None


def _give(tree: Path) -> None:
    """Hand a directory and all below it to whom the daemon runs as."""
    owner = _owner()
    if owner is not None:
        for path in [tree, *tree.rglob("*")]:
            os.chown(path, owner.pw_uid, owner.pw_gid)


def _state(pid: int) -> str:
    """One letter, as `ps` gives it; "" for a process that is gone, "Z" for one as good as gone."""
    if _HAS_PROC:
        return _proc(pid, "stat").rpartition(b") ")[2][:1].decode()
    ps = subprocess.run(["ps", "-o", "state=", "-p", str(pid)], capture_output=True, check=False)
    return ps.stdout.strip()[:1].decode()


def _proc(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:  # gone meanwhile
        return b""

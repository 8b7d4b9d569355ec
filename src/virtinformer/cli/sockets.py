"""Where a URI leads, as far as this machine can tell without asking anybody.

A daemon on this machine listens on a socket in a directory that depends on who is
asked (the system's, or the user's own), under a name that depends on which daemon it
is: one for all drivers (``libvirtd``), or one for each (``virtqemud``, …). See
https://libvirt.org/daemons.html and https://libvirt.org/uri.html.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final, Self
from urllib.parse import parse_qs, urlsplit

import attrs

__all__ = ["Address", "is_at_hand"]

_LOCAL_DRIVERS: Final = frozenset({"bhyve", "ch", "lxc", "qemu", "vz", "xen"})
"""Those that live in a daemon; the client reaches them through a socket."""

_OWN_PROTOCOL: Final = frozenset(
    {"esx", "gsx", "hyperv", "openvz", "vbox", "vmwarefusion", "vmwareplayer", "vmwarews", "vpx"}
)
"""Those that speak to the hypervisor itself, whatever its host; there is no daemon of libvirt."""

_SYSTEM: Final = (Path("/run/libvirt"), Path("/var/run/libvirt"))


@attrs.frozen
class Address:
    """What a URI says.

    Attributes:
        driver: ``"qemu"``, ``"test"``, ….
        transport: ``"unix"``, ``"tls"``, ``"ssh"``, …; empty where no daemon of libvirt
            is between.
        host: the other machine; empty for this one.
        path: ``"/system"``, ``"/session"``, ….
        socket: the socket that the URI names; ``None`` if it leaves that to libvirt.
        read_only: whether the socket for those who change nothing is meant.
    """

    driver: str
    transport: str
    host: str
    path: str
    socket: Path | None
    read_only: bool = False

    @classmethod
    def of(cls, uri: str, *, read_only: bool = False) -> Self:
        """What `uri` says; what it does not say is empty. Never fails."""
        scheme = re.match(r"[A-Za-z0-9.-]*", uri)
        driver = scheme.group().lower() if scheme else ""
        try:
            parts = urlsplit(uri)
            host, named = parts.hostname or "", re.match(r"[^:]*\+([A-Za-z0-9]+)", uri)
            sockets = parse_qs(parts.query).get("socket", [])
        except ValueError:
            return cls(driver, "", "", "", None, read_only)
        if named:
            transport = named.group(1).lower()
        elif host and driver not in _OWN_PROTOCOL:
            transport = "tls"
        else:
            transport = "unix" if driver in _LOCAL_DRIVERS else ""
        socket = Path(sockets[0]) if sockets else None
        return cls(driver, transport, host, parts.path, socket, read_only)

    @property
    def is_in_process(self) -> bool:
        """Whether it is libvirt's test driver, which needs no daemon."""
        return self.driver == "test" and not self.transport and not self.host

    @property
    def is_session(self) -> bool:
        """Whether the daemon is the user's own, not the system's."""
        return self.path == "/session"

    def sockets(self) -> list[Path]:
        """Where a daemon of this machine may listen, the more likely first."""
        if self.transport != "unix":
            return []
        if self.socket is not None:
            return [self.socket]
        suffix = "-ro" if self.read_only and not self.is_session else ""
        names = (f"virt{self.driver}d-sock{suffix}", f"libvirt-sock{suffix}")
        folders = {_session_folder()} if self.is_session else {path.resolve() for path in _SYSTEM}
        return [folder / name for folder in sorted(folders) for name in names]


def _session_folder() -> Path:
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(runtime or cache) / "libvirt"


def is_at_hand(uri: str) -> bool:
    """Whether the host can be asked without network, password or the start of a daemon."""
    address = Address.of(uri, read_only=True)
    return address.is_in_process or any(socket.exists() for socket in address.sockets())

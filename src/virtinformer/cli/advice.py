"""What to do about a host that cannot be connected to.

Each rule is a sentence or two for one situation, told from the kind of trouble, the
address, what lies on this machine's disk, and, for what libvirt has no code for (TLS,
SSH, polkit), its words.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Final

from .._libvirt.probe import DRIVERS, Trouble
from .sockets import Address

__all__ = ["advise", "hung"]

_POLKIT: Final = re.compile(r"polkit|policykit", re.IGNORECASE)
_TLS: Final = re.compile(r"certificate|TLS|handshake|gnutls", re.IGNORECASE)
_SSH_KEY: Final = re.compile(r"host key verification|known_hosts", re.IGNORECASE)
_SSH_LOGIN: Final = re.compile(r"permission denied|publickey|askpass", re.IGNORECASE)
_SSH_TOOL: Final = re.compile(r"nc: |netcat|virt-ssh-helper|command not found", re.IGNORECASE)
_NAME: Final = re.compile(r"resolve|name or service|unable to lookup|getaddrinfo", re.IGNORECASE)


def advise(trouble: Trouble, address: Address, message: str) -> list[str]:
    """What to try, the most likely first; never empty."""
    return [*_advice(trouble, address, message)] or [
        f"Try the same with virsh: virsh -c URI list. {_READ_LOGS}"
    ]


def hung(address: Address) -> str:
    """What to do about a host that takes a connection, or not even that, and says nothing."""
    if address.transport == "ssh":
        return (
            f"Does ssh {address.host} ask for something? Log in once by hand, or use a key. A host "
            "behind a firewall that drops packets looks the same."
        )
    if address.host:
        return f"Is {address.host} up, and not behind a firewall that drops packets?"
    return f"The daemon hangs: restart it (systemctl restart {_services(address)}). {_READ_LOGS}"


_READ_LOGS: Final = "Its log: journalctl -u 'libvirtd*' -u 'virt*d*'."


def _advice(trouble: Trouble, address: Address, message: str) -> Iterator[str]:
    if address.driver not in DRIVERS:
        known = ", ".join(sorted(DRIVERS))
        yield f"libvirt has no driver {address.driver!r}; there are {known}."
    elif _NAME.search(message):
        yield f"The name {address.host!r} is not known here: check its spelling and the DNS."
    elif address.transport in ("ssh", "libssh", "libssh2"):
        yield from _ssh(address, message)
    elif address.transport == "tls":
        yield from _tls(address, message)
    elif address.transport == "tcp":
        yield (
            f"Does {address.host} listen on port 16509? It is not encrypted; better take "
            f"{address.driver}+ssh://{address.host}{address.path}"
        )
    elif address.host and not address.transport:
        yield (
            f"The user goes into the URI ({address.driver}://USER@{address.host}/), the password "
            f"into libvirt's auth.conf: https://libvirt.org/auth.html"
        )
    elif _POLKIT.search(message):
        yield from _polkit()
    else:
        yield from _local(trouble, address)


def _local(trouble: Trouble, address: Address) -> Iterator[str]:
    match trouble:
        case Trouble.FORBIDDEN:
            yield from _forbidden(address)
        case Trouble.CREDENTIALS:
            yield "Write the credentials into libvirt's auth.conf: https://libvirt.org/auth.html"
        case Trouble.ABSENT:
            yield from _absent(address)
        case Trouble.DRIVER:
            yield (
                f"Install the driver: libvirt-daemon-driver-{address.driver} (Debian, Fedora), "
                f"and restart the daemon ({_services(address)})."
            )
        case Trouble.ADDRESS:
            yield (
                "Correct the URI (https://libvirt.org/uri.html). For QEMU on this machine: "
                "qemu:///system, or qemu:///session for your own; to try it out: test:///default."
            )


def _forbidden(address: Address) -> Iterator[str]:
    yield (
        f"The user (uid {os.getuid()}) may not use the socket: join its group (usermod -aG libvirt "
        "USER, then log in again), or use sudo."
    )
    if not address.read_only:
        yield "Watching needs no right to change anything: try --readonly."


def _absent(address: Address) -> Iterator[str]:
    sockets = address.sockets()
    there = [str(path) for path in sockets if path.exists()]
    if there:
        yield f"Nobody listens on {', '.join(there)} any longer: start the daemon again."
    elif sockets:
        yield f"There is none of {', '.join(dict.fromkeys(map(str, sockets)))}."
    if address.socket is not None:
        return
    if address.is_session:
        yield "The session's daemon is started by libvirt itself, if libvirtd or virtqemud is here."
    else:
        yield (
            f"Start the daemon: systemctl enable --now libvirtd.socket, or, where each driver has "
            f"its own, virt{address.driver}d.socket."
        )
        yield "Is it installed? libvirt-daemon-system (Debian), libvirt-daemon-kvm (Fedora)."


def _polkit() -> Iterator[str]:
    yield (
        "polkit decides here, and has nobody to ask: join the group 'libvirt', or add a rule for "
        "org.libvirt.unix.manage (https://libvirt.org/aclpolkit.html)."
    )
    yield "Watching needs no right to change anything: try --readonly (org.libvirt.unix.monitor)."


def _tls(address: Address, message: str) -> Iterator[str]:
    if _TLS.search(message):
        yield (
            "TLS needs certificates on both sides: /etc/pki/CA/cacert.pem, and "
            "/etc/pki/libvirt/clientcert.pem with its key, or ~/.pki/libvirt "
            "(https://libvirt.org/kbase/tlscerts.html). virt-pki-validate checks them."
        )
    else:
        yield (
            f"Does {address.host} listen on port 16514? There: systemctl enable --now "
            "virtproxyd-tls.socket, or libvirtd-tls.socket."
        )
    yield f"With a login there, SSH needs no certificates: {address.driver}+ssh://{address.host}{address.path}"


def _ssh(address: Address, message: str) -> Iterator[str]:
    if _SSH_KEY.search(message):
        yield f"The key of {address.host} is unknown: run ssh {address.host} once, and confirm it."
    elif _SSH_LOGIN.search(message):
        yield (
            f"Make ssh {address.host} work without a question (ssh-copy-id, ssh-agent): nothing "
            "can be asked here. The user needs the right to use the socket there."
        )
    elif _SSH_TOOL.search(message):
        yield f"On {address.host}, libvirt-clients (virt-ssh-helper) or netcat is missing."
    else:
        yield f"Does this work: ssh {address.host} virsh list?"


def _services(address: Address) -> str:
    return f"libvirtd or virt{address.driver}d"

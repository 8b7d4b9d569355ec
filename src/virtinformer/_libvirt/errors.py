"""libvirt's errors, made into ours.

Two questions about an error of libvirt matter to the informer: is it the answer
*no such domain*, and, of a connection that failed, can trying again mend it?
The answers are in the code, sometimes in the domain or the errno beside it, and
for a few only in the text.

An exception of libvirt is kept as the cause of ours, without its traceback: its
frames hold domain handles, a handle holds the connection, and `Health` keeps the
last error for as long as it likes. And libvirt quotes the URI, which may hold a
password, so what is kept is cleaned of it.
"""

from __future__ import annotations

import errno
import os
import re
from typing import Final, TypeVar
from urllib.parse import unquote

import libvirt

from ..exceptions import ConnectError, ReadError

__all__ = [
    "connect_error",
    "detached",
    "is_alive",
    "is_no_domain",
    "is_permanent",
    "is_too_many",
    "is_unsupported",
    "lost_error",
    "read_error",
    "redact",
    "refused_error",
    "stuck_error",
]

E = TypeVar("E", bound=Exception)

HIDDEN: Final = "***"

_PASSWORD: Final = re.compile(
    r"(?<=://)([^:/?#]*):"
    # Up to the last @ before the query, which begins with ?name=. Not only up to the first
    # of / ? #, though there the authority ends: a password may hold them unescaped.
    r"((?:(?!\?[\w.-]+=).)*(?=@)"
    # Or beyond, unless the colon belongs to a port or to an IPv6 address.
    r"|(?!\d*(?:[/?#]|$)|[\da-fA-F:.%]*\]).*(?=@))",
    re.DOTALL,
)
_SECRET_PARAMETER: Final = re.compile(
    r"([?&][^=&#]*(?:pass|secret|token)[^=&#]*=)([^&#]*)", re.IGNORECASE
)
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9.-]*)(?:\+[^:]*)?:")

DRIVERS: Final = frozenset(
    {"bhyve", "ch", "esx", "gsx", "hyperv", "lxc", "openvz", "parallels", "qemu", "test", "vbox"}
    | {"vmwarefusion", "vmwareplayer", "vmwarews", "vpx", "vz", "xen"}
)
"""The schemes of https://libvirt.org/drivers.html. For any other, libvirt asks the daemon."""

_PERMANENT: Final = frozenset(
    {
        libvirt.VIR_ERR_NO_CONNECT,
        libvirt.VIR_ERR_INVALID_ARG,
        libvirt.VIR_ERR_XML_ERROR,
        libvirt.VIR_ERR_XML_DETAIL,
        libvirt.VIR_ERR_CONFIG_UNSUPPORTED,
        libvirt.VIR_ERR_AUTH_FAILED,
        libvirt.VIR_ERR_AUTH_CANCELLED,
        libvirt.VIR_ERR_AUTH_UNAVAILABLE,
        libvirt.VIR_ERR_ACCESS_DENIED,
        libvirt.VIR_ERR_OPERATION_DENIED,
    }
)
_AUTH: Final = frozenset(
    {
        libvirt.VIR_ERR_AUTH_FAILED,
        libvirt.VIR_ERR_AUTH_CANCELLED,
        libvirt.VIR_ERR_AUTH_UNAVAILABLE,
    }
)
_UNSUPPORTED: Final = frozenset(
    {
        libvirt.VIR_ERR_NO_SUPPORT,
        libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
        libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
    }
)
_REFUSED: Final = frozenset({errno.EACCES, errno.EPERM})


def _code(error: Exception) -> int | None:
    code = error.get_error_code() if isinstance(error, libvirt.libvirtError) else None
    return code if isinstance(code, int) else None


def is_no_domain(error: Exception) -> bool:
    """Whether libvirt says that there is no such domain."""
    return _code(error) == libvirt.VIR_ERR_NO_DOMAIN


def is_unsupported(error: Exception) -> bool:
    """Whether the driver has no such call, or not with such flags."""
    return _code(error) in _UNSUPPORTED


def is_too_many(error: Exception) -> bool:
    """Whether a list was refused for its length."""
    return _code(error) == libvirt.VIR_ERR_RPC and "too many" in str(error).lower()


def is_alive(host: libvirt.virConnect) -> bool:
    """Whether a connection still stands, as far as this side knows; asks nobody."""
    try:
        return bool(host.isAlive())
    except libvirt.libvirtError as error:
        # A driver that cannot tell has no wire that could break.
        return is_unsupported(error)


def is_permanent(error: Exception) -> bool:
    """Whether opening the connection again cannot end otherwise."""
    if not isinstance(error, libvirt.libvirtError):
        return True  # the binding itself refused the arguments
    if _code(error) == libvirt.VIR_ERR_SYSTEM_ERROR:
        return error.get_int1() in _REFUSED
    if _code(error) == libvirt.VIR_ERR_INTERNAL_ERROR:
        return error.get_error_domain() == libvirt.VIR_FROM_URI or "URI path" in str(error)
    return _code(error) in _PERMANENT


def redact(uri: str) -> str:
    """The URI without the passwords in it."""
    return _SECRET_PARAMETER.sub(rf"\1{HIDDEN}", _PASSWORD.sub(rf"\1:{HIDDEN}", uri))


def connect_error(uri: str, error: Exception) -> ConnectError:
    """Why `uri` cannot be connected to, and what to do; `error` is its cause."""
    clean = detached(error, uri)
    permanent = is_permanent(clean) or not _is_known(uri)
    message = f"cannot connect to {redact(uri)!r}: {clean}. {_hint(uri, clean)}"
    return _caused(ConnectError(message, permanent=permanent), clean)


def refused_error(uri: str, error: Exception) -> ConnectError:
    """Why `uri`, though connected to, will never send events; `error` is its cause."""
    clean = detached(error, uri)
    message = f"cannot subscribe to the events of {redact(uri)!r}: {clean}. {_no_events(clean)}"
    return _caused(ConnectError(message, permanent=True), clean)


def stuck_error(uri: str, reason: str, error: Exception | None = None) -> ConnectError:
    """`uri` was not so much as asked: it is this side that cannot connect now."""
    clean = None if error is None else detached(error, uri)
    return _caused(ConnectError(f"cannot connect to {redact(uri)!r}: {reason}"), clean)


def lost_error(uri: str, reason: str, error: Exception | None = None) -> ConnectError:
    """The connection to `uri` broke."""
    message = f"lost the connection to {redact(uri)!r}: {reason}"
    if error is None:
        return ConnectError(message)
    clean = detached(error, uri)
    return _caused(ConnectError(f"{message}: {clean}"), clean)


def read_error(what: str, error: Exception) -> ReadError:
    """The host did not say what was asked."""
    clean = detached(error)
    return _caused(ReadError(f"cannot read {what}: {clean}"), clean)


def detached(error: Exception, uri: str = "") -> Exception:
    """The same exception, holding neither frames nor the secrets of `uri`."""
    error.__context__ = None
    for secret in _secrets(uri):
        error.args = tuple(_without(secret, part) for part in error.args)
        if getattr(error, "err", None):
            error.err = tuple(_without(secret, part) for part in error.err)  # type: ignore[attr-defined]
    return error.with_traceback(None)


def _caused(error: E, cause: Exception | None) -> E:
    error.__cause__ = cause
    return error


def _secrets(uri: str) -> list[str]:
    found = [match.group(2) for match in _PASSWORD.finditer(uri)]
    found += [match.group(2) for match in _SECRET_PARAMETER.finditer(uri)]
    return [form for secret in found if secret for form in (secret, unquote(secret))]


def _without(secret: str, part: object) -> object:
    return part.replace(secret, HIDDEN) if isinstance(part, str) else part


def _scheme(uri: str) -> str | None:
    match = _SCHEME.match(uri)
    return match.group(1).lower() if match else None


def _is_known(uri: str) -> bool:
    scheme = _scheme(uri)
    return scheme is None or scheme in DRIVERS


def _hint(uri: str, error: Exception) -> str:
    code, number = _code(error), _errno(error)
    if not _is_known(uri):
        known = ", ".join(sorted(DRIVERS))
        return f"libvirt has no driver {_scheme(uri)!r}; there are {known}"
    if code in _AUTH:
        return "Pass auth=, a function that answers the host's prompts, with valid credentials"
    if _is_forbidden(error):
        return _forbidden()
    if number in (errno.ENOENT, errno.ECONNREFUSED):
        return "Is the daemon (libvirtd, virtqemud, ...) running, and is this its address?"
    if code == libvirt.VIR_ERR_NO_CONNECT:
        return "The host has no such driver: install its package (libvirt-daemon-driver-...)"
    if is_permanent(error):
        return "Correct the URI: https://libvirt.org/uri.html"
    return "Is the host up, and does its daemon answer?"


def _no_events(error: Exception) -> str:
    if is_unsupported(error):
        return "This driver sends no events, and an informer lives on them"
    if _code(error) in _AUTH or _is_forbidden(error):
        return _forbidden()
    return "Are all event_ids those of libvirt (virDomainEventID)?"


def _is_forbidden(error: Exception) -> bool:
    return _errno(error) in _REFUSED or _code(error) in (
        libvirt.VIR_ERR_ACCESS_DENIED,
        libvirt.VIR_ERR_OPERATION_DENIED,
    )


def _forbidden() -> str:
    return f"The user (uid {os.getuid()}) may not: join the group 'libvirt', or read_only=True"


def _errno(error: Exception) -> int | None:
    if _code(error) != libvirt.VIR_ERR_SYSTEM_ERROR:
        return None
    number = error.get_int1()  # type: ignore[attr-defined]
    return number if isinstance(number, int) else None

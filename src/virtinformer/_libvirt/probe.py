"""A plain look at a host, a question at a time: for diagnosis, and for completion.

Unlike the informer it keeps nothing and repeats nothing. Each question is one call,
or a few of a kind, so that whoever asks can tell which of them is slow, refused or
never answered. Nothing is changed on the host.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import threading
import time
from collections.abc import Callable
from enum import Enum
from typing import Final, TypeVar

import attrs
import libvirt

from .._core.vocabulary import EventKind, event_words
from ..exceptions import ConnectError
from .connection import SAFE_VERSION, Address, Connection
from .errors import DRIVERS, detached, is_unsupported, redact
from .eventloop import ensure_running, fence
from .events import callback_for, known_ids

__all__ = [
    "DRIVERS",
    "Host",
    "Kinds",
    "Probe",
    "Trouble",
    "Versions",
    "answered",
    "names_of",
    "redact",
    "trouble_of",
]

T = TypeVar("T")


class Trouble(Enum):
    """What kind of thing keeps from connecting."""

    FORBIDDEN = "forbidden"
    """The user may not use the socket."""
    CREDENTIALS = "credentials"
    """The host wants to know who asks, and is not convinced."""
    ABSENT = "absent"
    """Nobody listens there."""
    DRIVER = "driver"
    """The host has no such driver."""
    ADDRESS = "address"
    """The URI itself is wrong."""
    OTHER = "other"
    """Anything else."""


_TROUBLES: Final = {
    libvirt.VIR_ERR_AUTH_FAILED: Trouble.CREDENTIALS,
    libvirt.VIR_ERR_AUTH_CANCELLED: Trouble.CREDENTIALS,
    libvirt.VIR_ERR_AUTH_UNAVAILABLE: Trouble.CREDENTIALS,
    libvirt.VIR_ERR_ACCESS_DENIED: Trouble.FORBIDDEN,
    libvirt.VIR_ERR_OPERATION_DENIED: Trouble.FORBIDDEN,
    libvirt.VIR_ERR_NO_CONNECT: Trouble.DRIVER,
    libvirt.VIR_ERR_CONFIG_UNSUPPORTED: Trouble.DRIVER,
    libvirt.VIR_ERR_INVALID_ARG: Trouble.ADDRESS,
    libvirt.VIR_ERR_XML_ERROR: Trouble.ADDRESS,
}
_ERRNOS: Final = {
    errno.EACCES: Trouble.FORBIDDEN,
    errno.EPERM: Trouble.FORBIDDEN,
    errno.ENOENT: Trouble.ABSENT,
    errno.ECONNREFUSED: Trouble.ABSENT,
}


@attrs.frozen
class Versions:
    """What this side is made of."""

    binding: str
    library: str
    calls_side_by_side: bool
    """Whether the library is sound enough for several calls at once (CVE-2024-4418)."""


@attrs.frozen
class Host:
    """What a host says of itself. Empty where its driver has no such call."""

    uri: str
    hostname: str
    driver: str
    driver_version: str
    library: str
    encrypted: bool | None
    keepalive: bool
    """Whether a daemon that hangs can be found out."""


@attrs.frozen
class Kinds:
    """Which kinds of events a host sends, by their words."""

    sent: tuple[str, ...]
    refused: tuple[str, ...]

    @property
    def has_lifecycle(self) -> bool:
        """Whether the one kind is among them that an informer lives on."""
        return "Lifecycle" in self.sent


class Probe:
    """A connection for looking. All methods block for as long as the host does."""

    def __init__(self, uri: str, *, read_only: bool = False) -> None:
        self._connection = Connection(Address(uri, read_only, None))
        self._domains: list[libvirt.virDomain] = []

    @staticmethod
    def versions() -> Versions:
        """What this side is made of; asks nobody."""
        library = libvirt.getVersion()
        binding = getattr(libvirt, "__version__", "") or _binding_version()
        return Versions(binding, _dotted(library), library >= SAFE_VERSION)

    @staticmethod
    def turn() -> bool:
        """Have libvirt's event loop run, and wait until it has turned once.

        Raises:
            EventLoopError: if it belongs to somebody else.
        """
        ensure_running()
        return fence()

    def open(self) -> None:
        """Connect.

        Raises:
            ConnectError: if that cannot be done; see `trouble`.
        """
        self._connection.open(lambda _error: None)

    def close(self) -> None:
        """Give everything back."""
        self._domains = []
        self._connection.close()

    def host(self) -> Host:
        """What the host says of itself."""
        host = self._connection.host
        return Host(
            uri=redact(_asked(host.getURI, "")),
            hostname=_asked(host.getHostname, ""),
            driver=_asked(host.getType, ""),
            driver_version=_dotted(_asked(host.getVersion, 0)),
            library=_dotted(_asked(host.getLibVersion, 0)),
            encrypted=_asked(lambda: bool(host.isEncrypted()), None),
            keepalive=_asked(lambda: host.setKeepAlive(5, 3) == 0, False),
        )

    def kinds(self) -> Kinds:
        """Which kinds of events can be subscribed to; none is, afterwards."""
        words: dict[bool, set[str]] = {True: set(), False: set()}
        for number in sorted(known_ids()):
            words[self._is_sent(number)].add(_word(number))
        # Of twins one is enough.
        return Kinds(tuple(sorted(words[True])), tuple(sorted(words[False] - words[True])))

    def count(self) -> int:
        """List the domains; they can be read then."""
        self._domains = self._connection.host.listAllDomains()
        return len(self._domains)

    def read(self, most: int) -> list[float]:
        """The seconds that it took to read each domain, of at most so many."""
        return [_timed(domain) for domain in self._domains[:most]]

    def _is_sent(self, number: int) -> bool:
        host = self._connection.host
        callback = callback_for(number, lambda _news: None)
        try:
            registered = host.domainEventRegisterAny(None, number, callback, None)
        except libvirt.libvirtError:
            return False
        host.domainEventDeregisterAny(registered)
        return True


def trouble_of(error: Exception) -> Trouble:
    """What kind of trouble the error of a connection is."""
    cause = error.__cause__ if isinstance(error, ConnectError) else error
    if not isinstance(cause, libvirt.libvirtError):
        return Trouble.OTHER
    code = cause.get_error_code()
    if code == libvirt.VIR_ERR_SYSTEM_ERROR:
        return _ERRNOS.get(cause.get_int1() or 0, Trouble.OTHER)
    return _TROUBLES.get(code or 0, Trouble.OTHER)


async def answered(seconds: float, question: Callable[[], T]) -> T:
    """Ask in a thread of its own, and wait for the answer for at most so long.

    A call to libvirt cannot be taken back: one that is not answered in time is left
    to itself, in a thread that does not keep the process.

    Raises:
        TimeoutError: if there was no answer.
        Exception: what the question raises.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def settle(outcome: Callable[[], None]) -> None:
        if not answer.done():
            outcome()

    def ask() -> None:
        try:
            value = question()
            outcome = lambda: answer.set_result(value)  # noqa: E731
        except Exception as error:  # noqa: BLE001 - it is raised where it was asked
            refusal = error
            outcome = lambda: answer.set_exception(refusal)  # noqa: E731
        with contextlib.suppress(RuntimeError):  # nobody waits any longer
            loop.call_soon_threadsafe(settle, outcome)

    threading.Thread(target=ask, name="virtinformer-probe", daemon=True).start()
    try:
        async with asyncio.timeout(seconds):
            return await answer
    except TimeoutError:
        raise TimeoutError(f"no answer within {seconds:g} s") from None


def names_of(uri: str, seconds: float) -> list[str]:
    """The names of all domains; empty if they cannot be had in time, for whatever reason."""
    names: list[str] = []

    def ask() -> None:
        libvirt.registerErrorHandler(lambda _context, _error: None, None)
        with contextlib.suppress(libvirt.libvirtError):
            host = libvirt.openReadOnly(uri)
            names.extend([domain.name() for domain in host.listAllDomains()])
            host.close()

    thread = threading.Thread(target=ask, name="virtinformer-probe", daemon=True)
    thread.start()
    thread.join(seconds)
    return list(names)


def _asked(question: Callable[[], T], otherwise: T) -> T:
    """The answer, or what stands for it where the driver has no such call."""
    try:
        return question()
    except libvirt.libvirtError as error:
        if not is_unsupported(error):
            raise detached(error) from None
        return otherwise


def _timed(domain: libvirt.virDomain) -> float:
    began = time.perf_counter()
    try:
        domain.XMLDesc()
        domain.state()
    except libvirt.libvirtError:  # it went meanwhile
        pass
    return time.perf_counter() - began


def _word(number: int) -> str:
    if number == EventKind.LIFECYCLE:
        return "Lifecycle"
    return event_words(number, 0, 0)[0]


def _dotted(version: int) -> str:
    if not version:
        return ""
    return f"{version // 1_000_000}.{version // 1000 % 1000}.{version % 1000}"


def _binding_version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("libvirt-python")
    except PackageNotFoundError:  # from the system's packages, perhaps
        return "?"

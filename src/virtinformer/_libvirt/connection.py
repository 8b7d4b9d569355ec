"""One connection to a host, from open to freed.

libvirt counts references to a connection, and every registered callback and
every domain handle holds one. Unless all are given back before
``virConnectClose``, it returns a number greater than zero, and the socket and
the connection's memory stay for the life of the process. So the end has an
order: no call may be under way, then the callbacks go, then those that are just
running return, then the connection is closed.

How many calls may be under way at once is a matter of libvirt's client library.
Four suffice: a daemon serves five requests of one client at a time. But before
10.4.0 two were too many: if the daemon then hangs and keepalive ends the calls, one
of them reads the other's abandoned stack, and the process hangs or dies (CVE-2024-4418,
"Fix stack use-after-free in virNetClientIOEventLoop()"). One call at a time is safe.

The daemon may go without a word or with the close callback. Both, and a call
that fails because of it, are the same news.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

import attrs
import libvirt

from ..exceptions import ConnectError
from .errors import (
    connect_error,
    detached,
    is_alive,
    is_permanent,
    is_unsupported,
    lost_error,
    redact,
    refused_error,
    stuck_error,
)
from .eventloop import fence
from .events import Hear, Meet, register

__all__ = ["Address", "Auth", "Connection", "calls_at_once"]

log = logging.getLogger("virtinformer.libvirt")

Auth = Callable[[str, str, str | None], str | None]
"""Answers one prompt of the host: kind, prompt and default in, answer or ``None`` out."""

_CREDENTIALS: Final = {
    getattr(libvirt, f"VIR_CRED_{kind.upper()}"): kind
    for kind in ("username", "authname", "passphrase", "realm", "echoprompt", "noechoprompt")
}
_CLOSE_REASONS: Final = {
    libvirt.VIR_CONNECT_CLOSE_REASON_ERROR: "an input or output error",
    libvirt.VIR_CONNECT_CLOSE_REASON_EOF: "the daemon closed it, or ended",
    libvirt.VIR_CONNECT_CLOSE_REASON_KEEPALIVE: "the daemon does not answer keepalive",
    libvirt.VIR_CONNECT_CLOSE_REASON_CLIENT: "it was closed on this side",
}


CALLS: Final = 4
SAFE_VERSION: Final = 10_004_000


def calls_at_once() -> int:
    """How many threads may call libvirt on one connection."""
    return CALLS if libvirt.getVersion() >= SAFE_VERSION else 1


@attrs.frozen
class Address:
    """Where to connect to, and how."""

    uri: str = attrs.field(repr=redact)
    read_only: bool = False
    keepalive: tuple[float, int] | None = (5.0, 3)
    auth: Auth | None = None


@attrs.define
class _CloseNotice:
    """The close callback.

    It is emptied at the end: of a driver without such callbacks, the binding
    keeps whatever it was given, for ever.
    """

    tell: Callable[[int], None] | None = None

    def __call__(self, host: object, reason: int, opaque: object) -> None:
        """Called by libvirt, on its event thread."""
        if (tell := self.tell) is not None:
            tell(reason)


class Connection:
    """One connection to a host.

    Promise: after `close`, libvirt holds nothing that belongs to it. All methods
    block for as long as the daemon does; none is for the loop.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._host: libvirt.virConnect | None = None
        self._callbacks: list[int] = []
        self._close_notice = _CloseNotice()
        self._hears_close = False

    @property
    def host(self) -> libvirt.virConnect:
        """The connection as libvirt has it. To be had only while it is open."""
        assert self._host is not None
        return self._host

    @property
    def is_in_process(self) -> bool:
        """Whether the host is libvirt's test driver inside this process: no wire, no waiting."""
        return self._address.uri.startswith("test:") and self.host.getType() == "TEST"

    @property
    def address(self) -> Address:
        """Where it leads to."""
        return self._address

    def open(self, on_lost: Callable[[ConnectError], None] | None = None) -> None:
        """Connect; `on_lost`, if any, is called on libvirt's event thread when it breaks.

        Raises:
            ConnectError: if it cannot be had.
        """
        try:
            self._host = _open(self._address)
            self._keep_alive()
            if on_lost is not None:
                self._listen_for_close(on_lost)
        except Exception as error:  # noqa: BLE001 - the binding raises more than it documents
            failure = connect_error(self._address.uri, error)
        else:
            if self.is_alive():
                return
            # It broke before anybody listened for that.
            failure = self.lost("it broke while it was opened")
        raise failure

    def subscribe(self, wanted: Iterable[int] | None, hear: Hear, meet: Meet | None = None) -> None:
        """Register a callback for each event id in `wanted` (``None``: all) that can be.

        Raises:
            ConnectError: if not even life-cycle events can be had.
        """
        try:
            register(self.host, wanted, hear, self._callbacks, meet)
        except Exception as error:  # noqa: BLE001 - as above
            failure = self._unsubscribed(error)
        else:
            return
        raise failure

    def _unsubscribed(self, error: Exception) -> ConnectError:
        is_refusal = is_unsupported(error) or is_permanent(error)
        if is_refusal and self.is_alive():
            return refused_error(self._address.uri, error)
        return self.lost("events cannot be subscribed to", error)

    def stuck(self, reason: str, error: Exception | None = None) -> ConnectError:
        """The error that says that this side cannot even try to connect."""
        return stuck_error(self._address.uri, reason, error)

    def lost(self, reason: str, error: Exception | None = None) -> ConnectError:
        """The error that says that this connection broke."""
        return lost_error(self._address.uri, reason, error)

    def is_alive(self) -> bool:
        """Whether it still stands, as far as this side knows; asks nobody."""
        return self._host is not None and is_alive(self._host)

    def close(self) -> None:
        """Give everything back. No call may be under way; never fails, may be repeated."""
        host, self._host = self._host, None
        self._close_notice.tell = None
        if host is None:
            return
        is_heard_of = bool(self._callbacks) or self._hears_close
        while self._callbacks:
            number = self._callbacks.pop()
            self._try("deregister a callback", partial(host.domainEventDeregisterAny, number))
        if self._hears_close:
            self._try("unregister the close callback", host.unregisterCloseCallback)
        if is_heard_of:
            # A callback that is running now still holds a reference.
            fence()
        left = self._try("close the connection", host.close)
        if left:
            log.warning(
                "the connection to %s leaks: %s references are left",
                redact(self._address.uri),
                left,
            )

    def _keep_alive(self) -> None:
        if self._address.keepalive is None:
            return
        interval, count = self._address.keepalive
        try:
            # Whole seconds, and 0 would turn it off.
            self.host.setKeepAlive(math.ceil(interval), count)
        except libvirt.libvirtError as error:
            if not is_unsupported(error):
                raise

    def _listen_for_close(self, on_lost: Callable[[ConnectError], None]) -> None:
        def closed(reason: int) -> None:
            on_lost(self.lost(_CLOSE_REASONS.get(reason, f"for the unknown reason {reason}")))

        if self.is_in_process:
            return  # it cannot break, has no such callback, and the binding would leak `host`
        try:
            self._close_notice.tell = closed
            self.host.registerCloseCallback(self._close_notice, None)
        except libvirt.libvirtError as error:
            if not is_unsupported(error):
                raise
        else:
            self._hears_close = True

    def _try(self, what: str, call: Callable[[], object]) -> object:
        try:
            return call()
        except Exception as error:  # noqa: BLE001 - nobody is left to be told, and more is to do
            clean = detached(error, self._address.uri)
            log.debug("cannot %s of %s: %s", what, redact(self._address.uri), clean)
            return None


def _open(address: Address) -> libvirt.virConnect:
    if address.auth is not None:
        flags = libvirt.VIR_CONNECT_RO if address.read_only else 0
        credentials = [list(_CREDENTIALS), _answering(address.auth), None]
        return libvirt.openAuth(address.uri, credentials, flags)
    if address.read_only:
        return libvirt.openReadOnly(address.uri)
    return libvirt.open(address.uri)


def _answering(auth: Auth) -> Callable[[list[list[Any]], object], int]:
    """What libvirt calls with its prompts: each is a list whose last place is for the answer."""

    def answer(prompts: list[list[Any]], opaque: object) -> int:
        try:
            for prompt in prompts:
                kind, text, _challenge, default, _answer = prompt
                prompt[4] = auth(_CREDENTIALS[kind], text, default)
        except Exception:
            log.exception("the auth function raised; the connection is given up")
            return -1
        return -1 if any(prompt[4] is None for prompt in prompts) else 0

    return answer

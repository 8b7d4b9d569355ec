"""Opening a connection, failing to, and giving it back."""

from __future__ import annotations

import gc
import logging
import os
import socket
import threading
from pathlib import Path
from typing import Any

import libvirt
import pytest

from tests.daemons import wait_until
from tests.libvirt.recording import URI, defined
from virtinformer._libvirt import connection, eventloop
from virtinformer._libvirt.connection import Address, Connection
from virtinformer._libvirt.errors import connect_error, is_alive, is_permanent, redact
from virtinformer._libvirt.events import News
from virtinformer.exceptions import ConnectError


@pytest.fixture(autouse=True)
def _event_loop() -> None:
    eventloop.ensure_running()


def refusal(uri: str, **how: Any) -> ConnectError:
    with pytest.raises(ConnectError) as caught:
        Connection(Address(uri, **how)).open(lambda error: None)
    return caught.value


@pytest.fixture
def dead_socket(tmp_path: Path) -> Path:
    path = tmp_path / "dead"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
    return path


def test_an_unknown_scheme_is_permanent_and_the_known_are_named() -> None:
    error = refusal("foo:///")
    assert error.permanent
    assert "no driver 'foo'" in str(error)
    assert "qemu" in str(error)
    assert isinstance(error.__cause__, libvirt.libvirtError)


@pytest.mark.parametrize(
    "uri",
    [
        "not a uri",
        "test:///",
        "test:///no/such/file.xml",
        "qemu+nonsense://host/system",
        "foo+unix:///",
        "nul\0byte",
        "qemu\udcff:///",
    ],
)
def test_what_retrying_cannot_mend_is_permanent(uri: str) -> None:
    error = refusal(uri)
    assert error.permanent
    assert error.__cause__ is not None


def test_a_missing_socket_is_worth_another_try(tmp_path: Path) -> None:
    error = refusal(f"qemu+unix:///session?socket={tmp_path}/none")
    assert not error.permanent
    assert "running" in str(error)


def test_a_refused_socket_is_worth_another_try(dead_socket: Path) -> None:
    error = refusal(f"test+unix:///default?socket={dead_socket}")
    assert not error.permanent
    assert "running" in str(error)


class Answer(libvirt.libvirtError):
    def __init__(self, code: int, domain: int = 0, number: int = -1, text: str = "") -> None:
        Exception.__init__(self, text)
        self.err = (code, domain, text, 2, "%s", text, None, number, -1)


@pytest.mark.parametrize(
    ("error", "permanent", "hint"),
    [
        (Answer(libvirt.VIR_ERR_SYSTEM_ERROR, 7, 13), True, "group 'libvirt'"),
        (Answer(libvirt.VIR_ERR_SYSTEM_ERROR, 7, 1), True, "group 'libvirt'"),
        (Answer(libvirt.VIR_ERR_SYSTEM_ERROR, 7, 2), False, "running"),
        (Answer(libvirt.VIR_ERR_SYSTEM_ERROR, 7, 110), False, "host up"),
        (Answer(libvirt.VIR_ERR_SYSTEM_ERROR, 7, -1), False, "host up"),
        (Answer(libvirt.VIR_ERR_AUTH_FAILED), True, "auth="),
        (Answer(libvirt.VIR_ERR_AUTH_CANCELLED), True, "auth="),
        (Answer(libvirt.VIR_ERR_AUTH_UNAVAILABLE), True, "auth="),
        (Answer(libvirt.VIR_ERR_ACCESS_DENIED), True, "group 'libvirt'"),
        (Answer(libvirt.VIR_ERR_NO_CONNECT), True, "install"),
        (Answer(libvirt.VIR_ERR_INTERNAL_ERROR, 7), False, "host up"),
        (Answer(libvirt.VIR_ERR_INTERNAL_ERROR, 45), True, "uri.html"),
        (
            Answer(libvirt.VIR_ERR_INTERNAL_ERROR, text="unexpected qemu URI path '/x'"),
            True,
            "uri.html",
        ),
        (ValueError("embedded null character"), True, "uri.html"),
    ],
)
def test_each_error_says_what_to_do(error: Exception, permanent: bool, hint: str) -> None:
    assert is_permanent(error) is permanent
    made = connect_error("qemu:///system", error)
    assert made.permanent is permanent
    assert hint in str(made)
    assert made.__cause__ is error


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("qemu:///system", "qemu:///system"),
        ("qemu+ssh://root@host:22/system", "qemu+ssh://root@host:22/system"),
        ("esx://root:s3cret@vc/?no_verify=1", "esx://root:***@vc/?no_verify=1"),
        ("esx://root:s3@cr3t@vc/", "esx://root:***@vc/"),
        ("esx://vc/?password=s3cret&x=1", "esx://vc/?password=***&x=1"),
        ("vpx://vc/?x=1&vc_PassWord=s3", "vpx://vc/?x=1&vc_PassWord=***"),
        ("test:///a@b", "test:///a@b"),
        # An @ after the authority makes no password of what is before it ...
        *(
            (uri, uri)
            for uri in (
                "qemu+ssh://root@h:22/system?keyfile=/home/a@b",
                "qemu+ssh://h:22/system?keyfile=/home/a@b",
                "qemu+ssh://root@h:22?keyfile=/home/a@b",
                "qemu+ssh://[::1]/system?keyfile=/home/a@b",
                "qemu+ssh://root@[fe80::1]:22/system?keyfile=/home/a@b",
            )
        ),
        ("esx://root:s3cret@vc/?x=a@b", "esx://root:***@vc/?x=a@b"),
        ("qemu+ssh://u:s3@h:22/system?keyfile=/a@b", "qemu+ssh://u:***@h:22/system?keyfile=/a@b"),
        # ... and none of a password is shown for its odd characters.
        ("esx://root:s3@c/r?e#t@vc/?no_verify=1", "esx://root:***@vc/?no_verify=1"),
        ("esx://root:s3?x=cr@vc/", "esx://root:***@vc/"),
        ("esx://root:12/34@vc/", "esx://root:***@vc/"),
        ("esx://root:22@vc/?x=a@b", "esx://root:***@vc/?x=a@b"),
        ("esx://root:s3\ncr@vc/", "esx://root:***@vc/"),
        ("vpx://me@sso.local:s3@vc/dc", "vpx://me@sso.local:***@vc/dc"),
    ],
)
def test_a_uri_is_shown_without_its_passwords(uri: str, shown: str) -> None:
    assert redact(uri) == shown


@pytest.mark.parametrize(
    "uri", ["bad uri://joe:s3cr%20et@host/", "foo://joe:s3cr%20et@host/?password=hunter2"]
)
def test_no_secret_is_in_the_error_or_its_cause(uri: str) -> None:
    error = refusal(uri)
    cause = error.__cause__
    assert isinstance(cause, libvirt.libvirtError)
    everything = f"{error!r} {cause!r} {cause.err!r}"
    assert "s3cr" not in everything
    assert "hunter2" not in everything


def test_no_secret_is_in_what_shows_the_address() -> None:
    assert "s3cret" not in repr(Address("esx://root:s3cret@vc/"))


def test_an_error_holds_no_frame() -> None:
    cause = refusal("not a uri").__cause__
    assert cause is not None
    assert cause.__traceback__ is None
    assert cause.__context__ is None


def test_what_is_opened_is_given_back_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[int] = []
    close = libvirt.virConnect.close
    monkeypatch.setattr(libvirt.virConnect, "close", lambda host: left.append(close(host)))
    link, heard, done = Connection(Address(URI)), list[News](), threading.Event()
    link.open(lambda error: None)

    def hear(news: News) -> None:
        heard.append(news)
        done.set()

    link.subscribe(None, hear)
    assert link.is_alive()
    assert link.is_in_process
    with defined(link.host):
        assert done.wait(10)
    assert heard[0].name.startswith("domain-")
    link.close()
    assert left == [0]
    assert not link.is_alive()
    link.close()
    assert left == [0]


def test_a_reference_that_is_left_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    link = Connection(Address(URI))
    link.open(lambda error: None)
    held = link.host.lookupByName("test")
    with caplog.at_level(logging.WARNING, "virtinformer.libvirt"):
        link.close()
    assert "leaks: 1 references are left" in caplog.text
    del held


def test_read_only_cannot_change_anything() -> None:
    link = Connection(Address(URI, read_only=True))
    link.open(lambda error: None)
    with pytest.raises(libvirt.libvirtError, match="read only"):
        link.host.lookupByName("test").suspend()
    gc.collect()  # pytest's record of the exception is a cycle that holds the handle
    link.close()


def test_a_failed_subscription_is_an_error_of_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*args: object) -> int:
        raise Answer(libvirt.VIR_ERR_NO_SUPPORT, text="no events here")

    link = Connection(Address(URI))
    link.open(lambda error: None)
    monkeypatch.setattr(libvirt.virConnect, "domainEventRegisterAny", fail)
    with pytest.raises(ConnectError, match="no events here"):
        link.subscribe(None, lambda news: None)
    link.close()


@pytest.mark.parametrize(
    ("answer", "is_alive", "permanent", "words"),
    [
        (Answer(libvirt.VIR_ERR_NO_SUPPORT), True, True, "driver sends no events"),
        (Answer(libvirt.VIR_ERR_OPERATION_UNSUPPORTED), True, True, "driver sends no events"),
        (Answer(libvirt.VIR_ERR_ACCESS_DENIED), True, True, "group 'libvirt'"),
        (Answer(libvirt.VIR_ERR_AUTH_CANCELLED), True, True, "group 'libvirt'"),
        (OverflowError("too large"), True, True, "event_ids"),
        (Answer(libvirt.VIR_ERR_RPC), True, False, "lost the connection"),
        (Answer(libvirt.VIR_ERR_NO_SUPPORT), False, False, "lost the connection"),
    ],
)
def test_events_that_are_refused_are_refused_for_good(
    answer: Exception,
    is_alive: bool,
    permanent: bool,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*args: object) -> int:
        raise answer

    link = Connection(Address(URI))
    link.open(lambda error: None)
    monkeypatch.setattr(libvirt.virConnect, "domainEventRegisterAny", fail)
    monkeypatch.setattr(connection, "is_alive", lambda host: is_alive)
    with pytest.raises(ConnectError, match=words) as caught:
        link.subscribe(None, lambda news: None)
    assert caught.value.permanent is permanent
    assert caught.value.__cause__ is answer
    link.close()


@pytest.mark.parametrize(
    ("reason", "words"),
    [(0, "error"), (1, "daemon closed"), (2, "keepalive"), (3, "this side"), (9, "reason 9")],
)
def test_a_close_reason_is_told_in_words(
    reason: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    callbacks: list[Any] = []
    register = libvirt.virConnect.registerCloseCallback

    def recorded(host: libvirt.virConnect, callback: Any, opaque: None) -> int:
        callbacks.append(callback)
        return register(host, callback, opaque)

    monkeypatch.setattr(libvirt.virConnect, "registerCloseCallback", recorded)
    monkeypatch.setattr(Connection, "is_in_process", False)
    link, lost = Connection(Address(URI)), list[ConnectError]()
    link.open(lost.append)
    callbacks[0](None, reason, None)
    link.close()
    callbacks[0](None, reason, None)
    assert len(lost) == 1
    assert words in str(lost[0])
    assert not lost[0].permanent


class Prompted:
    """Stands for `libvirt.openAuth`: asks, and keeps what was answered."""

    def __init__(self, *kinds: int) -> None:
        self.kinds = kinds
        self.prompts: list[list[Any]] = []
        self.verdict: int | None = None

    def __call__(self, uri: str, auth: list[Any], flags: int) -> libvirt.virConnect:
        known, answer, opaque = auth
        assert set(self.kinds) <= set(known)
        self.prompts = [[kind, f"prompt {kind}", "host", "root", None] for kind in self.kinds]
        self.verdict = answer(self.prompts, opaque)
        return libvirt.open(uri)


def authenticated(monkeypatch: pytest.MonkeyPatch, auth: connection.Auth) -> Prompted:
    prompted = Prompted(libvirt.VIR_CRED_AUTHNAME, libvirt.VIR_CRED_PASSPHRASE)
    monkeypatch.setattr(libvirt, "openAuth", prompted)
    link = Connection(Address(URI, auth=auth))
    link.open(lambda error: None)
    link.close()
    return prompted


def test_prompts_are_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    def auth(kind: str, prompt: str, default: str | None) -> str:
        return f"{kind}, {prompt}, {default}"

    prompted = authenticated(monkeypatch, auth)
    assert prompted.verdict == 0
    assert [prompt[4] for prompt in prompted.prompts] == [
        "authname, prompt 2, root",
        "passphrase, prompt 5, root",
    ]


def test_no_answer_cancels(monkeypatch: pytest.MonkeyPatch) -> None:
    assert authenticated(monkeypatch, lambda kind, prompt, default: None).verdict == -1


def test_an_exception_in_auth_cancels(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def auth(kind: str, prompt: str, default: str | None) -> str:
        raise LookupError("no keyring")

    assert authenticated(monkeypatch, auth).verdict == -1
    assert "no keyring" in caplog.text


def test_keepalive_that_the_driver_does_not_know_is_no_error() -> None:
    for keepalive in ((0.5, 1), None):
        link = Connection(Address(URI, keepalive=keepalive))
        link.open(lambda error: None)
        link.close()


@pytest.mark.parametrize(("version", "calls"), [(9_000_000, 1), (10_003_999, 1), (10_004_000, 4)])
def test_one_call_at_a_time_where_two_are_not_safe(
    version: int, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libvirt, "getVersion", lambda: version)
    assert connection.calls_at_once() == calls


def test_a_driver_that_cannot_tell_is_alive() -> None:
    class Host:
        def isAlive(self) -> bool:  # noqa: N802 - libvirt's name
            raise Answer(libvirt.VIR_ERR_NO_SUPPORT)

    host: Any = Host()
    assert is_alive(host)


def test_a_hundred_connections_leave_no_descriptor() -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    before = descriptors()
    for _ in range(100):
        link = Connection(Address(URI))
        link.open(lambda error: None)
        link.subscribe(None, lambda news: None)
        link.close()
    wait_until(lambda: descriptors() <= before, "descriptors")

"""What cannot work: one clear exception each, that names the cause and says what to do."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import libvirt
import pytest

import virtinformer as vi
from tests.live.hands import domain_named, hands_on

PROMPT = 5.0
ROOT = Path(__file__).parent.parent.parent


async def refused(uri: str, **how: Any) -> vi.ConnectError:
    """The error with which an informer does not open, and nothing is left of it."""
    began = time.monotonic()
    with pytest.raises(vi.ConnectError) as caught:
        async with asyncio.timeout(30), vi.connect(uri, **how):
            pytest.fail("it opened")
    assert time.monotonic() - began < PROMPT
    names = {thread.name for thread in threading.enumerate()}
    assert not any(name.startswith("virtinformer-reader") for name in names)
    assert isinstance(caught.value.__cause__, libvirt.libvirtError)
    return caught.value


def unix(path: Path) -> str:
    return f"qemu+unix:///session?socket={path}"


# ---------------------------------------------------------------------- URIs


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("uri", "hint"),
    [
        ("qume:///system", "no driver 'qume'; there are .*qemu"),
        ("http://example.org/", "no driver 'http'"),
        ("test:///no/such/file.xml", "https://libvirt.org/uri.html|Is the"),
        ("test+nonsense:///default", "https://libvirt.org/uri.html|driver"),
        ("qemu:///system?socket=%zz&&&=", None),
        ("test:///default/\udcff", None),
        ("://", None),
        ("qemu://[::1", None),
    ],
)
async def test_a_uri_that_names_nothing(uri: str, hint: str | None) -> None:
    if hint is None:
        with pytest.raises(vi.ConnectError):
            async with vi.connect(uri, connect_timeout=1.0):
                pytest.fail("it opened")
        return
    error = await refused(uri, connect_timeout=1.0)
    assert error.permanent
    assert uri in str(error)
    assert re.search(hint, str(error))


@pytest.mark.asyncio
async def test_a_password_in_the_uri_is_told_to_nobody(caplog: pytest.LogCaptureFixture) -> None:
    error = await refused("qume://root:hunter2@[::1]/system?password=hunter2")
    assert "hunter2" not in f"{error} {error.__cause__} {error.__cause__!r} {caplog.text}"


# ---------------------------------------------------------------------- sockets


@pytest.mark.asyncio
async def test_a_socket_that_does_not_exist(tmp_path: Path) -> None:
    error = await refused(unix(tmp_path / "none"), connect_timeout=0.5)
    assert not error.permanent
    assert "Is the daemon" in str(error)


@pytest.mark.asyncio
async def test_a_file_that_is_no_socket(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("not a socket")
    assert "Is the daemon" in str(await refused(unix(path), connect_timeout=0.5))


@contextlib.contextmanager
def bound(path: Path, *, listening: bool) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as it:
        it.bind(str(path))
        if listening:
            it.listen()
        yield it


@pytest.mark.asyncio
async def test_a_socket_at_which_nobody_listens(tmp_path: Path) -> None:
    with bound(tmp_path / "dead", listening=False):
        error = await refused(unix(tmp_path / "dead"), connect_timeout=0.5)
    assert "Is the daemon" in str(error)


@pytest.mark.asyncio
async def test_a_socket_at_which_nobody_says_anything(tmp_path: Path) -> None:
    with bound(tmp_path / "mute", listening=True):
        began = time.monotonic()
        with pytest.raises(vi.ConnectError, match=r"no answer from .* within 0.5 s"):
            async with vi.connect(unix(tmp_path / "mute"), connect_timeout=0.5):
                pytest.fail("it opened")
        assert time.monotonic() - began < PROMPT


OPEN = """
import asyncio, sys
import virtinformer as vi

async def main():
    try:
        async with vi.connect(sys.argv[1], connect_timeout=0.5):
            print("it opened")
    except vi.ConnectError as error:
        print("permanent:", error.permanent)
        print("cause:", type(error.__cause__).__name__)

asyncio.run(main())
"""


def test_a_socket_that_is_hung_up_at_once(tmp_path: Path) -> None:
    # In a process of its own: libvirt 9.0.0 itself leaks an eventfd here now and then.
    with bound(tmp_path / "rude", listening=True) as rude:
        hanging_up = threading.Thread(target=_hang_up, args=(rude,))
        hanging_up.start()
        try:
            said = run(OPEN, unix(tmp_path / "rude"))
        finally:
            rude.shutdown(socket.SHUT_RDWR)
            hanging_up.join()
    assert said == "permanent: False\ncause: libvirtError\n"


def _hang_up(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            listener.accept()[0].close()


OPEN_AS_NOBODY = """
import asyncio, os, pwd, sys
import virtinformer as vi

def become_nobody():
    nobody = pwd.getpwnam("nobody")
    os.setgroups([])
    os.setgid(nobody.pw_gid)
    os.setuid(nobody.pw_uid)

async def main():
    async with vi.connect("test:///default"):
        pass  # imports what it needs, which nobody may not be allowed to read
    if os.geteuid() == 0:
        become_nobody()
    try:
        async with vi.connect(sys.argv[1], connect_timeout=20.0):
            print("it opened")
    except vi.ConnectError as error:
        print("permanent:", error.permanent)
        print("cause:", type(error.__cause__).__name__)
        print(error)

asyncio.run(main())
"""


def run(program: str, *arguments: str) -> str:
    """What a program says that runs in a process of its own, since it spoils it."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'src'}", "LC_ALL": "C"},
    )
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout


def test_a_socket_that_the_user_may_not_open(tmp_path: Path) -> None:
    path = tmp_path / "locked"
    with bound(path, listening=True):
        path.chmod(0)
        began = time.monotonic()
        said = run(OPEN_AS_NOBODY, unix(path))
    assert time.monotonic() - began < 15.0  # at once, not after the 20 s it may take
    assert "permanent: True" in said
    assert "cause: libvirtError" in said
    assert "join the group 'libvirt'" in said


# ---------------------------------------------------------------------- event loops


FOREIGN = """
import asyncio
import virtinformer as vi

async def main():
    {register}
    for _ in range(2):
        try:
            async with vi.connect("test:///default"):
                print("it opened")
        except vi.EventLoopError as error:
            print(error)

asyncio.run(main())
"""


def test_libvirtaio_was_first() -> None:
    register = "import libvirtaio; libvirtaio.virEventRegisterAsyncIOImpl()"
    said = run(FOREIGN.format(register=register))
    assert "it opened" not in said
    assert said.count("libvirt's event loop belongs to somebody else") == 2
    assert "Open the informer before" in said


def test_somebody_elses_thread_runs_the_default_loop() -> None:
    # It was here first and shares the work with ours: events arrive either way, or it is said.
    register = """
    import libvirt, threading
    libvirt.virEventRegisterDefaultImpl()
    def spin():
        while True:
            libvirt.virEventRunDefaultImpl()
    threading.Thread(target=spin, daemon=True).start()
    """.strip()
    said = run(FOREIGN.format(register=register))
    lines = said.splitlines()
    assert len(lines) == 2
    assert len(set(lines)) == 1
    assert lines[0] == "it opened" or "belongs to somebody else" in lines[0]


def test_the_default_loop_was_registered_and_runs_nowhere() -> None:
    register = "import libvirt; libvirt.virEventRegisterDefaultImpl()"
    assert run(FOREIGN.format(register=register)) == "it opened\n" * 2


def test_no_asyncio_loop_runs() -> None:
    informer = vi.connect("test:///default")
    opening = informer.__aenter__()
    with pytest.raises(vi.EventLoopError, match=r"asyncio\.run"):
        opening.send(None)


@pytest.mark.asyncio
async def test_the_informer_of_another_loop() -> None:
    async with vi.connect("test:///default") as informer:
        calls: list[Callable[[], Any]] = [
            informer.watch,
            informer.events,
            lambda: informer.add_event_handler(_Handler()),
            lambda: informer.on_delete(print),
        ]
        for call in calls:
            with pytest.raises(vi.EventLoopError, match="another event loop"):
                await asyncio.to_thread(asyncio.run, _call(call))
        for question in (informer.sync, lambda: informer.refresh(uuid4())):
            with pytest.raises(vi.EventLoopError, match="another event loop"):
                await asyncio.to_thread(asyncio.run, _ask(question))
        # Reading is free to all.
        assert await asyncio.to_thread(informer.list) == informer.list()
        async with asyncio.timeout(10):
            await informer.sync()


class _Handler:
    def on_delete(self, domain: vi.Domain) -> None: ...


async def _call(call: Callable[[], Any]) -> None:
    call()


async def _ask(question: Callable[[], Any]) -> None:
    await question()


# ---------------------------------------------------------------------- too early, too late


def uses(informer: vi.DomainInformer) -> list[Callable[[], Any]]:
    return [
        lambda: informer.get(uuid4()),
        lambda: informer.get_by_name("n"),
        informer.list,
        informer.snapshot,
        lambda: informer.by_index("i", 1),
        informer.watch,
        informer.events,
        lambda: informer.add_event_handler(_Handler()),
    ]


def questions(informer: vi.DomainInformer) -> list[Callable[[], Any]]:
    return [
        informer.sync,
        lambda: informer.refresh(uuid4()),
        lambda: informer.wait_for(uuid4(), lambda _: True),
    ]


@pytest.mark.asyncio
@pytest.mark.parametrize("when", ["not open yet", "closed"])
async def test_an_informer_that_is_not_open(when: str) -> None:
    informer = vi.connect("test:///default")
    if when == "closed":
        async with informer:
            pass
    for use in uses(informer):
        with pytest.raises(vi.NotSynced, match=when):
            use()
    for question in questions(informer):
        with pytest.raises(vi.NotSynced, match=when):
            await question()
    assert not informer.health.connected
    assert not informer.health.synced


@pytest.mark.asyncio
async def test_an_informer_cannot_be_opened_again() -> None:
    informer = vi.connect("test:///default")
    async with informer:
        with pytest.raises(vi.NotSynced, match="only once"):
            await informer.__aenter__()
        assert informer.health.connected
    with pytest.raises(vi.NotSynced, match="only once"):
        await informer.__aenter__()


@pytest.mark.asyncio
async def test_whoever_waits_when_it_is_closed_is_told() -> None:
    async with vi.connect("test:///default") as informer:
        nobody = uuid4()
        waiting = asyncio.create_task(informer.wait_for(nobody, lambda _: True))
        following = asyncio.create_task(_follow(informer))
        await asyncio.sleep(0)
    with pytest.raises(vi.NotSynced, match="closed"):
        await waiting
    async with asyncio.timeout(5):
        assert await following >= 1


async def _follow(informer: vi.DomainInformer) -> int:
    return len([delta async for delta in informer.watch()])


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"resync_period": 0}, "resync_period must be above 0, or None"),
        ({"reorder_window": -1}, "reorder_window must be 0 or more"),
        ({"history": -1}, "history must be 0 or more"),
        ({"connect_timeout": 0}, "connect_timeout must be above 0"),
    ],
)
async def test_an_option_that_makes_no_sense(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        vi.connect("test:///default", **wrong)


@pytest.mark.asyncio
async def test_what_a_predicate_raises_is_raised_where_it_is_waited_for() -> None:
    async with vi.connect("test:///default") as informer, hands_on("test:///default") as hands:
        uuid = await hands.define(domain_named())
        await informer.sync()
        with pytest.raises(ZeroDivisionError):
            await informer.wait_for(uuid, lambda _: bool(1 // 0))
        await hands.to(uuid, lambda domain: domain.undefine())
        with pytest.raises(TypeError, match="UUID"):
            await informer.refresh(str(uuid))  # type: ignore[arg-type]

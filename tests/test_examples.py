"""The examples do what they say, on libvirt's test driver, and are short."""

from __future__ import annotations

import asyncio
import configparser
import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import libvirt
import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))
XML = (
    "<domain type='test'><name>example</name><memory>1024</memory>"
    "<os><type arch='i686'>hvm</type></os></domain>"
)


def load(name: str) -> ModuleType:
    path = next(path for path in EXAMPLES if path.stem == name)
    spec = importlib.util.spec_from_file_location(f"example_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def live_and_die() -> None:
    connection = libvirt.open("test:///default")
    domain = connection.defineXML(XML)
    domain.create()
    domain.suspend()
    domain.destroy()
    domain.undefine()
    connection.close()


async def output_until(name: str, capsys: pytest.CaptureFixture[str], *parts: str) -> str:
    """Run an example while a domain lives and dies, again and again until all was printed."""
    task = asyncio.create_task(load(name).main("test:///default"))
    printed = ""
    try:
        async with asyncio.timeout(30):
            while not all(part in printed for part in parts):
                await asyncio.to_thread(live_and_die)
                await asyncio.sleep(0.05)
                printed += capsys.readouterr().out
                assert not task.done() or task.exception() is None
    finally:
        task.cancel()
        await asyncio.wait([task])
    return printed


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 65


@pytest.mark.asyncio
async def test_watch(capsys: pytest.CaptureFixture[str]) -> None:
    printed = await output_until("watch", capsys, "- example")
    lines = printed.splitlines()
    synced = next(line for line in lines if line.startswith("= everything known so far, at "))
    assert any(line.startswith("+ test running ") for line in lines[: lines.index(synced)])


@pytest.mark.asyncio
async def test_handlers(capsys: pytest.CaptureFixture[str]) -> None:
    parts = ("+ test was there already", "+ example is new", "example Started Booted", "- example")
    printed = await output_until("handlers", capsys, *parts)
    assert printed.index("+ test was there already") < printed.index("+ example is new")


@pytest.mark.asyncio
async def test_versions(capsys: pytest.CaptureFixture[str]) -> None:
    printed = await output_until("versions", capsys, "newer than the list")
    assert "domains at version" in printed
    assert "the list has it already" in printed
    versions = [int(found) for found in re.findall(r" version (\d+):", printed)]
    assert versions == sorted(versions)


class Systemd:
    """What listens on the other side of NOTIFY_SOCKET."""

    def __init__(self, folder: Path) -> None:
        self.address = str(folder / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._socket.settimeout(30)

    def until(self, message: str) -> list[str]:
        heard: list[str] = []
        while message not in heard:
            heard.append(self._socket.recv(4096).decode())
        return heard

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    systemd = Systemd(tmp_path)
    yield systemd
    systemd.close()


def test_service(systemd: Systemd) -> None:
    """It says that it is ready, that it lives, and that it ends; and then it has ended."""
    path = next(path for path in EXAMPLES if path.stem == "service")
    environment = {"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "40000"}
    with subprocess.Popen(
        [sys.executable, "-W", "error", path],
        env=os.environ | environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        systemd.until("READY=1")
        assert "STATUS=1 domains, 0 s old" in systemd.until("WATCHDOG=1")
        systemd.until("WATCHDOG=1")
        process.send_signal(signal.SIGTERM)
        systemd.until("STOPPING=1")
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")


def test_the_unit_is_one(tmp_path: Path) -> None:
    """As systemd itself says, where it is installed."""
    (path,) = (Path(__file__).parent.parent / "examples").glob("*.service")
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(path.read_text())
    assert unit["Service"]["Type"] == "notify"
    program = unit["Service"]["ExecStart"]
    assert Path(program.split()[1]).stem in {example.stem for example in EXAMPLES}
    verify = shutil.which("systemd-analyze")
    if verify is not None:
        copy = tmp_path / path.name
        copy.write_text(path.read_text().replace(program, "/bin/true"))
        done = subprocess.run([verify, "verify", copy], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")

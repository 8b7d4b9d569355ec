"""The demonstration: what a host's domains do, as an informer tells it.

Without an argument a domain lives its whole life on libvirt's built-in test host, changed by a
plain libvirt connection of this script's own, as any other program would do it; the informer
is only told by libvirt, or, where libvirt tells nothing, finds it out. With a URI the script
changes nothing, and watches that host until Ctrl-C.

Two streams are shown as they come: deltas, from `watch()`, and events, from `events()`. The
number before each line is the resource version: one counter for both.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Callable
from uuid import UUID

import libvirt

import virtinformer as vi

EMBEDDED = "test:///default"
NAME = "phoenix"
RENAMED = "phoenix-2"
XML = f"""\
<domain type='test'>
  <name>{NAME}</name><memory unit='MiB'>64</memory><vcpu>1</vcpu><os><type>hvm</type></os>
</domain>"""
HALF_KIB = 32 * 1024
RESYNC = 1.0  # seconds; the default, a minute, is long for a demonstration
PAUSE = 0.3  # for the eye only: nothing waits on it to be right

COLOURS = {"dim": "2", "bold": "1", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def paint(text: str, colour: str) -> str:
    return f"\033[{COLOURS[colour]}m{text}\033[0m" if sys.stdout.isatty() else text


def say(text: str) -> None:
    print(paint(f"\n→ {text}", "bold"), flush=True)


def show(version: int, sign: str, text: str, colour: str) -> None:
    print(f"{paint(f'{version:6}', 'dim')}  {paint(f'{sign} {text}', colour)}", flush=True)


def show_delta(delta: vi.Added | vi.Updated | vi.Deleted | vi.Synced) -> None:
    version = delta.resource_version
    match delta:
        case vi.Added(domain=domain):
            show(version, "+", f"{domain.name} is there, {domain.state}", "green")
        case vi.Updated(old=old, domain=new):
            how = paint(f"  [{', '.join(sorted(delta.changed))}] by {delta.source.value}", "dim")
            what = f"{new.name}: {old.state} → {new.state}" if old.state != new.state else new.name
            show(version, "~", what + how, "yellow")
            show_diff(delta)
        case vi.Deleted(domain=last):
            show(version, "-", f"{last.name} is gone", "red")
        case vi.Synced():
            show(version, "=", "everything known so far has been told", "cyan")


def show_diff(delta: vi.Updated) -> None:
    for line in delta.diff().splitlines():
        if line[:1] in "+-" and line[:3] not in {"+++", "---"}:
            print(paint(f"            {line[0]} {line[1:].strip()}", "dim"), flush=True)


def show_event(event: vi.DomainEvent) -> None:
    reason = f" ({event.reason})" if event.reason else ""
    inferred = ", inferred" if event.inferred else ""
    text = f"event {event.type}{reason} of {event.domain_name}{inferred}"
    show(event.resource_version, "·", text, "dim")


async def tell_deltas(informer: vi.DomainInformer) -> None:
    async for delta in informer.watch():
        show_delta(delta)


async def tell_events(informer: vi.DomainInformer) -> None:
    async for event in informer.events():
        show_event(event)


@contextlib.asynccontextmanager
async def telling(informer: vi.DomainInformer) -> AsyncIterator[None]:
    """Both streams on the terminal, side by side."""
    tasks = [asyncio.create_task(tell(informer)) for tell in (tell_events, tell_deltas)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def watch_host(uri: str) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with vi.connect(uri) as informer, telling(informer):
        say(f"{uri}, until Ctrl-C")
        await stop.wait()


async def live_a_life() -> None:
    """Change the host from outside the informer, step by step."""
    async with vi.connect(EMBEDDED, resync_period=RESYNC) as informer:
        print(f"{EMBEDDED}: libvirt's built-in host, which has one domain to begin with.")
        print(f"{paint('version', 'dim')} + - ~ = deltas of watch(), · events of events()")
        async with telling(informer):
            await asyncio.sleep(PAUSE)
            await act(informer)
        say(f"Done, at version {informer.resource_version}.")


async def act(informer: vi.DomainInformer) -> None:
    connection = await asyncio.to_thread(libvirt.open, EMBEDDED)

    async def do(what: str, call: Callable[..., object], *arguments: object) -> None:
        say(what)
        await asyncio.to_thread(call, *arguments)
        await asyncio.sleep(PAUSE)
        await informer.sync()  # on a slow machine: nothing of this step comes under the next

    try:
        await do(f"define {NAME}", connection.defineXML, XML)
        domain = connection.lookupByName(NAME)
        await do("start it", domain.create)
        await do("suspend it", domain.suspend)
        await do("resume it", domain.resume)
        say("halve its memory: libvirt sends no event for this, the next resync finds it")
        await asyncio.to_thread(domain.setMemory, HALF_KIB)
        await informer.wait_for(UUID(domain.UUIDString()), has_half)
        await do("attach a note to it (metadata)", set_metadata, domain)
        await do("destroy it", domain.destroy)
        await do(f"rename it to {RENAMED} (libvirt wants it off for this)", domain.rename, RENAMED)
        await do("undefine it", domain.undefine)
    finally:
        await asyncio.to_thread(connection.close)


def has_half(domain: vi.Domain) -> bool:
    return bool(domain.element.findtext("currentMemory") == str(HALF_KIB))


def set_metadata(domain: libvirt.virDomain) -> None:
    where = libvirt.VIR_DOMAIN_AFFECT_LIVE | libvirt.VIR_DOMAIN_AFFECT_CONFIG
    note = "<note>rises again</note>"
    domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, note, "demo", "urn:demo", where)


def main() -> int:
    parser = argparse.ArgumentParser(prog="./scripts/demo", description=__doc__.split("\n")[0])
    parser.add_argument("uri", nargs="?", default=EMBEDDED, help="default: %(default)s")
    uri: str = parser.parse_args().uri
    try:
        asyncio.run(live_a_life() if uri == EMBEDDED else watch_host(uri))
    except vi.VirtInformerError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

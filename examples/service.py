"""A service that systemd starts, watches and stops; it needs no library for that.

READY once the host is known; WATCHDOG as long as the state is fresh; SIGTERM ends it.

python examples/service.py [URI]
"""

import asyncio
import os
import signal
import socket
import sys

import virtinformer as vi

STALE = 60.0  # seconds for which a host may say nothing before systemd restarts us


def notify(message: str) -> None:
    """Tell systemd (sd_notify); nothing, where it did not start us."""
    if address := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notice:
            notice.sendto(message.encode(), address.replace("@", "\0", 1))


async def keep_alive(informer: vi.DomainInformer) -> None:
    pause = int(os.environ.get("WATCHDOG_USEC", "10_000_000")) / 1e6 / 2
    while True:
        health = informer.health
        notify(f"STATUS={len(informer.list())} domains, {health.staleness:.0f} s old")
        if health.staleness < STALE:
            notify("WATCHDOG=1")
        await asyncio.sleep(pause)


async def main(uri: str) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with vi.connect(uri) as informer, asyncio.TaskGroup() as group:
        informer.on_update(lambda old, new: print(new.name, old.state, "→", new.state, flush=True))
        beat = group.create_task(keep_alive(informer))
        notify("READY=1")
        await ended.wait()
        notify("STOPPING=1")
        beat.cancel()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "test:///default"))

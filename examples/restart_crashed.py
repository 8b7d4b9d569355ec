"""Restart domains that crash: a controller. One that crashes at once rests longer each time.

python examples/restart_crashed.py [URI]
"""

import asyncio
import contextlib
import sys
from uuid import UUID

import libvirt

import virtinformer as vi

SETTLE = 2.0  # seconds for which a domain has to run for its restart to be a success


DOWN = {vi.ShutoffReason.CRASHED, vi.ShutoffReason.FAILED}  # FAILED: as a restart may


def crashed(domain: vi.Domain) -> bool:
    return domain.state is vi.DomainState.CRASHED or domain.reason in DOWN


def restart(uri: str, uuid: UUID) -> None:
    """Blocks, and is therefore called in a thread."""
    with contextlib.closing(libvirt.open(uri)) as connection:
        domain = connection.lookupByUUID(uuid.bytes)
        if int(domain.state()[0]) == libvirt.VIR_DOMAIN_CRASHED:  # <on_crash>preserve</on_crash>
            domain.destroy()
        domain.create()


async def main(uri: str) -> None:
    async def reconcile(uuid: UUID, informer: vi.DomainInformer) -> None:
        domain = informer.get(uuid)
        if domain is None or not crashed(domain):
            return
        await asyncio.to_thread(restart, uri, uuid)
        print("restarted", domain.name)
        await asyncio.sleep(SETTLE)
        domain = await informer.refresh(uuid)
        if domain is not None and crashed(domain):
            raise RuntimeError(f"{domain.name} crashed again")

    async with vi.connect(uri) as informer:
        await vi.Controller(informer, reconcile, workers=8, where=crashed).run()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "test:///default"))

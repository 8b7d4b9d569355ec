"""Handle what happens to the domains of a host: callbacks, plain or async.

python examples/handlers.py [URI]
"""

import asyncio
import contextlib
import sys

import virtinformer as vi


class Audit:
    """An object with any of the methods on_add, on_update, on_delete, on_event."""

    def on_event(self, event: vi.DomainEvent) -> None:
        print("!", event.timestamp.time(), event.domain_name, event.type, event.reason)


async def main(uri: str) -> None:
    async with vi.connect(uri) as informer:

        @informer.on_add
        async def added(domain: vi.Domain, *, initial: bool) -> None:
            print("+", domain.name, "was there already" if initial else "is new")

        @informer.on_update
        def updated(old: vi.Domain, new: vi.Domain) -> None:
            print("~", new.name, old.resource_version, "→", new.resource_version)

        @informer.on_delete
        def deleted(domain: vi.Domain) -> None:
            print("-", domain.name)

        audit = informer.add_event_handler(Audit(), where=lambda d: not d.name.startswith("tmp-"))
        await audit.wait_synced()
        await asyncio.Event().wait()  # until Ctrl-C


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "test:///default"))

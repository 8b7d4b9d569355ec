"""Watch the domains of a host: async iteration over deltas.

python examples/watch.py [URI]
"""

import asyncio
import contextlib
import sys

import virtinformer as vi


async def main(uri: str) -> None:
    async with vi.connect(uri) as informer:
        async for delta in informer.watch():
            match delta:
                case vi.Added(domain=domain):
                    print("+", domain.name, domain.state, domain.resource_version)
                case vi.Updated(old=old, domain=new):
                    print("~", new.name, old.state, "→", new.state, sorted(delta.changed))
                case vi.Deleted(domain=last, reason=reason):
                    print("-", last.name, reason.value)
                case vi.Synced(resource_version=version):
                    print("= everything known so far, at", version)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "test:///default"))

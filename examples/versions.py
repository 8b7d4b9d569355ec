"""List, then decide for each event whether it is newer than the list.

This is what the message of 2016 asked for: with one version over the list and
all events it is a comparison of two integers, and always right.

python examples/versions.py [URI]
"""

import asyncio
import contextlib
import sys

import virtinformer as vi


async def main(uri: str) -> None:
    # Subscribed before the list is taken: what happens in between is in both.
    async with vi.connect(uri) as informer, informer.events() as events:
        await asyncio.sleep(2)
        listed = informer.snapshot()
        print(f"{len(listed)} domains at version {listed.resource_version}")
        async for event in events:
            newer = event.resource_version > listed.resource_version
            print(
                f"{event.type:<14} {event.domain_name:<20} version {event.resource_version}:",
                "newer than the list" if newer else "the list has it already",
            )


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "test:///default"))

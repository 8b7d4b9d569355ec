"""Keep domains defined and running, as a folder of XML files says: a controller.

Edit a file, kill a domain, undefine one: it is put right. An edit counts from the next
boot. A removed file lets its domain be: a folder that is not mounted ends no guest.

python examples/keep_domains.py FOLDER [URI]
"""

import asyncio
import contextlib
import sys
from pathlib import Path
from uuid import UUID
from xml.etree import ElementTree

import libvirt

import virtinformer as vi


def read(folder: Path) -> dict[UUID, str]:
    wanted = {}
    for path in folder.glob("*.xml"):
        try:
            xml = path.read_text()
            wanted[UUID(ElementTree.fromstring(xml).findtext("uuid", "").strip())] = xml
        except (OSError, SyntaxError, ValueError) as error:  # perhaps it is being written
            print("-", path, error)
    return wanted


def put_right(uri: str, xml: str) -> str:
    with contextlib.closing(libvirt.open(uri)) as connection:
        domain = connection.defineXML(xml)
        config_xml = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
        if not domain.isActive():
            domain.create()
        return config_xml


async def main(folder: Path, uri: str) -> None:
    wanted: dict[UUID, str] = {}
    applied: dict[UUID, tuple[str, str]] = {}  # and what libvirt made of it

    async def keys() -> dict[UUID, str]:
        nonlocal wanted
        wanted = await asyncio.to_thread(read, folder)
        return wanted

    async def reconcile(uuid: UUID, informer: vi.DomainInformer) -> None:
        xml, domain = wanted.get(uuid), informer.get(uuid)
        right = domain and domain.active and applied.get(uuid) == (xml, domain.config_xml)
        if xml is None or right:
            return
        applied[uuid] = xml, await asyncio.to_thread(put_right, uri, xml)
        print("+", uuid)

    async with vi.connect(uri) as informer:
        await vi.Controller(informer, reconcile, keys=keys, resync_period=2.0).run()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:] or ["test:///default"]))

"""Over TLS, as from another host: certificates of one authority on both sides."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import libvirt
import pytest
import trustme

import virtinformer as vi
from tests.daemons import Daemon, domain_xml


class TlsDaemon(Daemon):
    """A private daemon that listens for TLS on the loopback interface, too."""

    def __init__(self, *, like: Daemon) -> None:
        self.authority = trustme.CA()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        super().__init__(like=like)

    def options(self) -> list[str]:
        server = self.pki("server")
        config = self.root / "libvirtd.conf"
        config.write_text(
            "listen_tls = 1\n"
            "listen_tcp = 0\n"
            'listen_addr = "127.0.0.1"\n'
            f'tls_port = "{self.port}"\n'
            'auth_tls = "none"\n'
            f'ca_file = "{server}/cacert.pem"\n'
            f'cert_file = "{server}/servercert.pem"\n'
            f'key_file = "{server}/serverkey.pem"\n'
        )
        return [*super().options(), "--listen", "--config", str(config)]

    def pki(self, side: str, authority: trustme.CA | None = None) -> Path:
        """A folder as `pkipath=` and the daemon want it."""
        folder = self.root / side
        folder.mkdir(exist_ok=True)
        authority = authority or self.authority
        authority.cert_pem.write_to_path(folder / "cacert.pem")
        certificate = authority.issue_cert("localhost")
        certificate.cert_chain_pems[0].write_to_path(folder / f"{side}cert.pem")
        certificate.private_key_pem.write_to_path(folder / f"{side}key.pem")
        return folder

    def tls_uri(self, pki: Path) -> str:
        return f"qemu+tls://localhost:{self.port}/session?pkipath={pki}"


@pytest.fixture
def tls_daemon(qemu: Daemon) -> Iterator[TlsDaemon]:
    with TlsDaemon(like=qemu) as daemon:
        yield daemon


@pytest.mark.asyncio
async def test_what_happens_is_told_over_tls(tls_daemon: TlsDaemon) -> None:
    uri = tls_daemon.tls_uri(tls_daemon.pki("client"))
    async with (
        asyncio.timeout(60),
        vi.connect(uri, resync_period=None) as informer,
        informer.watch(initial=False) as deltas,
    ):
        hands = await asyncio.to_thread(tls_daemon.connect)
        await asyncio.to_thread(hands.defineXML, domain_xml("far"))
        await asyncio.to_thread(hands.close)
        delta = await anext(deltas)
        assert isinstance(delta, vi.Added)
        assert (delta.domain.name, [event.type for event in delta.events]) == ("far", ["Defined"])

        await asyncio.to_thread(tls_daemon.restart)
        while not (informer.health.reconnects and informer.health.synced):
            await asyncio.sleep(0.01)
        assert [domain.name for domain in informer.list()] == ["far"]


@pytest.mark.asyncio
async def test_certificates_of_another_authority_are_refused(tls_daemon: TlsDaemon) -> None:
    """By the client: it does not believe that this is the server."""
    strange = tls_daemon.pki("client", trustme.CA())
    with pytest.raises(vi.ConnectError) as caught:
        async with vi.connect(tls_daemon.tls_uri(strange), connect_timeout=0.5):
            pass
    assert isinstance(caught.value.__cause__, libvirt.libvirtError)
    assert "certificate" in str(caught.value)

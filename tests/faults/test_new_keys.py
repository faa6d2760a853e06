"""Who asks for new keys of TLS again and again, as server, proxy or client, holds nothing up."""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from endless import Ticker
from records import no_longer_tls
from starlette.types import Receive, Scope, Send

from servers.certificates import Certificates
from servers.limits import PATIENT
from servers.probing import host_keys, server_context
from tm_tui.link.dialer import dial
from tm_tui.link.failures import LinkFailure
from tm_tui.link.host_keys import Trust
from tm_tui.link.https import call, https_client
from tm_tui.link.types import Endpoint, Link, Proxy
from tm_tui.portal.listeners import listener
from tm_tui.portal.web import Served, https_servers, tls_context

MANY = 20_000
"""A quarter of a second's work for OpenSSL in what asyncio would take in at once."""
MOST_WORK = 0.2
"""Seconds of the loop's work in one turn, which is a twentieth as it should be."""


def _flood(line: ssl.SSLSocket, keys: Path, who: str) -> None:
    raw, writer = no_longer_tls(line, keys, who)
    with raw, contextlib.suppress(OSError):
        raw.settimeout(60)
        raw.sendall(writer.new_keys(MANY))
        raw.shutdown(socket.SHUT_WR)
        while raw.recv(1 << 16):
            pass


@contextlib.asynccontextmanager
async def _flooding(certificates: Certificates, keys: Path) -> AsyncIterator[int]:
    """A server of TLS that is one no more once the handshake is through; its port."""
    context = server_context(certificates)
    context.keylog_filename, context.num_tickets = str(keys), 0
    with socket.create_server(("127.0.0.1", 0)) as waiting:

        def serve() -> None:
            caller, _ = waiting.accept()
            caller.settimeout(60)
            _flood(context.wrap_socket(caller, server_side=True), keys, "SERVER")

        flooding = threading.Thread(target=serve)
        flooding.start()
        try:
            yield waiting.getsockname()[1]
        finally:
            await asyncio.to_thread(flooding.join, 60)


async def _ask(link: Link) -> None:
    async with https_client(link) as client:
        await call(client, "GET", "/")


async def _go_through(link: Link) -> None:
    (await dial(Endpoint("192.0.2.1", 443), Proxy("https", link.endpoint, None), link.trust)).close()


@pytest.mark.parametrize(
    ("meet", "code"), [(_ask, "reply-closed"), (_go_through, "proxy-closed")], ids=["server", "proxy"]
)
async def test_new_keys_of_a_peer_hold_nothing_up(
    meet: Callable[[Link], Awaitable[None]], code: str, certificates: Certificates, tmp_path: Path
) -> None:
    """Beats and the control socket go on while a server, or a proxy, makes the agent work out keys."""
    trust = Trust(certificates.ca_pem, host_keys(tmp_path))
    async with asyncio.timeout(60), _flooding(certificates, tmp_path / "keys") as port:
        with Ticker() as ticker, pytest.raises(LinkFailure) as caught:
            await meet(Link(Endpoint("127.0.0.1", port), None, None, trust, PATIENT))
    assert caught.value.code == code
    assert ticker.worst < MOST_WORK


async def test_new_keys_of_a_client_hold_no_portal_up(certificates: Certificates, tmp_path: Path) -> None:
    """Products are answered while a client makes the portal work out keys."""
    context, keys = tls_context(), tmp_path / "keys"
    context.load_cert_chain(certificates.good.certificate, certificates.good.key)
    client = ssl.create_default_context(cafile=str(certificates.ca_file))
    client.keylog_filename = str(keys)

    def be_a_client(port: int) -> None:
        line = socket.create_connection(("127.0.0.1", port), timeout=60)
        _flood(client.wrap_socket(line, server_hostname="127.0.0.1"), keys, "CLIENT")

    with listener("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        async with asyncio.timeout(60), https_servers([Served(_no_page, listening)], context):
            with Ticker() as ticker:
                await asyncio.to_thread(be_a_client, port)
    assert ticker.worst < MOST_WORK


async def _no_page(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("nothing was asked for")

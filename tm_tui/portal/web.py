"""uvicorn as two of our HTTPS servers need it: our sockets, our signals, no patience with the silent."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import uvicorn
from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from tm_tui.portal.proxies import NO_PROXY, BadHeader, Proxies, client_of, peer_of
from tm_tui.portal.rooms import Guest, Rooms, Shares, web_shares
from tm_tui.portal.settings import Limits
from tm_tui.serving.connection import Serving
from tm_tui.serving.limits import Patience
from tm_tui.serving.listening import AcceptLoop, Seldom
from tm_tui.sockets import SippingSocket

__all__ = ["Served", "WebLimits", "https_servers", "tls_context"]

_STOP_SECONDS = 1
_NO_TLS = (OSError, ssl.SSLError, TimeoutError, EOFError, BadHeader)


@dataclass(frozen=True, slots=True)
class WebLimits:
    """What one HTTPS server gives its clients. All but `shares` in seconds."""

    shares: Shares = field(default_factory=lambda: web_shares(Limits()))
    handshake: float = 10.0
    patience: Patience = Patience(15.0, 60.0, 60.0, idle=75.0, body_bytes=1024)  # noqa: RUF009 # frozen
    look: float = 2.5
    grace: float = 3.0
    """So long nobody takes the place of a stranger whose handshake or request is under way."""


class _Serving(Serving):
    """HTTP/1.1 for one guest. The state of a request holds `admit(room, who)`, for who is known."""

    guest: Guest

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as Serving
        """Serve, and be cut by an abort from now on."""
        self.guest.end = transport.abort
        self.guest.waiting = lambda: self.cycle is not None and self.answered
        super().connection_made(transport)
        if self.guest.client:  # as a proxy said
            self.client = (self.guest.client, 0)

    def on_response_complete(self) -> None:
        """Wait for the next request, as the youngest of those who wait."""
        self.guest.used()
        super().on_response_complete()

    def shutdown(self) -> None:
        """End an idle connection at once: a TLS farewell would wait for the client's."""
        if self.answered:
            self.transport.abort()
        else:
            super().shutdown()


class _Server(uvicorn.Server):
    """Accepts by our own rules, leaves signals to the process, and tells when it is up."""

    def __init__(
        self, config: uvicorn.Config, context: ssl.SSLContext | None, limits: WebLimits, proxies: Proxies
    ) -> None:
        super().__init__(config)
        self._context, self._limits, self._proxies = context, limits, proxies
        self._rooms = Rooms.of_process(limits.shares, limits.grace)
        self._accepting: list[AcceptLoop] = []
        self._beginning: set[asyncio.Task[None]] = set()
        self.up = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.servers = []
        seldom = Seldom()
        self._accepting = [
            AcceptLoop(one, self._take, "the portal", seldom, full=lambda: self._rooms.full)
            for one in sockets or ()
        ]
        self.started = True
        self.up.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for accepting in self._accepting:
            accepting.close()
        for task in self._beginning:
            task.cancel()
        await super().shutdown(sockets)

    def _take(self, connection: socket.socket) -> None:
        address = peer_of(connection)
        proxied = address is not None and self._proxies.trusts(address)
        if address is None or (self._proxies.only and not proxied):
            connection.close()
            return
        guest = Guest(address, waiting=lambda: False)  # the handshake begins
        if proxied:
            self._rooms.enter_proxied(guest)
        elif not self._rooms.enter(guest):
            connection.close()
            return
        task = asyncio.get_running_loop().create_task(self._begin(connection, guest, proxied=proxied))
        guest.end = task.cancel
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)

    async def _begin(self, connection: socket.socket, guest: Guest, *, proxied: bool) -> None:
        """The proxy's header, the TLS handshake, then HTTP."""
        tls = self._limits.handshake if self._context else None
        try:
            if proxied and self._proxies.header:
                await self._named(connection, guest)
            connection = SippingSocket(connection)
            await asyncio.get_running_loop().connect_accepted_socket(
                partial(self._served, guest),
                connection,
                ssl=self._context,
                ssl_handshake_timeout=tls,
                ssl_shutdown_timeout=tls,
            )
        except _NO_TLS:
            self._rooms.leave(guest)  # who sends nonsense, or nothing, is not worth a line
            connection.close()
        except BaseException:
            self._rooms.leave(guest)
            connection.close()
            raise

    async def _named(self, connection: socket.socket, guest: Guest) -> None:
        """The connection is one client's, whose address the proxy says: it is his. Raises BadHeader."""
        client = await client_of(connection)
        if client is not None:
            self._rooms.leave(guest)
            guest.address = guest.client = client
            if not self._rooms.enter(guest):
                raise BadHeader

    def _served(self, guest: Guest) -> Serving:
        serving = _Serving(
            self.config,
            self.server_state,
            {"admit": partial(self._rooms.admit, guest)},
            give_back=partial(self._rooms.leave, guest),
            patience=self._limits.patience,
            look_seconds=self._limits.look,
        )
        serving.guest = guest
        return serving


def tls_context() -> ssl.SSLContext:
    """TLS 1.2 or newer. Loading a renewed certificate into it later serves new connections."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _configured(served: "Served", context: ssl.SSLContext | None, limits: WebLimits) -> _Server:
    trusted = [] if served.proxies.header else [str(one) for one in served.proxies.networks]
    config = uvicorn.Config(
        ProxyHeadersMiddleware(served.app, trusted) if trusted else served.app,  # type: ignore[arg-type]
        http=_Serving,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=3600,  # `Serving` has its own limit, which half a request does not lift
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    return _Server(config, context, limits, served.proxies)


@dataclass(frozen=True, slots=True)
class Served:
    """What is served at a listener, and the proxies in front of it."""

    app: ASGIApp
    listener: socket.socket
    proxies: Proxies = NO_PROXY


@contextlib.asynccontextmanager
async def https_servers(
    served: Sequence[Served], context: ssl.SSLContext | None, limits: WebLimits | None = None
) -> AsyncIterator[tuple[asyncio.Task[None], ...]]:
    """Serve while the block runs. A task ends with its server; at the end requests get a second to finish.

    Without a `context` HTTP is spoken in the clear, as to a proxy that ends TLS.
    """
    servers = [_configured(one, context, limits or WebLimits()) for one in served]
    tasks = tuple(
        asyncio.create_task(server.serve(sockets=[one.listener]))
        for server, one in zip(servers, served, strict=True)
    )
    try:
        for server, task in zip(servers, tasks, strict=True):
            await _up(server, task)
        yield tasks
    finally:
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*tasks)


async def _up(server: _Server, task: asyncio.Task[None]) -> None:
    waiting = asyncio.create_task(server.up.wait())
    await asyncio.wait((waiting, task), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if task.done():
        task.result()

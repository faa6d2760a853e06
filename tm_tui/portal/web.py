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

from tm_tui.control.limits import Patience
from tm_tui.control.listening import AcceptLoop
from tm_tui.control.seldom import Seldom
from tm_tui.control.serving import Serving
from tm_tui.portal.rooms import Guest, Rooms, Shares, web_shares
from tm_tui.portal.settings import Limits

__all__ = ["WebLimits", "https_servers", "tls_context"]

_STOP_SECONDS = 1
_NO_TLS = (OSError, ssl.SSLError, TimeoutError, EOFError)


@dataclass(frozen=True, slots=True)
class WebLimits:
    """What one HTTPS server gives its clients. All but `shares` in seconds."""

    shares: Shares = field(default_factory=lambda: web_shares(Limits()))
    handshake: float = 10.0
    patience: Patience = Patience(15.0, 60.0, 60.0, idle=75.0, body_bytes=1024)  # noqa: RUF009 # frozen
    look: float = 2.5


class _Serving(Serving):
    """HTTP/1.1 for one guest. The state of a request holds `admit(room, who)`, for who is known."""

    guest: Guest

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as Serving
        """Serve, and be cut by an abort from now on."""
        self.guest.end = transport.abort
        self.guest.waiting = lambda: self.answered
        super().connection_made(transport)

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

    def __init__(self, config: uvicorn.Config, context: ssl.SSLContext, limits: WebLimits) -> None:
        super().__init__(config)
        self._context, self._limits = context, limits
        self._rooms = Rooms.of_process(limits.shares)
        self._accepting: list[AcceptLoop] = []
        self._beginning: set[asyncio.Task[None]] = set()
        self.up = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.servers = []
        seldom = Seldom()
        self._accepting = [AcceptLoop(one, self._take, "the portal", seldom) for one in sockets or ()]
        self.started = True
        self.up.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for accepting in self._accepting:
            accepting.close()
        for task in self._beginning:
            task.cancel()
        await super().shutdown(sockets)

    def _take(self, connection: socket.socket) -> None:
        try:
            address = str(connection.getpeername()[0])
        except OSError:  # it has gone already
            connection.close()
            return
        guest = Guest(address)
        task = asyncio.get_running_loop().create_task(self._begin(connection, guest))
        guest.end = task.cancel
        self._rooms.enter(guest)
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)

    async def _begin(self, connection: socket.socket, guest: Guest) -> None:
        """The TLS handshake, then HTTP."""

        def served() -> Serving:
            state = {"admit": partial(self._rooms.admit, guest)}
            give_back = partial(self._rooms.leave, guest)
            serving = _Serving(
                self.config,
                self.server_state,
                state,
                give_back=give_back,
                patience=self._limits.patience,
                look_seconds=self._limits.look,
            )
            serving.guest = guest
            return serving

        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                served,
                connection,
                ssl=self._context,
                ssl_handshake_timeout=self._limits.handshake,
                ssl_shutdown_timeout=self._limits.handshake,
            )
        except _NO_TLS:
            self._rooms.leave(guest)  # who sends nonsense, or nothing, is not worth a line
            connection.close()
        except BaseException:
            self._rooms.leave(guest)
            connection.close()
            raise


def tls_context() -> ssl.SSLContext:
    """TLS 1.2 or newer. Loading a renewed certificate into it later serves new connections."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _configured(app: ASGIApp, context: ssl.SSLContext, limits: WebLimits) -> _Server:
    config = uvicorn.Config(
        app,
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
    return _Server(config, context, limits)


@contextlib.asynccontextmanager
async def https_servers(
    apps: Sequence[tuple[ASGIApp, socket.socket]], context: ssl.SSLContext, limits: WebLimits | None = None
) -> AsyncIterator[tuple[asyncio.Task[None], ...]]:
    """Serve while the block runs. A task ends with its server; at the end requests get a second to finish."""
    servers = [_configured(app, context, limits or WebLimits()) for app, _ in apps]
    tasks = tuple(
        asyncio.create_task(server.serve(sockets=[listener]))
        for server, (_, listener) in zip(servers, apps, strict=True)
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

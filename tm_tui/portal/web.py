"""uvicorn as two of our HTTPS servers need it: our sockets, our signals, no patience with the silent."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["https_servers", "tls_context"]

_FIRST_REQUEST_SECONDS = 20.0
_MOST_CONNECTIONS = 1000
_STOP_SECONDS = 1


class _Protocol(H11Protocol):
    """HTTP/1.1 that hangs up on who connects and then says nothing, which uvicorn's own would wait for."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in uvicorn
        super().connection_made(transport)
        self.loop.call_later(_FIRST_REQUEST_SECONDS, self._first_request_due)

    def _first_request_due(self) -> None:
        if getattr(self, "cycle", None) is None:  # None until the first request, whatever its type says
            self.transport.abort()

    def shutdown(self) -> None:
        """End an idle connection at once: a TLS farewell would wait for the client's."""
        if getattr(self, "cycle", None) is None or self.cycle.response_complete:
            self.transport.abort()
        else:
            super().shutdown()


class _Server(uvicorn.Server):
    """Leaves signals to the process, and tells when it is up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.up.set()


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 or newer with our certificate; loading a renewed one into it later serves new connections."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context


def _configured(app: ASGIApp, context: ssl.SSLContext) -> _Server:
    config = uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_STOP_SECONDS,
        ssl_context_factory=lambda _config, _default: context,
    )
    return _Server(config)


@contextlib.asynccontextmanager
async def https_servers(
    apps: Sequence[tuple[ASGIApp, socket.socket]], context: ssl.SSLContext
) -> AsyncIterator[tuple[asyncio.Task[None], ...]]:
    """Serve while the block runs. A task ends with its server; at the end requests get a second to finish."""
    servers = [_configured(app, context) for app, _ in apps]
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

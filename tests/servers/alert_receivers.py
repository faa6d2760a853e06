"""Receivers of alerts, for real: mail, web and syslog servers over TLS on loopback."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import h11
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from servers.certificates import Pair

USER, PASSWORD = "alerts", "mail pass word"  # the tests' own


@dataclass
class Received:
    """What came to one receiver, and what it shall answer."""

    port: int = 0
    got: list[Any] = field(default_factory=list)
    answer: str = ""
    """Of the mail server to a message; empty: it takes it."""
    status: int = 204
    """Of the web server."""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, one: Any) -> None:
        """Keep one message, and wake who waits."""
        self.got.append(one)
        self.arrived.set()

    async def wait(self, number: int = 1) -> list[Any]:
        """Wait for so many messages."""
        async with asyncio.timeout(60):
            while len(self.got) < number:
                self.arrived.clear()
                await self.arrived.wait()
        return self.got


def _context(pair: Pair, client_ca: str | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    if client_ca is not None:
        context.load_verify_locations(cadata=client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


class _Mails:
    """aiosmtpd's handler."""

    def __init__(self, received: Received) -> None:
        self._received = received

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 # its name
        """Take a mail, or not."""
        if self._received.answer or not session.authenticated:
            return self._received.answer or "530 log on first"
        self._received.take((session.authenticated, envelope))
        return "250 taken"


def _authenticated(*arguments: Any) -> AuthResult:
    given = arguments[-1]
    right = isinstance(given, LoginPassword) and given == LoginPassword(USER.encode(), PASSWORD.encode())
    return AuthResult(success=right, handled=False)


@contextlib.asynccontextmanager
async def mail_server(pair: Pair, *, at_once: bool = False) -> AsyncIterator[Received]:
    """SMTP with a user name and a password, inside TLS at once or after STARTTLS."""
    received, context = Received(), _context(pair)

    def made() -> SMTP:
        return SMTP(
            _Mails(received),
            hostname="localhost",
            authenticator=_authenticated,
            auth_require_tls=not at_once,  # it does not know of TLS that began before it
            tls_context=None if at_once else context,
            require_starttls=not at_once,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(made, "127.0.0.1", 0, ssl=context if at_once else None)
    async with _kept(server, received):
        yield received


@contextlib.asynccontextmanager
async def web_server(pair: Pair) -> AsyncIterator[Received]:
    """HTTPS that takes JSON: `(headers, body)`."""
    received = Received()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection, headers, body = h11.Connection(h11.SERVER), {}, b""
        while not isinstance(event := connection.next_event(), h11.EndOfMessage | h11.ConnectionClosed):
            if event is h11.NEED_DATA:
                connection.receive_data(await reader.read(65536))
            elif isinstance(event, h11.Request):
                headers = {name.decode(): value.decode() for name, value in event.headers}
            elif isinstance(event, h11.Data):
                body += event.data
        if body:
            reply = h11.Response(status_code=received.status, headers=[("content-length", "0")])
            writer.write(connection.send(reply) or b"")
            writer.write(connection.send(h11.EndOfMessage()) or b"")
            received.take((headers, json.loads(body)))
        await _ended(writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=_context(pair))
    async with _kept(server, received):
        yield received


@contextlib.asynccontextmanager
async def syslog_server(pair: Pair, client_ca: str | None = None) -> AsyncIterator[Received]:
    """Syslog over TLS: each message without the length before it. With `client_ca`, for its clients only."""
    received = Received()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                length = int(await reader.readuntil(b" "))
                received.take(await reader.readexactly(length))
        await _ended(writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=_context(pair, client_ca))
    async with _kept(server, received):
        yield received


@contextlib.asynccontextmanager
async def _kept(server: asyncio.Server, received: Received) -> AsyncIterator[None]:
    received.port = server.sockets[0].getsockname()[1]
    try:
        yield
    finally:
        server.close()


async def _ended(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()

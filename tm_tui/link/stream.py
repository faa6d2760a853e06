"""The byte stream under HTTP: TLS on a dialled socket, in the shape that httpcore asks for.

Bytes that arrived before a reset stay readable (asyncio's StreamReader drops them): a server that refuses an
upload half-way has said why.
"""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Iterable
from typing import Any, cast

import httpcore

from tm_tui.clock import moment_of
from tm_tui.link.bandwidth import Bandwidth
from tm_tui.link.chains import SEEN, chain_of, told_anchor
from tm_tui.link.dialer import Greeting, dial_and_hear
from tm_tui.link.failures import failure, translate
from tm_tui.link.types import Link, Observer, ShownCertificate
from tm_tui.sockets import SippingSocket
from tm_tui.text import safe_text

__all__ = ["Backend"]

_PIECE = 1 << 18
_ENOUGH = 1 << 18
_AT_ONCE = 1 << 14
_MOST_HEAD = 1 << 18
"""Bytes of a reply's head, with all interim replies (1xx) before it."""
_CLOSE_SECONDS = 1.0
_UNLIMITED = Bandwidth()


class Backend(httpcore.AsyncNetworkBackend):
    """Opens the streams of one link's HTTP client by the dialer."""

    def __init__(self, link: Link, notify: Observer, bandwidth: Bandwidth) -> None:
        self._link = link
        self._notify = notify
        self._bandwidth = bandwidth

    async def connect_tcp(
        self,
        host: str,  # noqa: ARG002 - httpcore's signature, here and below; the link knows host, port and limits
        port: int,  # noqa: ARG002
        timeout: float | None = None,  # noqa: ARG002, ASYNC109
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore.AsyncNetworkStream:
        """Nothing yet: an address counts only once it has spoken TLS, so dialling is part of that."""
        return _Undialled(self._link, self._notify, self._bandwidth)


class _Undialled(httpcore.AsyncNetworkStream):
    """A way on which nothing but TLS may be spoken."""

    def __init__(self, link: Link, notify: Observer, bandwidth: Bandwidth) -> None:
        self._link = link
        self._notify = notify
        self._bandwidth = bandwidth

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,  # noqa: ARG002 - httpcore's signature; the link knows the host
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 - and its limits
    ) -> httpcore.AsyncNetworkStream:
        """Dial the link's endpoint, whatever httpcore says it is called. Raises LinkFailure."""
        link, seconds = self._link, self._link.limits.handshake

        async def hear(sock: socket.socket) -> _Wire:
            wire: _Wire | None = None
            try:
                async with asyncio.timeout(seconds):
                    _, wire = await asyncio.get_running_loop().create_connection(
                        _Wire,
                        sock=SippingSocket(sock),
                        ssl=ssl_context,
                        server_hostname=link.endpoint.host,
                        ssl_handshake_timeout=seconds + 1,
                        ssl_shutdown_timeout=_CLOSE_SECONDS,
                    )
                await wire.introduce(link)
            except BaseException as error:
                if wire is not None:
                    wire.close()
                if isinstance(error, (OSError, EOFError)):
                    raise translate(error, "tls", link.endpoint, link.proxy) from error
                raise
            return wire

        # A limit of the bandwidth is exact below TLS; one that is set later is kept above it, on average.
        below = self._bandwidth.limited
        wire = await dial_and_hear(
            link.endpoint,
            link.proxy,
            link.trust,
            Greeting("tls", link.endpoint.host, seconds, hear),
            limits=link.limits,
            observe=self._notify,
            bandwidth=self._bandwidth if below else None,
        )
        self._notify("tls", "passed", wire.certificate or "")
        return _Stream(wire, link, _UNLIMITED if below else self._bandwidth)

    async def aclose(self) -> None:
        """Nothing is open."""


def _shown(tls: ssl.SSLObject, anchor: str) -> ShownCertificate:
    """Who vouches for the server, for which names, until when."""
    certificate = cast("dict[str, Any]", tls.getpeercert() or {})
    issuer = {name: value for part in certificate.get("issuer", ()) for name, value in part}
    who = issuer.get("organizationName") or issuer.get("commonName") or "an unnamed authority"
    names = ", ".join(value for _, value in certificate.get("subjectAltName", ())[:4])
    until = moment_of(ssl.cert_time_to_seconds(certificate["notAfter"]))
    shown = safe_text(who, 80), safe_text(names, 160)
    return ShownCertificate(tls.version() or "TLS", *shown, until.date(), anchor)


class _Wire(asyncio.Protocol):
    """Collects what arrives and knows whether more may be sent."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self.arrived = bytearray()
        self.certificate: ShownCertificate | None = None
        """What it says."""
        self.ended = False
        self.error: Exception | None = None
        self.news = asyncio.Event()
        self.room = asyncio.Event()
        self.lost = asyncio.Event()
        self.room.set()

    @property
    def ssl_object(self) -> ssl.SSLObject:
        return cast("ssl.SSLObject", self.transport.get_extra_info("ssl_object"))

    async def introduce(self, link: Link) -> None:
        """Note whose certificate it is, at once: who hangs up takes it along. Raises OSError, EOFError."""
        try:
            chain = chain_of(self.ssl_object)
            self.certificate = _shown(self.ssl_object, told_anchor(chain))
            SEEN.saw(link.endpoint, chain)
        except ValueError as error:  # refused by the server in the same moment
            self.close()
            await self.lost.wait()
            raise self.error or EOFError from error

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.arrived += data
        if len(self.arrived) > _ENOUGH:
            self.transport.pause_reading()
        self.news.set()

    def eof_received(self) -> None:
        self.ended = True
        self.news.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        self.error = exc
        for event in (self.news, self.room, self.lost):
            event.set()

    def pause_writing(self) -> None:
        self.room.clear()

    def resume_writing(self) -> None:
        self.room.set()

    def close(self) -> None:
        """Hang up at once."""
        self.transport.abort()

    def take(self, most: int) -> bytes:
        taken = bytes(self.arrived[:most])
        del self.arrived[:most]
        if not self.arrived and not self.ended:
            self.news.clear()
            self.transport.resume_reading()
        return taken


class _Stream(httpcore.AsyncNetworkStream):
    """httpcore's view of the wire, no faster than the bandwidth allows."""

    def __init__(self, wire: _Wire, link: Link, bandwidth: Bandwidth) -> None:
        self._wire = wire
        self._link = link
        self._upload, self._download = bandwidth.upload, bandwidth.download
        self._too_old_at = time.monotonic() + link.limits.kept
        self._head_left: int | None = _MOST_HEAD

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's
        """Read a little: what h11 makes of it, it makes at once, and others must have their turn."""
        wire = self._wire
        try:
            async with asyncio.timeout(timeout):
                await wire.news.wait()
        except TimeoutError as error:
            raise httpcore.ReadTimeout from error
        if not wire.arrived and wire.error:
            # Translated here, as httpcore's pool cuts off the causes of its own exceptions.
            raise translate(wire.error, "service", self._link.endpoint, self._link.proxy)
        most = min(max_bytes, _AT_ONCE)
        taken = wire.take(min(most, self._download.chunk) if self._download.rate else most)
        if self._head_left is not None:
            self._head_left -= len(taken)
            if self._head_left < 0:
                raise failure("reply-too-large", "service", self._link.endpoint, self._link.proxy)
        if self._download.rate:
            await self._download.take(len(taken))
        await asyncio.sleep(0)
        return taken

    def head_is_over(self) -> None:
        """What comes now is a body, whose bounds its reader knows."""
        self._head_left = None

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's
        rest = memoryview(buffer)
        self._head_left = _MOST_HEAD
        while rest:
            if self._wire.ended:
                raise httpcore.WriteError from self._wire.error
            size = _PIECE
            if self._upload.rate:
                size = min(len(rest), self._upload.chunk)
                await self._upload.take(size)
            self._wire.transport.write(rest[:size])
            rest = rest[size:]
            try:
                async with asyncio.timeout(timeout):
                    await self._wire.room.wait()
            except TimeoutError as error:
                raise httpcore.WriteTimeout from error

    async def aclose(self) -> None:
        self._wire.transport.close()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await self._wire.lost.wait()
        finally:
            self._wire.transport.abort()

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":  # httpcore asks this of an idle connection: yes means that it is over
            return bool(self._wire.arrived) or self._wire.ended or time.monotonic() >= self._too_old_at
        return self._wire.transport.get_extra_info(info)

"""Kept connections: one that the server closed just now costs nothing, none gets old at a former address."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest
from ways import Ways, fails

from servers import misbehaving as bad
from servers.certificates import Certificates
from tm_tui.link.https import call, https_client
from tm_tui.link.types import Limits

WELL = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
LATE = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


@pytest.fixture
def tls(certificates: Certificates) -> ssl.SSLContext:
    """A good server's context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.good.certificate, certificates.good.key)
    return context


def serving(good: int, farewell: bytes = b"", *, reset: bool = False) -> bad.Behaviour:
    """Answer so many requests on a connection; the next one finds the connection's end instead."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(good):
            await _hear(reader)
            writer.write(WELL)
            await writer.drain()
        await _hear(reader)
        writer.write(farewell)
        await writer.drain()
        if not reset:
            writer.close()
            await writer.wait_closed()

    return behave


async def _hear(reader: asyncio.StreamReader) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    sizes = [line[15:] for line in head.splitlines() if line.startswith("content-length:")]
    await reader.readexactly(int(sizes[0]) if sizes else 0)


class Pieces:
    """A body that begins anew each time it is asked for."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"piece"
        yield b"piece"


async def once_only() -> AsyncIterator[bytes]:
    """A body that can be read once."""
    yield b"piecepiece"


SIZED = {"content-length": "10"}
HARMLESS: list[tuple[str, dict[str, Any]]] = [
    ("GET", {}),
    ("PUT", {"content": b"x"}),
    ("PUT", {"content": Pieces(), "headers": SIZED}),
    ("DELETE", {}),
    ("POST", {"json": {}, "repeatable": True}),
]


@pytest.mark.parametrize(("method", "how"), HARMLESS)
@pytest.mark.parametrize("end", ["closed", "reset", "408"])
async def test_a_kept_connection_that_just_ended_is_no_failure(
    ways: Ways, tls: ssl.SSLContext, method: str, how: dict[str, Any], end: str
) -> None:
    """The server's patience ended as the request went out: it goes out once more, and nobody hears of it."""
    behave = serving(1, LATE if end == "408" else b"", reset=end == "reset")
    async with bad.server(behave, tls) as told, https_client(ways.to(told.port)) as client:
        for _ in range(3):
            assert (await call(client, method, "/", **how)).status == 200
        assert told.accepted == 3


ONCE: dict[str, Any] = {"content": once_only(), "headers": SIZED, "repeatable": True}


@pytest.mark.parametrize("how", [{"json": {}}, ONCE])
async def test_what_could_happen_twice_is_not_sent_twice(
    ways: Ways, tls: ssl.SSLContext, how: dict[str, Any]
) -> None:
    """A request that does something each time, or whose body is gone, fails as before: its sender decides."""
    async with bad.server(serving(1), tls) as told, https_client(ways.to(told.port)) as client:
        assert (await call(client, "GET", "/")).status == 200
        with fails("reply-closed", "service"):
            await call(client, "POST", "/", **how)
        assert told.accepted == 1


async def test_a_new_connection_that_ends_is_a_failure(ways: Ways, tls: ssl.SSLContext) -> None:
    """A server that hangs up on everybody is told as that, after one try."""
    async with bad.server(serving(0), tls) as told, https_client(ways.to(told.port)) as client:
        with fails("reply-closed", "service"):
            await call(client, "GET", "/")
        assert told.accepted == 1


async def test_it_is_tried_anew_once(ways: Ways, tls: ssl.SSLContext) -> None:
    """The second try has a connection of its own, whatever others are kept; and there is no third."""
    both = asyncio.Barrier(2)

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if told.accepted > 2:  # the server is gone by now
            return
        await _hear(reader)
        await both.wait()
        writer.write(WELL)
        await writer.drain()
        await _hear(reader)

    async with bad.server(behave, tls) as told, https_client(ways.to(told.port)) as client:
        await asyncio.gather(*(call(client, "GET", "/") for _ in range(2)))
        assert told.accepted == 2
        with fails("reply-closed", "service"):
            await call(client, "GET", "/")
        assert told.accepted == 3


async def test_a_server_whose_name_moves_is_followed(
    ways: Ways, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often beats go out, a connection that is too old gets no more of them: the name is asked."""
    async with bad.server(serving(9), tls) as before, bad.server(serving(9), tls) as after:
        where = before.port

        def looked_up(host: str, *_: object, **__: object) -> list[Any]:
            assert host == "localhost"
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", where))]

        monkeypatch.setattr(socket, "getaddrinfo", looked_up)
        link = ways.to(before.port, host="localhost")
        async with https_client(link) as young:
            for _ in range(3):
                await call(young, "GET", "/")
            assert (before.accepted, after.accepted) == (1, 0)
        link = ways.to(before.port, host="localhost", limits=Limits(kept=0.0))
        async with https_client(link) as old:
            await call(old, "GET", "/")
            where = after.port
            await call(old, "GET", "/")
        assert (before.accepted, after.accepted) == (2, 1)
    assert Limits().kept <= 300, "within minutes"

"""TLS to an HTTPS proxy, hidden behind a plain socket: a pump carries bytes until either ends."""

import asyncio
import contextlib
import socket
import ssl

from tm_tui.sockets import SippingSocket

__all__ = ["bridge"]

_PIECE = 1 << 16
_AHEAD = 1 << 14
"""Bytes that wait for who reads inside: some readers work off at once all that is there."""
_FAREWELL = 1.0
"""Seconds that a proxy has to say goodbye; the connection is cut then."""
_PUMPS: set[asyncio.Task[None]] = set()
"""The loop holds tasks weakly; a pump lives as long as one of its two ends."""


async def bridge(sock: socket.socket, context: ssl.SSLContext, server_hostname: str) -> socket.socket:
    """Verify TLS on `sock` (which is taken over) and return a plain socket to what is inside.

    Closing the returned socket ends the pump and the TLS connection. Raises ssl.SSLError, OSError.
    """
    inside = await asyncio.open_connection(
        sock=SippingSocket(sock),
        ssl=context,
        server_hostname=server_hostname,
        ssl_shutdown_timeout=_FAREWELL,
        limit=_PIECE,
    )
    near, far = socket.socketpair()
    far.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _AHEAD)
    try:
        outside = await asyncio.open_connection(sock=far, limit=_PIECE)
    except BaseException:
        inside[1].transport.abort()
        near.close()
        far.close()
        raise
    near.setblocking(False)
    pump = asyncio.create_task(_pump(inside, outside), name="pump of a TLS proxy")
    _PUMPS.add(pump)
    pump.add_done_callback(_PUMPS.discard)
    return near


_Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _pump(inside: _Ends, outside: _Ends) -> None:
    ways = [
        asyncio.create_task(_carry(inside[0], outside[1])),
        asyncio.create_task(_carry(outside[0], inside[1])),
    ]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        for _, writer in (inside, outside):
            writer.close()  # flushes what is left, then closes
        for _, writer in (inside, outside):
            with contextlib.suppress(OSError):  # a broken end is an end
                await writer.wait_closed()
    finally:
        for way in ways:
            way.cancel()
        for _, writer in (inside, outside):
            writer.transport.abort()  # where the loop ends before a proxy has said goodbye


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):  # a broken end is an end
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()

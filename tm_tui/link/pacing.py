"""Paces what a connection carries, below TLS: records of 16 KB, whole or in parts, then make no bursts.

The dialled socket is handed over for one end of a socket pair; between them a pump moves bytes as the limits
let it. A limit above TLS would be kept on average only: one record is a quarter of a second at 64 KB/s.
"""

import asyncio
import contextlib
import socket

from tm_tui.link.bandwidth import Bandwidth, Limiter, receive_bytes

__all__ = ["paced"]

_PIECE = 1 << 18
_AHEAD = 4096
"""Least bytes that may wait for the line: what is sent must not count as gone long before it is."""
_PUMPS: set[asyncio.Task[None]] = set()
"""The loop holds tasks weakly; a pump lives as long as one of its two ends."""


def paced(sock: socket.socket, bandwidth: Bandwidth) -> socket.socket:
    """Take `sock` over; closing the returned socket ends all."""
    near, far = socket.socketpair()
    for end in (near, far):
        end.setblocking(False)
    if bandwidth.upload.rate:
        near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, max(_AHEAD, bandwidth.upload.chunk))
    # What the kernel takes in ahead of us has used the line as well, once.
    bandwidth.download.reserve(receive_bytes(bandwidth.download) or 0)
    pump = asyncio.create_task(_pump(sock, far, bandwidth), name="pump of a paced connection")
    _PUMPS.add(pump)
    pump.add_done_callback(_PUMPS.discard)
    return near


async def _pump(sock: socket.socket, far: socket.socket, bandwidth: Bandwidth) -> None:
    """Until both ways have ended, or the near end is gone."""
    with sock, far:
        down = asyncio.create_task(_carry(sock, far, bandwidth.download, first=False))
        try:
            await _carry(far, sock, bandwidth.upload, first=True)
            # Who asked has hung up: nobody is left to read.
        finally:
            down.cancel()
            await asyncio.wait({down})


async def _carry(source: socket.socket, target: socket.socket, limiter: Limiter, *, first: bool) -> None:
    """Move bytes one way, and pass the end on. `first`: the line is asked before it is used."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError):  # a broken end is an end
        while piece := await loop.sock_recv(source, limiter.chunk if limiter.rate else _PIECE):
            if first:
                await limiter.take(len(piece))
            await loop.sock_sendall(target, piece)
            if not first:
                await limiter.take(len(piece))
        target.shutdown(socket.SHUT_WR)

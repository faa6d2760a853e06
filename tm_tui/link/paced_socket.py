"""Paces what a connection carries, below TLS: records of 16 KB, whole or in parts, then make no bursts.

The dialled socket is handed over for one end of a socket pair; between them a pump moves bytes as the limits
let it. A limit above TLS would be kept on average only: one record is a quarter of a second at 64 KB/s.
"""

import asyncio
import contextlib
import fcntl
import socket
import struct
import termios

from tm_tui.link.bandwidth import Bandwidth, Limiter

__all__ = ["paced"]

_PIECE = 1 << 18
_NUMBER = struct.Struct("i")
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
    pump = asyncio.create_task(_pump(sock, far, bandwidth), name="pump of a paced connection")
    _PUMPS.add(pump)
    pump.add_done_callback(_PUMPS.discard)
    return near


async def _pump(sock: socket.socket, far: socket.socket, bandwidth: Bandwidth) -> None:
    """Until the near end is gone, or the line with all that it had brought."""
    with sock, far:
        down = asyncio.create_task(_bring(sock, far, bandwidth.download))
        try:
            if await _send(far, sock, bandwidth.upload):
                await asyncio.wait({down})  # it may have said why; a line that takes nothing ends at once
            # Else who asked has hung up: nobody is left to read.
        finally:
            down.cancel()
            await asyncio.wait({down})


async def _send(source: socket.socket, line: socket.socket, limiter: Limiter) -> bool:
    """Ask the limit, then use the line. Returns whether it is the line that broke."""
    loop, broken = asyncio.get_running_loop(), False
    with contextlib.suppress(OSError):  # a broken end is an end
        while piece := await loop.sock_recv(source, _piece(limiter)):
            await limiter.take(len(piece))
            broken = True
            await loop.sock_sendall(line, piece)
            broken = False
        line.shutdown(socket.SHUT_WR)
    return broken


async def _bring(line: socket.socket, target: socket.socket, limiter: Limiter) -> None:
    """Pay for all that has come over the line, also for what the kernel took in and nobody has read yet."""
    loop, waiting = asyncio.get_running_loop(), 0
    with contextlib.suppress(OSError):
        while piece := await loop.sock_recv(line, _piece(limiter)):
            before, waiting = waiting, _waiting(line)
            await loop.sock_sendall(target, piece)
            await limiter.take(max(0, len(piece) + waiting - before))
    with contextlib.suppress(OSError):  # also after a reset: who waits inside must not wait for a time limit
        target.shutdown(socket.SHUT_WR)


def _piece(limiter: Limiter) -> int:
    return limiter.chunk if limiter.rate else _PIECE


def _waiting(line: socket.socket) -> int:
    """Bytes that the kernel holds for us (tcp(7), SIOCINQ)."""
    found: int = _NUMBER.unpack(fcntl.ioctl(line, termios.FIONREAD, bytes(_NUMBER.size)))[0]
    return found

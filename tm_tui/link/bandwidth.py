"""Limits how fast bytes go to and come from the status server; heartbeats never pass through here.

A reserve-first token bucket (GCRA, ITU-T I.371 in bytes): each chunk books its time on the line before it
goes, so that several uploads share one limit and the mean is exact. Figures: docs/benchmarks.md.

The limit is kept below TLS, where records of 16 KB make no bursts: the dialled socket is handed over for one
end of a socket pair, and between them a pump moves bytes as the limits let it. Above TLS it would be kept on
average only: one record is a quarter of a second at 64 KB/s.
"""

import asyncio
import contextlib
import fcntl
import math
import socket
import struct
import termios
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Self

__all__ = ["Bandwidth", "Limiter", "limited", "paced", "receive_bytes"]

_CATCH_UP, _IDLE = 0.080, 0.5
"""Seconds that a late wake-up may make good, so that a busy machine does not slow the mean; who was idle for
longer begins anew."""
_CHUNKS_A_SECOND = 20
_SMALLEST, _LARGEST = 1024, 262144
_BUFFER_SECONDS = 0.08
"""What a limited download may have in flight: more shows as a burst, less slows down lines with long ways."""
_SMALLEST_BUFFER, _LARGEST_BUFFER = 2304, 4 << 20

_PIECE = 1 << 18
_NUMBER = struct.Struct("i")
_AHEAD = 4096
"""Least bytes that may wait for the line: what is sent must not count as gone long before it is."""
_PUMPS: set[asyncio.Task[None]] = set()
"""The loop holds tasks weakly; a pump lives as long as one of its two ends."""


class Limiter:
    """One direction's limit, in bytes a second; 0 is no limit. All transfers of the direction share it."""

    def __init__(self, bytes_per_second: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._free_at = -math.inf
        self.rate = float(bytes_per_second)
        """Bytes a second; may be set while transfers run, which follow with their next chunk."""

    @classmethod
    def of_kbps(cls, kilobytes: int) -> Self:
        """By the settings' unit: kilobytes (1000 bytes) a second."""
        return cls(kilobytes * 1000)

    @property
    def chunk(self) -> int:
        """Bytes that should go at once: a twentieth of a second, 1 to 256 KB."""
        if not self.rate:
            return _LARGEST
        return int(min(_LARGEST, max(_SMALLEST, self.rate / _CHUNKS_A_SECOND)))

    def reserve(self, size: int) -> float:
        """Book `size` bytes on the line; seconds to wait before they may go."""
        if not self.rate:
            return 0.0
        now = self._clock()
        late = now - self._free_at
        self._free_at = now if late > _IDLE else max(self._free_at, now - _CATCH_UP)
        begins, self._free_at = self._free_at, self._free_at + size / self.rate
        return max(0.0, begins - now)

    async def take(self, size: int) -> None:
        """Wait until `size` bytes may go."""
        wait = self.reserve(size)
        if wait > 0:
            await asyncio.sleep(wait)


async def limited(pieces: AsyncIterable[bytes], limiter: Limiter) -> AsyncIterator[bytes]:
    """Pass bytes on no faster than the limit, cut small, in either direction.

    A download is slowed by not being read: its socket needs `receive_bytes`, or the kernel goes on taking.
    """
    async for piece in pieces:
        view = memoryview(piece)
        while view:
            size = min(len(view), limiter.chunk)
            await limiter.take(size)
            yield bytes(view[:size])
            view = view[size:]


def receive_bytes(limiter: Limiter) -> int | None:
    """How much the kernel may take in for a limited download, set before connecting; None: as it likes."""
    if not limiter.rate:
        return None
    return int(min(_LARGEST_BUFFER, max(_SMALLEST_BUFFER, limiter.rate * _BUFFER_SECONDS)))


class Bandwidth:
    """Both limits of the status server's traffic (tmsp.status_server), in KB (1000 bytes) a second.

    One for the whole agent: cases, patterns and reports share it, and it outlives a change of settings.
    """

    def __init__(self, upload_kbps: int = 0, download_kbps: int = 0) -> None:
        self.upload = Limiter.of_kbps(upload_kbps)
        self.download = Limiter.of_kbps(download_kbps)

    @property
    def limited(self) -> bool:
        """Whether there is any limit now."""
        return bool(self.upload.rate or self.download.rate)

    def set(self, upload_kbps: int, download_kbps: int) -> None:
        """Take over new settings."""
        self.upload.rate, self.download.rate = upload_kbps * 1000.0, download_kbps * 1000.0


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

"""Sockets for libraries that would take in too much at once, or go on talking to nobody.

asyncio reads 256 KB for TLS, and OpenSSL goes through them without a turn for anybody else: ten thousand new
keys (RFC 8446, 4.6.3) fit in there, and each is worked out. asyncssh answers packet by packet all that had
arrived, and hears of the end only in the loop's next turn; asyncio writes a line into the log for each answer
that finds nobody, so that a peer could fill it by dying.
"""

import contextlib
import socket
from typing import Any

__all__ = ["DroppingSocket", "SippingSocket"]

_SIP = 1 << 15
"""Bytes: two full records of TLS, or 1,200 new keys."""


class SippingSocket(socket.socket):
    """Takes another one over, non-blocking. Each look brings 32 KB at most, whatever is asked for."""

    __slots__ = ()

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(fileno=sock.detach())
        self.setblocking(False)

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Read some bytes."""
        return super().recv(min(bufsize, _SIP), flags)

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """Read some bytes into `buffer`."""
        return super().recv_into(buffer, min(nbytes or len(buffer), _SIP), flags)


class DroppingSocket(socket.socket):
    """Takes another one over, non-blocking. What is sent to who is gone is dropped; reading says it."""

    __slots__ = ("_over",)

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(fileno=sock.detach())
        self._over: OSError | None = None
        self.setblocking(False)

    def send(self, data: Any, flags: int = 0, /) -> int:
        """Send, or drop."""
        if self._over is None:
            try:
                return super().send(data, flags)
            except (BlockingIOError, InterruptedError):
                raise
            except OSError as error:
                self._over = error
                with contextlib.suppress(OSError):
                    self.shutdown(socket.SHUT_RDWR)  # whoever waits to read is woken
        return len(data)

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Read on; once all that came is read, raises the OSError that sending met."""
        piece = super().recv(bufsize, flags)
        if not piece and self._over is not None:
            raise self._over
        return piece

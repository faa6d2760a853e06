"""A socket that is read in sips: whoever works off at once all that one look brings never has too much of it.

asyncio reads 256 KB for TLS, and OpenSSL goes through them without a turn for anybody else. Ten thousand new
keys (RFC 8446, 4.6.3) fit in there, and each is worked out.
"""

import socket
from typing import Any

__all__ = ["in_sips"]

_MOST = 1 << 15
"""Bytes: two full records of TLS, or 1,200 new keys."""


class _InSips(socket.socket):
    """Gives little at a time, whatever is asked for."""

    __slots__ = ()

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        return super().recv(min(bufsize, _MOST), flags)

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        return super().recv_into(buffer, min(nbytes or len(buffer), _MOST), flags)


def in_sips(sock: socket.socket) -> socket.socket:
    """Take `sock` over, and give it back non-blocking as one of which each look brings 32 KB at most."""
    taken = _InSips(fileno=sock.detach())
    taken.setblocking(False)
    return taken

"""Proxies in front of a listener: which are trusted, and what they say of the client (PROXY protocol).

The header is that of https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt, versions 1 and 2. It is
read from the connection itself, and not a byte more, so that what follows is left to TLS or SSH.
"""

import asyncio
import ipaddress
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["NO_PROXY", "BadHeader", "Proxies", "client_of", "peer_of"]

_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_V1 = b"PROXY "
_MOST_V1 = 107
"""Bytes of the longest line of version 1, with its end."""
_MOST_V2 = 4096
"""Bytes behind the fixed part of version 2: addresses, and what a proxy adds to them."""
_SECONDS = 5.0
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class BadHeader(Exception):
    """What came is no header of a proxy, or did not come in time."""


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxies of one listener. `header`: they begin each connection with a PROXY header.

    `only`: nobody else is served, as what is said here is not encrypted.
    """

    networks: tuple[_Network, ...] = ()
    header: bool = False
    only: bool = False

    @classmethod
    def of(cls, networks: Iterable[str], *, header: bool = False, only: bool = False) -> "Proxies":
        """The same by addresses and networks as settings name them."""
        return cls(tuple(map(ipaddress.ip_network, networks)), header, only)

    def trusts(self, address: str) -> bool:
        """Whether a peer is one of them."""
        try:
            found = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        found = getattr(found, "ipv4_mapped", None) or found
        return any(found in network for network in self.networks)


NO_PROXY = Proxies()


def peer_of(connection: socket.socket) -> str | None:
    """The address at the other end; None: it has gone already."""
    try:
        return str(connection.getpeername()[0])
    except OSError:
        return None


async def client_of(connection: socket.socket) -> str | None:
    """Read the header that a trusted proxy sends first: the client's address.

    None where it speaks for itself, as for a health check. Raises BadHeader, OSError.
    """
    try:
        async with asyncio.timeout(_SECONDS):
            start = await _exactly(connection, len(_SIGNATURE))
            if start == _SIGNATURE:
                return await _version_2(connection)
            return await _version_1(connection, start)
    except TimeoutError:
        raise BadHeader("it did not come in time") from None


async def _exactly(connection: socket.socket, size: int) -> bytes:
    loop, found = asyncio.get_running_loop(), bytearray()
    while len(found) < size:
        piece = await loop.sock_recv(connection, size - len(found))
        if not piece:
            raise BadHeader("the connection ended in it")
        found += piece
    return bytes(found)


async def _version_1(connection: socket.socket, line: bytes) -> str | None:
    """`PROXY TCP4 client server port port`, or `PROXY UNKNOWN` and anything."""
    if not line.startswith(_V1):
        raise BadHeader("there is none")
    while not line.endswith(b"\r\n"):
        if len(line) >= _MOST_V1:
            raise BadHeader("its line is too long")
        line += await _exactly(connection, 1)
    words = line[:-2].split(b" ")
    if words[1] == b"UNKNOWN":
        return None
    if words[1] not in {b"TCP4", b"TCP6"} or len(words) != 6:
        raise BadHeader("its line cannot be read")
    try:
        return str(ipaddress.ip_address(words[2].decode("ascii")))
    except ValueError:
        raise BadHeader("its line names no address") from None


async def _version_2(connection: socket.socket) -> str | None:
    about, family, size = struct.unpack("!BBH", await _exactly(connection, 4))
    if about not in {0x20, 0x21} or size > _MOST_V2:
        raise BadHeader("it is of another version, or too long")
    rest = await _exactly(connection, size)
    if about == 0x20:  # LOCAL
        return None
    length = {0x11: 4, 0x21: 16}.get(family)  # TCP over IPv4, over IPv6
    if length is None:
        return None
    if size < 2 * length + 4:
        raise BadHeader("its addresses are not whole")
    return str(ipaddress.ip_address(rest[:length]))

"""What a connection begins with: a name looked up, one address connected to, a dead peer noticed."""

import asyncio
import contextlib
import socket
import threading
from itertools import chain, zip_longest
from typing import Any

from tm_tui.link.types import Endpoint, Limits

__all__ = ["Address", "open_socket", "resolve"]

Address = tuple[socket.AddressFamily, tuple[Any, ...]]


async def resolve(endpoint: Endpoint) -> list[Address]:
    """All addresses of a host, the families in turn. Raises socket.gaierror.

    The lookup has a daemon thread of its own: getaddrinfo cannot be cancelled, and a pool's thread would hold
    up the agent's end for as long as a dead name server takes.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[Address]] = loop.create_future()

    def deliver(found: list[Address], error: OSError | None) -> None:
        if answer.done():
            return
        if error is None:
            answer.set_result(found)
        else:
            answer.set_exception(error)

    def look_up() -> None:
        found: list[Address] = []
        failed: OSError | None = None
        try:
            entries = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
            found = [(family, address) for family, _, _, _, address in entries]
        except OSError as error:
            failed = error
        except UnicodeError:  # a label that the C library's codec refuses
            failed = socket.gaierror(socket.EAI_NONAME, "no valid name")
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(deliver, found, failed)

    threading.Thread(target=look_up, name="name lookup", daemon=True).start()
    return _in_turn(await answer)


def _in_turn(addresses: list[Address]) -> list[Address]:
    first = [one for one in addresses if one[0] == addresses[0][0]]
    other = [one for one in addresses if one[0] != addresses[0][0]]
    return [one for one in chain.from_iterable(zip_longest(first, other)) if one is not None]


async def open_socket(address: Address, limits: Limits, receive_bytes: int | None = None) -> socket.socket:
    """Connect to one address, for as long as that takes. Raises OSError.

    `receive_bytes` is what the kernel may take in ahead of its reader; None leaves that to the kernel.
    """
    family, where = address
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        if receive_bytes is not None:  # before connecting: the window that is offered follows from it
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        await asyncio.get_running_loop().sock_connect(sock, where)
        _tune(sock, max(1, round(limits.keepalive)))
    except BaseException:
        sock.close()
        raise
    return sock


def _tune(sock: socket.socket, interval: int) -> None:
    """No delay for small writes, and a dead peer is noticed, both when idle and with data on its way."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, interval)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, interval)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, interval * 4000)

"""Which of a peer's addresses to talk to: tried as in RFC 8305, and one counts only once it has answered.

A machine that is half dead still takes connections: what a peer says first (TLS, SSH, the proxy's reply) is
part of trying its address. Names are looked up and sockets opened here, so that a dead peer is noticed.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any, Generic, Protocol, TypeVar

from tm_tui.link.failures import LinkFailure
from tm_tui.link.types import Endpoint, Limits

__all__ = ["Address", "Hear", "Reached", "Way", "open_socket", "reach", "resolve"]

Address = tuple[socket.AddressFamily, tuple[Any, ...]]

_HEAD_START = 0.25
"""Seconds that one address has to take the connection before the next is tried too (RFC 8305, section 8)."""
_SHARE = 3
"""This part of the time for an answer has passed without one when the next address is tried as well."""
_OF_AN_ADDRESS = {
    *(f"{where}-{kind}" for where in ("tcp", "proxy") for kind in ("refused", "timeout", "unreachable")),
    *("tcp-blocked", "proxy-blocked", "proxy-closed", "proxy-silent"),
    *("tls-closed", "tls-timeout", "ssh-closed", "ssh-timeout"),
    *("local-resources", "link-failed"),
}
"""Nobody said anything there. All else is an answer, which counts for the peer as a whole."""


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


class Reached(Protocol):
    """What a connection has become."""

    def close(self) -> object:
        """Hang up at once."""
        ...


T = TypeVar("T", bound=Reached)

Hear = Callable[[socket.socket], Awaitable[T]]
"""Takes a connected socket over and hears the peer out; closes what it does not return.

Raises LinkFailure, OSError, EOFError.
"""


@dataclass(frozen=True, slots=True)
class Way(Generic[T]):
    """How each address is tried. `seconds` is how long an answer may take, once one took the connection."""

    hear: Hear[T]
    seconds: float
    explain: Callable[[BaseException, bool], LinkFailure]
    """Makes a failure of an error; told whether it came after the connection was taken."""
    connected: Callable[[Address], None]
    """Told of each address that takes the connection."""


async def reach(
    addresses: list[Address], limits: Limits, way: Way[T], *, receive_bytes: int | None = None
) -> T:
    """Return what the first address that answers became. Raises LinkFailure: of who came the furthest.

    `receive_bytes` is what the kernel may take in ahead of its reader; None leaves that to the kernel.
    """
    return await _Tries(addresses, limits, way, receive_bytes).run()


class _Tries(Generic[T]):
    def __init__(
        self, addresses: list[Address], limits: Limits, way: Way[T], receive_bytes: int | None
    ) -> None:
        self._waiting, self._limits, self._way = list(addresses), limits, way
        self._receive_bytes = receive_bytes
        self._running: set[asyncio.Task[T]] = set()
        self._failures: list[tuple[bool, LinkFailure]] = []
        self._taken: set[asyncio.Task[Any] | None] = set()
        self._next_at = 0.0
        self._news = asyncio.Event()
        self._deadline: asyncio.Timeout

    async def run(self) -> T:
        try:
            async with asyncio.timeout(self._limits.connect) as self._deadline:
                reached = await self._first()
        except BaseException as error:
            await self._drop()
            if not isinstance(error, TimeoutError):
                raise
            taken = bool(self._taken)
            failed = self._most_telling() if taken else None
            raise failed or self._way.explain(error, taken) from error
        try:
            await self._drop()
        except BaseException:
            reached.close()
            raise
        return reached

    async def _first(self) -> T:
        now = asyncio.get_running_loop().time
        while True:
            if self._waiting and now() >= self._next_at:
                self._begin(self._waiting.pop(0))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(self._next_at if self._waiting else None):
                    await self._news.wait()
            self._news.clear()
            for task in [one for one in self._running if one.done()]:
                if task.exception() is None:
                    self._running.discard(task)
                    return task.result()
                self._failed(task)
            if not self._waiting and not self._running:
                raise self._most_telling() or self._failures[0][1]

    def _begin(self, address: Address) -> None:
        task = asyncio.create_task(self._try(address))
        task.add_done_callback(lambda _: self._news.set())
        self._running.add(task)
        self._next_at = asyncio.get_running_loop().time() + _HEAD_START

    async def _try(self, address: Address) -> T:
        taken = False
        try:
            sock = await open_socket(address, self._limits, self._receive_bytes)
            taken = True
            self._took(address)
            return await self._way.hear(sock)
        except (OSError, EOFError) as error:
            raise self._way.explain(error, taken) from error

    def _took(self, address: Address) -> None:
        now = asyncio.get_running_loop().time()
        if not self._taken:
            self._deadline.reschedule(now + self._way.seconds)
        self._taken.add(asyncio.current_task())
        self._next_at = now + max(_HEAD_START, self._way.seconds / _SHARE)
        self._way.connected(address)
        self._news.set()

    def _failed(self, task: "asyncio.Task[T]") -> None:
        """Go on with the next address, unless the peer gave an answer."""
        self._running.discard(task)
        failure = task.exception()
        if not isinstance(failure, LinkFailure) or failure.code not in _OF_AN_ADDRESS:
            task.result()
        else:
            self._failures.append((task in self._taken, failure))
            self._next_at = 0.0

    def _most_telling(self) -> LinkFailure | None:
        return next((failure for taken, failure in self._failures if taken), None)

    async def _drop(self) -> None:
        """Hang up on all others."""
        for one in self._running:
            one.cancel()
        for outcome in await asyncio.gather(*self._running, return_exceptions=True):
            if not isinstance(outcome, BaseException):
                outcome.close()

"""The dialer: one byte stream to host:port, directly or through the proxy. All that leaves starts here."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic

from tm_tui.errors import TmError
from tm_tui.link.addresses import Address, Hear, T, Way, reach, resolve
from tm_tui.link.bandwidth import Bandwidth, paced, receive_bytes
from tm_tui.link.connect_proxy import connect_through
from tm_tui.link.failures import LinkFailure, failure, translate
from tm_tui.link.host_keys import Trust
from tm_tui.link.proxy_tls import bridge
from tm_tui.link.socks import BY_NAME_REFUSED, look_up_for_socks4, socks4_through, socks5_through
from tm_tui.link.types import Endpoint, Limits, Observer, Proxy, unobserved
from tm_tui.settings.types import is_ip_address

__all__ = ["Greeting", "Observer", "dial", "dial_and_hear"]

_Handshake = Callable[[socket.socket, Endpoint, Proxy], Awaitable[None]]
_HANDSHAKES: dict[str, _Handshake] = {
    "http": connect_through,
    "https": connect_through,
    "socks4": socks4_through,
    "socks5": socks5_through,
}

_DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Greeting(Generic[T]):
    """What is heard of a server before its address counts as reached: TLS, or the SSH key exchange.

    `seconds` is its limit, which `hear` keeps too; `detail` is told as the stage begins. `ahead` is how many
    bytes the kernel may take in before they are read; None leaves that to the kernel.
    """

    stage: str
    detail: str
    seconds: float
    hear: Hear[T]
    ahead: int | None = None


async def dial(
    target: Endpoint,
    proxy: Proxy | None,
    trust: Trust,
    *,
    limits: Limits = _DEFAULT_LIMITS,
    observe: Observer | None = None,
    bandwidth: Bandwidth | None = None,
) -> socket.socket:
    """Return a connected, non-blocking socket on which bytes flow to `target`; closing it ends all.

    Through an HTTPS proxy, or with `bandwidth` to be kept, it is one end of a socketpair.
    Raises LinkFailure in stage name, tcp or proxy.
    """
    greeting = Greeting("tcp", "", limits.connect, _as_it_is)
    more: dict[str, Any] = {"limits": limits, "observe": observe, "bandwidth": bandwidth}
    return await dial_and_hear(target, proxy, trust, greeting, **more)


async def _as_it_is(sock: socket.socket) -> socket.socket:
    return sock


async def dial_and_hear(
    target: Endpoint,
    proxy: Proxy | None,
    trust: Trust,
    greeting: Greeting[T],
    *,
    limits: Limits = _DEFAULT_LIMITS,
    observe: Observer | None = None,
    bandwidth: Bandwidth | None = None,
) -> T:
    """Dial as `dial` does, and hear the server's greeting; return what that made of the socket.

    An address of the server's, or of the proxy's, at which nobody says anything gives way to the next.
    Raises LinkFailure in stage name, tcp, proxy or the greeting's.
    """
    way = _Dialling(target, proxy, trust, limits, observe or unobserved, bandwidth)
    return await (way.direct(greeting) if proxy is None else way.through(proxy, greeting))


@dataclass(frozen=True, slots=True)
class _Dialling:
    """One way to a server, while it is opened."""

    target: Endpoint
    proxy: Proxy | None
    trust: Trust
    limits: Limits
    notify: Observer
    bandwidth: Bandwidth | None

    async def direct(self, greeting: Greeting[T]) -> T:
        target, notify = self.target, self.notify
        notify("name", "started", target.host)
        try:
            async with asyncio.timeout(self.limits.connect):
                addresses = await resolve(target)
        except OSError as error:  # TimeoutError, gaierror too
            raise translate(error, "name", target) from error
        shown = ", ".join(str(address[0]) for _, address in addresses)
        notify("name", "passed", "an IP address" if is_ip_address(target.host) else shown)
        notify("tcp", "started", target.authority)
        told: list[Address] = []

        def connected(address: Address) -> None:
            if not told:
                self._reached(greeting, f"connected to {address[1][0]} port {address[1][1]}")
            told.append(address)

        async def hear(sock: socket.socket) -> T:
            return await greeting.hear(self._paced(sock))

        def explain(error: BaseException, taken: bool) -> LinkFailure:
            return translate(error, greeting.stage if taken else "tcp", target)

        way = Way(hear, greeting.seconds, explain, connected)
        return await reach(addresses, self.limits, way, receive_bytes=self._ahead(greeting))

    async def through(self, proxy: Proxy, greeting: Greeting[T]) -> T:
        notify, about = self.notify, f"{proxy.type} proxy {proxy.endpoint.authority}"
        notify("name", "started", self.target.host)
        notify("name", "passed", _who_resolves(self.target, proxy))
        notify("proxy", "started", about)
        try:
            sock = await self._to_proxy(proxy, _HANDSHAKES[proxy.type], self._ahead(greeting))
        except LinkFailure as refused:
            if proxy.type != "socks4" or refused.code not in BY_NAME_REFUSED:
                raise
            address = await look_up_for_socks4(self.target, proxy, self.limits, refused)
            by_address = partial(socks4_through, address=address)
            sock = await self._to_proxy(proxy, by_address, self._ahead(greeting))
        notify("proxy", "passed", about)
        notify("tcp", "started", self.target.authority)
        self._reached(greeting, f"{self.target.authority} through the proxy")
        try:
            return await greeting.hear(sock)
        except (OSError, EOFError) as error:
            raise translate(error, greeting.stage, self.target, proxy) from error

    async def _to_proxy(self, proxy: Proxy, shake_hands: _Handshake, ahead: int | None) -> socket.socket:
        target, limits = self.target, self.limits
        context = _proxy_context(target, proxy, self.trust) if proxy.type == "https" else None

        async def hear(sock: socket.socket) -> socket.socket:
            sock = self._paced(sock)
            if context is not None:
                async with asyncio.timeout(limits.handshake):
                    sock = await bridge(sock, context, proxy.endpoint.host)
            try:
                async with asyncio.timeout(limits.reply) as limit:
                    await shake_hands(sock, target, proxy)
            except BaseException as error:
                sock.close()
                if isinstance(error, TimeoutError) and limit.expired():
                    raise failure("proxy-silent", "proxy", target, proxy) from error
                raise
            return sock

        def explain(error: BaseException, taken: bool) -> LinkFailure:
            if taken and context is None and isinstance(error, TimeoutError) and not error.errno:
                return failure("proxy-silent", "proxy", target, proxy)
            return translate(error, "proxy", target, proxy)

        try:
            async with asyncio.timeout(limits.connect):
                addresses = await resolve(proxy.endpoint)
        except OSError as error:  # TimeoutError, gaierror too
            raise translate(error, "proxy", target, proxy) from error
        seconds = limits.reply + (limits.handshake if context is not None else 0.0)
        way = Way(hear, seconds, explain, lambda _: None)
        return await reach(addresses, limits, way, receive_bytes=ahead)

    def _reached(self, greeting: Greeting[T], how: str) -> None:
        self.notify("tcp", "passed", how)
        if greeting.stage != "tcp":
            self.notify(greeting.stage, "started", greeting.detail)

    def _paced(self, sock: socket.socket) -> socket.socket:
        return sock if self.bandwidth is None else paced(sock, self.bandwidth)

    def _ahead(self, greeting: Greeting[T]) -> int | None:
        """With a limited bandwidth the kernel takes in little ahead."""
        return greeting.ahead if self.bandwidth is None else receive_bytes(self.bandwidth.download)


def _who_resolves(target: Endpoint, proxy: Proxy) -> str:
    if is_ip_address(target.host):
        return "an IP address"
    also = ", or the appliance if it does not" if proxy.type == "socks4" else ""
    return f"the proxy {proxy.endpoint.authority} looks up {target.host}{also}"


def _proxy_context(target: Endpoint, proxy: Proxy, trust: Trust) -> ssl.SSLContext:
    try:
        return trust.tls_context()
    except TmError as error:
        raise failure("ca-unusable", "proxy", target, proxy) from error

"""The dialer: one byte stream to host:port, directly or through the proxy. All that leaves starts here."""

import asyncio
import socket
import ssl

from tm_tui.errors import TmError
from tm_tui.link.bandwidth import Bandwidth, receive_bytes
from tm_tui.link.bridge import bridge
from tm_tui.link.connect_proxy import connect_through
from tm_tui.link.failures import failure, translate
from tm_tui.link.pacing import paced
from tm_tui.link.socks import socks4_through, socks5_through
from tm_tui.link.tcp import Address, connect, resolve
from tm_tui.link.trust import Trust
from tm_tui.link.types import Endpoint, Limits, Observer, Proxy, unobserved
from tm_tui.settings.types import is_ip_address

__all__ = ["Observer", "dial"]

_HANDSHAKES = {
    "http": connect_through,
    "https": connect_through,
    "socks4": socks4_through,
    "socks5": socks5_through,
}

_DEFAULT_LIMITS = Limits()


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
    notify = observe or unobserved
    if proxy is None:
        return await _direct(target, limits, notify, bandwidth)
    notify("name", "started", target.host)
    notify("name", "passed", _who_resolves(target, proxy))
    notify("proxy", "started", f"{proxy.type} proxy {proxy.endpoint.authority}")
    sock = await _to_proxy(target, proxy, trust, limits, bandwidth)
    try:
        await _through(sock, target, proxy, limits)
    except BaseException:
        sock.close()
        raise
    notify("proxy", "passed", f"{proxy.type} proxy {proxy.endpoint.authority}")
    notify("tcp", "started", target.authority)
    notify("tcp", "passed", f"{target.authority} through the proxy")
    return sock


async def _direct(
    target: Endpoint, limits: Limits, notify: Observer, bandwidth: Bandwidth | None
) -> socket.socket:
    stage = "name"
    try:
        notify("name", "started", target.host)
        async with asyncio.timeout(limits.connect):
            addresses = await resolve(target)
        shown = ", ".join(str(address[0]) for _, address in addresses)
        notify("name", "passed", "an IP address" if is_ip_address(target.host) else shown)
        stage = "tcp"
        notify("tcp", "started", target.authority)
        sock = await _connected(addresses, limits, bandwidth)
    except OSError as error:  # TimeoutError, gaierror too
        raise translate(error, stage, target) from error
    notify("tcp", "passed", f"connected to {sock.getpeername()[0]} port {sock.getpeername()[1]}")
    return paced(sock, bandwidth) if bandwidth is not None else sock


async def _connected(addresses: list[Address], limits: Limits, bandwidth: Bandwidth | None) -> socket.socket:
    """Connect; with a limited bandwidth the kernel takes in little ahead."""
    ahead = receive_bytes(bandwidth.download) if bandwidth is not None else None
    return await connect(addresses, limits, receive_bytes=ahead)


def _who_resolves(target: Endpoint, proxy: Proxy) -> str:
    if is_ip_address(target.host):
        return "an IP address"
    also = "if the appliance does not know it, " if proxy.type == "socks4" else ""
    return f"{also}the proxy {proxy.endpoint.authority} looks up {target.host}"


async def _to_proxy(
    target: Endpoint, proxy: Proxy, trust: Trust, limits: Limits, bandwidth: Bandwidth | None
) -> socket.socket:
    context = _proxy_context(target, proxy, trust) if proxy.type == "https" else None
    try:
        async with asyncio.timeout(limits.connect):
            addresses = await resolve(proxy.endpoint)
        sock = await _connected(addresses, limits, bandwidth)
        if bandwidth is not None:
            sock = paced(sock, bandwidth)
        if context is None:
            return sock
        async with asyncio.timeout(limits.handshake):
            return await bridge(sock, context, proxy.endpoint.host)
    except OSError as error:  # TimeoutError, gaierror, SSLError too
        raise translate(error, "proxy", target, proxy) from error


def _proxy_context(target: Endpoint, proxy: Proxy, trust: Trust) -> ssl.SSLContext:
    try:
        return trust.tls_context()
    except TmError as error:
        raise failure("ca-unusable", "proxy", target, proxy) from error


async def _through(sock: socket.socket, target: Endpoint, proxy: Proxy, limits: Limits) -> None:
    try:
        async with asyncio.timeout(limits.reply):
            await _HANDSHAKES[proxy.type](sock, target, proxy)
    except TimeoutError as error:
        raise failure("proxy-silent", "proxy", target, proxy) from error
    except (OSError, EOFError) as error:
        raise translate(error, "proxy", target, proxy) from error

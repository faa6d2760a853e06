"""SOCKS4 with names (4a) and SOCKS5 (RFC 1928, RFC 1929) on a connected socket, by socksio.

socksio takes credentials as bytes, so any character works. The proxy looks the name up: a portal's may exist
on its side only. Many SOCKS4 servers (dante) do not know 4a: where one refuses a name, the appliance looks it
up.
"""

import asyncio
import socket

import socksio
from socksio.socks5 import SOCKS5UsernamePasswordReply

from tm_tui.link.addresses import resolve
from tm_tui.link.failures import LinkFailure, failure
from tm_tui.link.types import Endpoint, Limits, Proxy
from tm_tui.settings.types import is_ip_address

__all__ = ["BY_NAME_REFUSED", "look_up_for_socks4", "socks4_through", "socks5_through"]

BY_NAME_REFUSED = {"proxy-socks4-rejected", "proxy-closed"}
"""How a SOCKS4 proxy answers that does not know 4a: it tries to reach the address 0.0.0.x of the request."""

_SOCKS5_REPLIES = {
    1: "proxy-target-failed",
    2: "proxy-forbidden",
    3: "proxy-target-unreachable",
    4: "proxy-target-unreachable",
    5: "proxy-target-refused",
    6: "proxy-target-timeout",
    7: "proxy-no-connect",
    8: "proxy-target-unreachable",
}
_VERSION = 5
_ADDRESS_SIZES = {1: 4, 4: 16}
_NAME = 3
"""The type of an address that is a name, behind a byte for its length."""


async def _receive(sock: socket.socket, count: int) -> bytes:
    loop = asyncio.get_running_loop()
    data = b""
    while len(data) < count:
        piece = await loop.sock_recv(sock, count - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


async def socks4_through(sock: socket.socket, target: Endpoint, proxy: Proxy, address: str = "") -> None:
    """Ask a SOCKS4 proxy for a way to `target`, by its IPv4 `address` if that is known here.

    Raises LinkFailure, OSError, EOFError.
    """
    if ":" in target.host:
        raise failure("proxy-socks4-ipv6", "proxy", target, proxy)
    known = address or (target.host if is_ip_address(target.host) else "")
    shape = socksio.SOCKS4Request if known else socksio.SOCKS4ARequest
    where = (known or target.host, target.port)
    request = shape.from_address(socksio.SOCKS4Command.CONNECT, where, user_id=b"")
    await asyncio.get_running_loop().sock_sendall(sock, request.dumps())
    try:
        reply = socksio.SOCKS4Reply.loads(await _receive(sock, 8))
    except socksio.ProtocolError as error:
        raise failure("proxy-not-spoken", "proxy", target, proxy) from error
    if reply.reply_code != socksio.SOCKS4ReplyCode.REQUEST_GRANTED:
        raise failure("proxy-socks4-rejected", "proxy", target, proxy)


async def look_up_for_socks4(target: Endpoint, proxy: Proxy, limits: Limits, refused: LinkFailure) -> str:
    """Look up an IPv4 address for a proxy that `refused` the name; raises that where there is none.

    Raises LinkFailure; where no name server answers, it says so: the proxy is not at fault.
    """
    if is_ip_address(target.host):
        raise refused
    try:
        async with asyncio.timeout(limits.connect):
            found = await resolve(target)
    except OSError as error:  # TimeoutError, gaierror too
        if isinstance(error, socket.gaierror) and error.errno in {socket.EAI_NONAME, socket.EAI_NODATA}:
            raise refused from error
        raise failure("proxy-socks4-no-resolver", "proxy", target, proxy) from error
    ipv4 = [str(address[0]) for family, address in found if family == socket.AF_INET]
    if not ipv4:
        raise refused
    return ipv4[0]


async def socks5_through(sock: socket.socket, target: Endpoint, proxy: Proxy) -> None:
    """Ask a SOCKS5 proxy for a way to `target`. Raises LinkFailure, OSError, EOFError."""
    try:
        await _greet(sock, target, proxy)
        await _connect(sock, target, proxy)
    except socksio.ProtocolError as error:
        raise failure("proxy-not-spoken", "proxy", target, proxy) from error


async def _greet(sock: socket.socket, target: Endpoint, proxy: Proxy) -> None:
    """Agree on a way to log on, and do it."""
    logon = _logon(target, proxy)
    methods = [socksio.SOCKS5AuthMethod.NO_AUTH_REQUIRED]
    if logon:
        methods.append(socksio.SOCKS5AuthMethod.USERNAME_PASSWORD)
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, socksio.SOCKS5AuthMethodsRequest(methods).dumps())
    answer = await _receive(sock, 2)
    if answer[0] != _VERSION:
        raise failure("proxy-not-spoken", "proxy", target, proxy)
    chosen = socksio.SOCKS5AuthReply.loads(answer).method
    if chosen not in methods:
        raise failure("proxy-auth", "proxy", target, proxy)
    if logon and chosen == socksio.SOCKS5AuthMethod.USERNAME_PASSWORD:
        await loop.sock_sendall(sock, logon.dumps())
        if not await _accepted(sock):
            raise failure("proxy-auth", "proxy", target, proxy)


def _logon(target: Endpoint, proxy: Proxy) -> socksio.SOCKS5UsernamePasswordRequest | None:
    """The request of RFC 1929, or None without credentials. One byte holds each length: 255 bytes at most."""
    if not proxy.credentials:
        return None
    name = proxy.credentials.username.encode()
    password = proxy.credentials.password.get_secret_value().encode()
    if len(name) > 255 or len(password) > 255:
        raise failure("proxy-credentials-length", "proxy", target, proxy)
    return socksio.SOCKS5UsernamePasswordRequest(name, password)


async def _accepted(sock: socket.socket) -> bool:
    try:
        answer = await _receive(sock, 2)
    except (EOFError, ConnectionError):  # RFC 1929: servers close after a refusal, some before they say it
        return False
    return SOCKS5UsernamePasswordReply.loads(answer).success


async def _connect(sock: socket.socket, target: Endpoint, proxy: Proxy) -> None:
    where = (target.host, target.port)
    request = socksio.SOCKS5CommandRequest.from_address(socksio.SOCKS5Command.CONNECT, where)
    await asyncio.get_running_loop().sock_sendall(sock, request.dumps())
    head = await _receive(sock, 4)
    if head[0] != _VERSION:
        raise failure("proxy-not-spoken", "proxy", target, proxy)
    if head[1]:
        raise _refusal(head[1], target, proxy)
    if head[3] != _NAME and head[3] not in _ADDRESS_SIZES:
        raise failure("proxy-not-spoken", "proxy", target, proxy)
    size = _ADDRESS_SIZES.get(head[3]) or (await _receive(sock, 1))[0]
    await _receive(sock, size + 2)  # the proxy's own address and port: of no use, and not the target's bytes


def _refusal(reply: int, target: Endpoint, proxy: Proxy) -> LinkFailure:
    code = _SOCKS5_REPLIES.get(reply, "proxy-target-failed")
    if reply == 4 and not is_ip_address(target.host):
        code = "proxy-name-unknown"
    return failure(code, "proxy", target, proxy)

"""HTTP CONNECT (RFC 9110, section 9.3.6) on a connected socket.

By h11 and not a proxy library: the headers tell what went wrong, credentials may hold any character, and no
byte after the reply (an SSH banner) is swallowed.
"""

import asyncio
import base64
import socket

import h11

from tm_tui.link.failures import LinkFailure, failure
from tm_tui.link.types import Credentials, Endpoint, Proxy
from tm_tui.settings.types import is_ip_address

__all__ = ["basic", "connect_through"]

_MOST_HEAD = 16384
_SQUID_ERRNO = {  # as Linux numbers them
    "101": "proxy-target-unreachable",
    "111": "proxy-target-refused",
    "110": "proxy-target-timeout",
    "113": "proxy-target-unreachable",
}
_CODES = {
    401: "proxy-auth",  # tinyproxy
    403: "proxy-forbidden",
    407: "proxy-auth",
    400: "proxy-no-connect",
    404: "proxy-no-connect",
    405: "proxy-no-connect",
    501: "proxy-no-connect",
    504: "proxy-target-timeout",
    511: "proxy-captive",
}


def basic(credentials: Credentials) -> str:
    """The value of a Basic authorization header, in UTF-8 (RFC 7617)."""
    pair = f"{credentials.username}:{credentials.password.get_secret_value()}"
    return "Basic " + base64.b64encode(pair.encode()).decode("ascii")


async def connect_through(sock: socket.socket, target: Endpoint, proxy: Proxy) -> None:
    """Ask the proxy at the other end of `sock` for a tunnel to `target`. Raises LinkFailure, OSError."""
    peer = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MOST_HEAD)
    headers = [("Host", target.authority)]
    if proxy.credentials:
        headers.append(("Proxy-Authorization", basic(proxy.credentials)))
    request = h11.Request(method="CONNECT", target=target.authority, headers=headers)
    await asyncio.get_running_loop().sock_sendall(sock, peer.send(request))
    try:
        answer = await _read_head(sock, peer)
    except h11.RemoteProtocolError as error:
        raise failure("proxy-not-spoken", "proxy", target, proxy) from error
    if answer is None:
        raise failure("proxy-closed", "proxy", target, proxy)
    if not 200 <= answer.status_code < 300:
        raise _refusal(answer, target, proxy)


async def _read_head(sock: socket.socket, peer: h11.Connection) -> h11.Response | None:
    """Read the reply's head, no byte further: what follows comes from the target. None: the proxy hung up."""
    loop = asyncio.get_running_loop()
    start = b""
    while True:
        byte = await loop.sock_recv(sock, 1)
        if not byte and not start:
            return None
        start = (start + byte)[:5]
        if not b"HTTP/".startswith(start):  # another protocol's greeting may never end in an empty line
            raise h11.RemoteProtocolError("no status line")
        peer.receive_data(byte)
        event = peer.next_event()
        if isinstance(event, h11.Response):
            return event


def _refusal(answer: h11.Response, target: Endpoint, proxy: Proxy) -> LinkFailure:
    status = answer.status_code
    headers = {name.decode("ascii"): value.decode("latin-1") for name, value in answer.headers}
    code = _CODES.get(status, "proxy-target-failed" if status >= 500 else "proxy-no-connect")
    wanted = [value for name, value in answer.headers if name == b"proxy-authenticate"]
    kind, _, number = headers.get("x-squid-error", "").partition(" ")
    if 300 <= status < 400:
        code = "proxy-captive"
    elif status == 407 and wanted and not any(b"basic" in one.lower() for one in wanted):
        code = "proxy-auth-method"
    elif kind == "ERR_DNS_FAIL" or (kind == "ERR_CANNOT_FORWARD" and not is_ip_address(target.host)):
        code = "proxy-name-unknown"
    elif kind == "ERR_CONNECT_FAIL":
        code = _SQUID_ERRNO.get(number, "proxy-target-failed")
    return failure(code, "proxy", target, proxy, detail=f"HTTP status {status}")

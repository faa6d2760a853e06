"""HTTP CONNECT (RFC 9110, section 9.3.6) on a connected socket.

By h11 and not a proxy library: the headers tell what went wrong, credentials may hold any character, and no
byte after the reply (an SSH banner) is swallowed.
"""

import asyncio
import re
import socket

import h11

from tm_tui.link.failures import LinkFailure, failure
from tm_tui.link.http_headers import USER_AGENT, auth_schemes, basic, retry_after_seconds
from tm_tui.link.types import Endpoint, Proxy
from tm_tui.settings.types import is_ip_address

__all__ = ["connect_through"]

_MOST_BYTES = 16384
"""Of the reply's head, and of all interim replies (1xx) before it."""
_BYTES_AT_ONCE = 256
"""After so many, others have their turn: bytes that are there already are read without waiting."""
_START = b"HTTP/"
_ENDS = (b"\n\r\n", b"\n\n")
_FRAMING = re.compile(
    rb"^(?:content-length|transfer-encoding)[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*", re.IGNORECASE | re.MULTILINE
)
_SQUID_ERRNO = {  # as Linux numbers them
    "101": "proxy-target-unreachable",
    "111": "proxy-target-refused",
    "110": "proxy-target-timeout",
    "113": "proxy-target-unreachable",
}
_CODES = {
    400: "proxy-no-connect",
    401: "proxy-auth",  # tinyproxy
    402: "proxy-forbidden",
    403: "proxy-forbidden",
    404: "proxy-no-connect",
    405: "proxy-no-connect",
    407: "proxy-auth",
    408: "proxy-slow",
    426: "proxy-no-connect",
    429: "proxy-busy",
    451: "proxy-forbidden",
    501: "proxy-no-connect",
    504: "proxy-target-timeout",
    505: "proxy-no-connect",
    511: "proxy-captive",
}


async def connect_through(sock: socket.socket, target: Endpoint, proxy: Proxy) -> None:
    """Ask the proxy at the other end of `sock` for a tunnel to `target`. Raises LinkFailure, OSError."""
    headers = [("Host", target.authority), ("User-Agent", USER_AGENT)]
    if proxy.credentials:
        headers.append(("Proxy-Authorization", basic(proxy.credentials)))
    peer = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MOST_BYTES)
    request = h11.Request(method="CONNECT", target=target.authority, headers=headers)
    await asyncio.get_running_loop().sock_sendall(sock, peer.send(request))
    try:
        answer = await _read_answer(sock, peer)
    except h11.RemoteProtocolError as error:
        raise failure("proxy-not-spoken", "proxy", target, proxy) from error
    if answer is None:
        raise failure("proxy-closed", "proxy", target, proxy)
    if not 200 <= answer.status_code < 300:
        raise _refusal(answer, target, proxy)


async def _read_answer(sock: socket.socket, peer: h11.Connection) -> h11.Response | None:
    """Pass over interim replies to the one that counts. None: the proxy hung up before it."""
    left = _MOST_BYTES
    while head := await _read_head(sock, left):
        left -= len(head)
        # How long a body is matters to nobody: after CONNECT there is none (RFC 9110, section 9.3.6), and a
        # refusal's is not read.
        peer.receive_data(_FRAMING.sub(b"", head))
        event = peer.next_event()
        if isinstance(event, h11.Response):
            return event
        if not isinstance(event, h11.InformationalResponse):
            raise h11.RemoteProtocolError("no reply")
    return None


async def _read_head(sock: socket.socket, most: int) -> bytes:
    """One reply's head, no byte further: what follows comes from the target. Empty: it ended before that."""
    loop, head = asyncio.get_running_loop(), bytearray()
    while not head.endswith(_ENDS):
        if len(head) >= most:
            raise h11.RemoteProtocolError("no end of the reply's head")
        if not len(head) % _BYTES_AT_ONCE:
            await asyncio.sleep(0)
        byte = await loop.sock_recv(sock, 1)
        if not byte:
            return b""
        head += byte
        if not _START.startswith(head[: len(_START)]):  # another protocol may never end a line
            raise h11.RemoteProtocolError("no status line")
    return bytes(head)


def _refusal(answer: h11.Response, target: Endpoint, proxy: Proxy) -> LinkFailure:
    headers = {name.decode("ascii"): value.decode("latin-1") for name, value in answer.headers}
    status, wait = answer.status_code, retry_after_seconds(headers)
    code = _CODES.get(status, "proxy-target-failed" if status >= 500 else "proxy-request-refused")
    wanted = auth_schemes(
        value.decode("latin-1") for name, value in answer.headers if name == b"proxy-authenticate"
    )
    kind, _, number = headers.get("x-squid-error", "").partition(" ")
    if 300 <= status < 400:
        code = "proxy-captive"
    elif status == 407 and wanted and "basic" not in wanted:
        code = "proxy-auth-method"
    elif kind == "ERR_DNS_FAIL" or (kind == "ERR_CANNOT_FORWARD" and not is_ip_address(target.host)):
        code = "proxy-name-unknown"
    elif kind == "ERR_CONNECT_FAIL":
        code = _SQUID_ERRNO.get(number, "proxy-target-failed")
    elif status == 503 and wait is not None:
        code = "proxy-busy"
    return failure(code, "proxy", target, proxy, detail=f"HTTP status {status}", retry_after=wait)

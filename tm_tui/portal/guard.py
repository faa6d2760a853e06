"""The door of both HTTPS servers: nobody passes without a right password, every request leaves a line."""

import asyncio
import base64
import binascii
import contextlib
import re
import time

from pydantic import SecretStr
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tm_tui.portal.answers import refusal
from tm_tui.portal.callers import Caller
from tm_tui.portal.core import Portal
from tm_tui.portal.refusals import Refused

__all__ = ["Guard", "basic_credentials"]

_BASIC = re.compile(r"basic +([A-Za-z0-9+/=]{1,4096})", re.IGNORECASE)
_CHALLENGE = {"www-authenticate": 'Basic realm="TMSP", charset="UTF-8"'}
_DRAINED_BYTES = 32 << 20
_DRAINED_SECONDS = 20.0


def basic_credentials(header: str | None) -> tuple[str, SecretStr] | None:
    """Read an Authorization header of RFC 7617 in UTF-8; None for anything else."""
    found = _BASIC.fullmatch(header or "")
    if not found:
        return None
    try:
        name, colon, password = base64.b64decode(found[1], validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (name, SecretStr(password)) if colon else None


async def _drained(receive: Receive) -> bool:
    """Read a refused upload to its end: the sender sees the answer, not a cut line. False: it is too long."""
    size, more = 0, True
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DRAINED_SECONDS):
            while more and size <= _DRAINED_BYTES:
                message = await receive()
                size += len(message.get("body", b""))
                more = message.get("more_body", False)
    return not more


class Guard:
    """ASGI middleware. What is inside finds who asks by `callers.caller_of`."""

    def __init__(self, inside: ASGIApp, portal: Portal, server: str) -> None:
        self._inside = inside
        self._portal = portal
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401, or pass the request on."""
        began, status, account = time.monotonic(), 0, ""
        headers = HTTPConnection(scope).headers
        unasked = "expect" in headers

        async def asking() -> Message:
            nonlocal unasked
            unasked = False
            return await receive()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if unasked:  # nobody knows whether the body still comes
                    message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
            await send(message)

        try:
            source = scope["client"][0] if scope["client"] else ""
            caller = await self._caller(headers.get("authorization"), source)
            scope["state"]["caller"], account = caller, caller.name
            scope["state"]["admit"](caller.role, caller.name)
            await self._inside(scope, asking, noting)
        except Refused as refused:
            refused.close = not unasked and not await _drained(receive)
            await refusal(refused, _CHALLENGE if refused.status == 401 else {})(scope, asking, noting)
        fields = {"server": self._server, "method": scope["method"], "path": scope["path"], "status": status}
        fields |= {"account": account, "ms": round((time.monotonic() - began) * 1000, 1)}
        source = scope["client"][0] if scope["client"] else ""
        if status < 400 or status == 412:  # a repeated delivery is nothing bad
            self._portal.log.say("request", source=source, **fields)
        else:
            self._portal.log.refuse("refused", source, **fields)

    async def _caller(self, header: str | None, source: str) -> Caller:
        given = basic_credentials(header)
        caller = await self._portal.doorkeeper.caller(*given, source) if given else None
        if caller is not None:
            return caller
        code = "wrong-credentials" if given else "no-credentials"
        cause = "User name or password is wrong." if given else "User name and password are missing."
        raise Refused(401, code, cause, 'Use the "registering products" account of this portal.')

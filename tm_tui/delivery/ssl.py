"""Delivery by HTTPS PUT, as any web server with DAV takes it (docs/protocol.md, batch over SSL).

The appliance's folder may be missing at the server: then it is made.
"""

import json
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Self

from tm_tui.delivery.delivered import HTTP_DELIVERED, Sent
from tm_tui.link.failures import LinkFailure, failure
from tm_tui.link.http_status import for_status
from tm_tui.link.https import Content, LinkClient, Reply, call, https_client
from tm_tui.link.types import Link
from tm_tui.spool.batch import appliance_of

__all__ = ["SslCarrier", "put_file"]

_LOGS = "/logs/"
_CONFLICT, _MADE, _THERE, _MISSING = 409, 201, 405, 404
_ANY = range(200, 600)
_OTHER_CONTENT = "other-content"

_PIECE = 256 * 1024


async def put_file(
    client: LinkClient,
    appliance: str,
    name: str,
    content: Content,
    *,
    accept: Collection[int],
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Put `logs/<appliance>/<name>`; where the folder is missing it is made (RFC 4918, 9.3 and 9.7.1).

    `content` has to be such that it can be sent twice. Raises LinkFailure.
    """
    folder, statuses = f"{_LOGS}{appliance}/", {*accept, _CONFLICT}
    path = f"{folder}{name}"
    for again in (False, True):
        reply = await call(client, "PUT", path, content=content, headers=headers, accept=statuses)
        if reply.status in accept:
            return reply
        if again or _is_other_content(reply.body):
            break
        refused = await _make(client, folder)
        if refused is not None:
            raise refused
    link = client.link
    raise for_status(reply.status, reply.headers, link.endpoint, link.proxy)


async def _make(client: LinkClient, folder: str) -> LinkFailure | None:
    """Make a folder and those above. None: it is made, or was there; else the failure that this is."""
    status = await _status(client, "MKCOL", folder)
    if status == _CONFLICT and await _status(client, "MKCOL", _LOGS) in {_MADE, _THERE}:
        status = await _status(client, "MKCOL", folder)
    if status == _MADE:
        return None
    if status == _THERE and await _status(client, "HEAD", folder) != _MISSING:  # else it knows no MKCOL
        return None
    link, detail = client.link, f"{folder.strip('/')}: HTTP status {_CONFLICT}, and {status} to MKCOL"
    return failure("remote-no-folder", "service", link.endpoint, link.proxy, detail=detail)


async def _status(client: LinkClient, method: str, folder: str) -> int:
    return (await call(client, method, folder, accept=_ANY)).status


def _is_other_content(body: bytes) -> bool:
    """Whether the portal says that a different file lies under this name (docs/protocol.md)."""
    try:
        code = json.loads(body)["error"]["code"]
    except (ValueError, TypeError, LookupError, RecursionError):
        return False
    return bool(code == _OTHER_CONTENT)


class SslCarrier:
    """One HTTPS client: its connection is kept between batches."""

    def __init__(self, link: Link, appliance: str) -> None:
        self._link, self._appliance = link, appliance
        self._stack = AsyncExitStack()
        self._client: LinkClient | None = None

    async def __aenter__(self) -> Self:
        self._client = https_client(self._link)
        await self._stack.enter_async_context(self._client)
        return self

    async def __aexit__(self, *reason: object) -> None:
        await self._stack.aclose()

    async def deliver(self, name: str, data: bytes, sent: Sent, *, again: bool) -> None:  # noqa: ARG002  PUT repeats
        """See `Carrier`. The server knows a repeat by its name, so it does no harm."""
        if self._client is None:
            raise RuntimeError("The session is not open.")
        headers = {
            "content-type": "application/zstd",
            "content-length": str(len(data)),
            "if-none-match": "*",
        }
        content = _Pieces(data, sent)
        whose = appliance_of(name) or self._appliance  # sealed before the appliance got another identity
        await put_file(self._client, whose, name, content, accept=HTTP_DELIVERED, headers=headers)


@dataclass(frozen=True, slots=True)
class _Pieces:
    """A batch's bytes, as often as they are asked for."""

    data: bytes
    sent: Sent

    async def __aiter__(self) -> AsyncIterator[bytes]:
        view = memoryview(self.data)
        for start in range(0, len(self.data), _PIECE):
            piece = view[start : start + _PIECE]
            yield bytes(piece)
            self.sent(len(piece))

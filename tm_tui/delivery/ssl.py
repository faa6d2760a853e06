"""Delivery by HTTPS PUT, as any web server with DAV takes it (docs/protocol.md, batch over SSL)."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Self

from tm_tui.delivery.carrier import Sent
from tm_tui.link.https import LinkClient, call, https_client
from tm_tui.link.types import Link

__all__ = ["SslCarrier"]

_PIECE = 256 * 1024
_THERE_ALREADY = 412


class SslCarrier:
    """One HTTPS client: its connection is kept between batches."""

    def __init__(self, link: Link, appliance: str) -> None:
        self._link, self._folder = link, f"/logs/{appliance}"
        self._stack = AsyncExitStack()
        self._client: LinkClient | None = None

    async def __aenter__(self) -> Self:
        self._client = https_client(self._link)
        await self._stack.enter_async_context(self._client)
        return self

    async def __aexit__(self, *reason: object) -> None:
        await self._stack.aclose()

    async def deliver(self, name: str, data: bytes, sent: Sent, *, again: bool) -> None:  # noqa: ARG002  PUT repeats
        """See `Carrier`. `If-None-Match.

        *` (RFC 9110, 13.1.2) asks for 412 where the batch is there already.
        """
        if self._client is None:
            raise RuntimeError("The session is not open.")
        headers = {
            "content-type": "application/zstd",
            "content-length": str(len(data)),
            "if-none-match": "*",
        }
        path = f"{self._folder}/{name}"
        content = _pieces(data, sent)
        await call(self._client, "PUT", path, content=content, headers=headers, accept=(_THERE_ALREADY,))


async def _pieces(data: bytes, sent: Sent) -> AsyncIterator[bytes]:
    view = memoryview(data)
    for start in range(0, len(data), _PIECE):
        piece = view[start : start + _PIECE]
        yield bytes(piece)
        sent(len(piece))

"""Delivery by HTTPS PUT, as any web server with DAV takes it (docs/protocol.md, batch over SSL)."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Self

from tm_tui.delivery.carrier import Sent
from tm_tui.delivery.delivered import HTTP_DELIVERED
from tm_tui.link.https import LinkClient, call, https_client
from tm_tui.link.types import Link

__all__ = ["SslCarrier"]

_PIECE = 256 * 1024


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
        """See `Carrier`. A repeat meets its own name, so a server may be told twice."""
        if self._client is None:
            raise RuntimeError("The session is not open.")
        headers = {
            "content-type": "application/zstd",
            "content-length": str(len(data)),
            "if-none-match": "*",
        }
        path = f"{self._folder}/{name}"
        content = _Pieces(data, sent)
        await call(self._client, "PUT", path, content=content, headers=headers, accept=HTTP_DELIVERED)


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

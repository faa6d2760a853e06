"""Delivery by HTTPS PUT, as any web server with DAV takes it (docs/protocol.md, batch over SSL)."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Self

from tm_tui.delivery.delivered import HTTP_DELIVERED, Sent
from tm_tui.delivery.put import put_file
from tm_tui.link.https import LinkClient, https_client
from tm_tui.link.types import Link
from tm_tui.spool.batch import appliance_of

__all__ = ["SslCarrier"]

_PIECE = 256 * 1024


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

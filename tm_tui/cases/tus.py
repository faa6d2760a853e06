"""tus 1.0 over our links: creation, checksum, termination, and going on where an upload stands.

The libraries for it open their own connections, past proxy, trust and bandwidth; of the protocol this is all
that a case needs. Source: tus.io, "Resumable upload protocol 1.0.x".
"""

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urljoin, urlsplit

from tm_tui.cases.protocol import CASES_PATH, CHUNK_TYPE, TUS_VERSION, written_metadata
from tm_tui.link.failures import LinkFailure, failure
from tm_tui.link.http_headers import retry_after_seconds
from tm_tui.link.https import LinkClient, Reply, call
from tm_tui.link.types import Endpoint

__all__ = ["Offers", "Tus", "Unmoved"]

_VERSION = {"tus-resumable": TUS_VERSION}
_GONE = frozenset({404, 410})
_OF_CASES = {423: "case-locked"}
_OF_CREATION = {413: "case-too-large", **_OF_CASES}
_MOST_LOCATION = 1000
_KNOWN = ("sha256", "sha1")

Unmoved = Literal["gone", "elsewhere", "mismatch", "damaged", "large"]
"""Why a chunk did not count: no such upload, another offset, its checksum, the whole's, its own size."""
_UNMOVED: dict[int, Unmoved] = {
    404: "gone",
    410: "gone",
    409: "elsewhere",
    460: "mismatch",
    422: "damaged",
    413: "large",
}


@dataclass(frozen=True, slots=True)
class Offers:
    """What a server can do beyond the core. `algorithm` is the checksum to send; empty: it takes none."""

    algorithm: str = ""
    termination: bool = False
    most_bytes: int | None = None


class Tus:
    """A tus server behind one link. All methods raise LinkFailure.

    `most_chunk` is what a chunk may have, after one was too large for a server or proxy on the way.
    """

    def __init__(self, client: LinkClient) -> None:
        self._client = client
        self.most_chunk: int | None = None

    @property
    def endpoint(self) -> Endpoint:
        """The server."""
        return self._client.link.endpoint

    async def offers(self) -> Offers:
        """Ask what it can do; a server that does not answer that has the core only."""
        reply = await call(self._client, "OPTIONS", CASES_PATH, accept=(200, 204, 404, 405, 501))
        extensions = {word.strip() for word in reply.headers.get("tus-extension", "").split(",")}
        algorithms = {word.strip() for word in reply.headers.get("tus-checksum-algorithm", "").split(",")}
        chosen = next((name for name in _KNOWN if name in algorithms), "")
        return Offers(
            algorithm=chosen if "checksum" in extensions else "",
            termination="termination" in extensions,
            most_bytes=_number(reply.headers.get("tus-max-size")),
        )

    async def create(self, size: int, about: Mapping[str, str], *, tidy: bool = False) -> str:
        """Make an upload; its address, a path at this server.

        With `tidy` an upload whose address cannot be followed is taken back, if it is at this server.
        """
        headers = {**_VERSION, "upload-length": str(size), "upload-metadata": written_metadata(about)}
        reply = await call(
            self._client, "POST", CASES_PATH, content=b"", headers=headers, accept={201, *_OF_CREATION}
        )
        self._raise(reply, _OF_CREATION)
        path, here = self._address(reply.headers.get("location", ""))
        if here:
            return path
        if tidy and path.startswith(CASES_PATH) and path != CASES_PATH:
            with suppress(LinkFailure):
                await self.terminate(path)
        link = self._client.link
        raise failure("http-foreign-address", "service", link.endpoint, link.proxy)

    async def offset(self, location: str, size: int) -> int | None:
        """How much the server has; None when it has no such upload (any more), or one of another size."""
        accept = {200, 204, *_GONE, *_OF_CASES}
        reply = await call(self._client, "HEAD", location, headers=_VERSION, accept=accept)
        self._raise(reply)
        if reply.status in _GONE or _number(reply.headers.get("upload-length"), size) != size:
            return None
        return self._offset(reply, 0, size)

    async def append(
        self,
        location: str,
        offset: int,
        size: int,
        pieces: AsyncIterator[bytes],
        checksum: tuple[str, bytes] | None,
    ) -> int | Unmoved:
        """Send `size` bytes from `offset` on; the offset after them, or why they do not count."""
        headers = {
            **_VERSION,
            "upload-offset": str(offset),
            "content-length": str(size),
            "content-type": CHUNK_TYPE,
        }
        if checksum is not None:
            headers["upload-checksum"] = f"{checksum[0]} {base64.b64encode(checksum[1]).decode()}"
        accept = {204, *_UNMOVED, *_OF_CASES}
        reply = await call(self._client, "PATCH", location, content=pieces, headers=headers, accept=accept)
        self._raise(reply)
        return _UNMOVED.get(reply.status) or self._offset(reply, offset, offset + size)

    async def terminate(self, location: str) -> bool:
        """Give an upload up. False: the server keeps it, as it is whole, or as it removes none."""
        try:
            accept = {204, *_GONE, *_OF_CASES}
            self._raise(await call(self._client, "DELETE", location, headers=_VERSION, accept=accept))
        except LinkFailure as refused:
            if refused.code in {"http-forbidden", "http-method"}:
                return False
            raise
        return True

    def _raise(self, reply: Reply, codes: Mapping[int, str] = _OF_CASES) -> None:
        """Say in the words of cases what would read otherwise of other requests."""
        if code := codes.get(reply.status):
            link, wait = self._client.link, retry_after_seconds(reply.headers)
            raise failure(code, "service", link.endpoint, link.proxy, retry_after=wait)

    def _offset(self, reply: Reply, least: int, most: int) -> int:
        offset = _number(reply.headers.get("upload-offset"))
        if offset is None or not least <= offset <= most:
            link = self._client.link
            raise failure("reply-not-understood", "service", link.endpoint, link.proxy)
        return offset

    def _address(self, told: str) -> tuple[str, bool]:
        """The path of a Location, and whether it is at this server. No other is asked, whatever it says."""
        link = self._client.link
        base = f"https://{link.endpoint.authority}{CASES_PATH}"
        if (
            not told
            or len(told) > _MOST_LOCATION
            or not (told.isascii() and told.isprintable())
            or " " in told
        ):
            raise failure("reply-not-understood", "service", link.endpoint, link.proxy)
        try:
            parts = urlsplit(urljoin(base, told))
            where = (parts.scheme, parts.hostname, parts.port or 443)
        except ValueError:
            raise failure("reply-not-understood", "service", link.endpoint, link.proxy) from None
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        return path, where == ("https", link.endpoint.host.lower(), link.endpoint.port)


def _number(text: str | None, otherwise: int | None = None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 19 else otherwise

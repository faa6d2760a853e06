"""A portal for cases in memory, behind the real tus client: it takes its time, and fails by chance."""

import hashlib
import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx

from interleaving.loop import some_time
from tm_tui.link.failures import failure
from tm_tui.link.host_keys import HostKeys, Trust
from tm_tui.link.https import LinkClient
from tm_tui.link.types import Endpoint, Limits, Link

_TUS = {
    "tus-resumable": "1.0.0",
    "tus-extension": "creation,termination,checksum",
    "tus-checksum-algorithm": "sha256",
}
_FAILS = ("tcp-refused", "reply-timeout", "http-auth-refused", "http-busy")


@dataclass
class Upload:
    """One case on its way, or whole."""

    size: int
    data: bytearray = field(default_factory=bytearray)

    @property
    def whole(self) -> bool:
        return len(self.data) == self.size


@dataclass
class Portal:
    """`asked` are the requests that were begun; `patching` how many bodies are coming in at this moment."""

    name: str
    chance: random.Random
    traffic: "Traffic"
    keys: HostKeys
    uploads: dict[str, Upload] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    calm: bool = False
    made: int = 0

    def client(self) -> LinkClient:
        """The appliance's way to it."""
        link = Link(Endpoint(self.name, 443), None, None, Trust(None, self.keys), Limits())
        made = LinkClient(transport=_Transport(self, link), base_url=f"https://{self.name}:443")
        made.link = link
        return made

    async def answer(self, request: httpx.Request, link: Link) -> httpx.Response:
        """Any request; each at one moment of its time counts, and its answer may be lost after that."""
        method, name = request.method, request.url.path.rpartition("/")[2]
        self.asked.append(f"{method} {name}")
        await some_time(self.chance, 0.5)
        self._maybe_fails(link)
        body = await self._body(request) if method == "PATCH" else b""
        response = self._counted(method, name, request, body)
        await some_time(self.chance, 0.5)
        self._maybe_fails(link)
        return response

    async def _body(self, request: httpx.Request) -> bytes:
        self.traffic.patching += 1
        assert self.traffic.patching == 1, "two uploads at once"
        assert isinstance(request.stream, httpx.AsyncByteStream)
        body = b""
        try:
            async for piece in request.stream:
                body += piece
                await some_time(self.chance, 0.2)
        finally:
            self.traffic.patching -= 1
        return body

    def _maybe_fails(self, link: Link) -> None:
        if not self.calm and self.chance.random() < 0.15:
            raise failure(self.chance.choice(_FAILS), "service", link.endpoint)

    def _counted(self, method: str, name: str, request: httpx.Request, body: bytes) -> httpx.Response:
        if method == "GET":
            told = {"server_time": datetime.now(UTC).isoformat(), "cases": []}
            return _response(200, body=json.dumps(told).encode())
        if method == "OPTIONS":
            return _response(204, _TUS)
        if method == "POST":
            self.made += 1
            self.uploads[f"u{self.made}"] = Upload(int(request.headers["upload-length"]))
            return _response(201, {**_TUS, "location": f"/v1/cases/u{self.made}"})
        upload = self.uploads.get(name)
        return _response(404) if upload is None else self._at(upload, method, name, request, body)

    def _at(
        self, upload: Upload, method: str, name: str, request: httpx.Request, body: bytes
    ) -> httpx.Response:
        if method == "DELETE":
            if not upload.whole:
                del self.uploads[name]
            return _response(403 if upload.whole else 204)
        if method == "PATCH":
            if int(request.headers["upload-offset"]) != len(upload.data):
                return _response(409)
            upload.data += body
        at = {"upload-offset": str(len(upload.data)), "upload-length": str(upload.size)}
        return _response(204 if method == "PATCH" else 200, {**_TUS, **at})

    def holds(self, sha256: str) -> int:
        """How often it has this case whole."""
        return sum(
            one.whole and hashlib.sha256(one.data).hexdigest() == sha256 for one in self.uploads.values()
        )


def _response(status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> httpx.Response:
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))


@dataclass
class Traffic:
    """What all portals share: the appliance's one line."""

    patching: int = 0


class _Transport(httpx.AsyncBaseTransport):
    def __init__(self, portal: Portal, link: Link) -> None:
        self._portal, self._link = portal, link

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._portal.answer(request, self._link)
        response.request = request
        return response

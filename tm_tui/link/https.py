"""HTTPS over the dialer: one client a link, credentials inside verified TLS only, replies capped."""

import asyncio
import logging
import time
from collections.abc import AsyncIterable, AsyncIterator, Collection, Generator, Mapping
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx

from tm_tui.errors import TmError
from tm_tui.link.bandwidth import Bandwidth
from tm_tui.link.failures import LinkFailure, failure, translate
from tm_tui.link.http_headers import USER_AGENT, basic
from tm_tui.link.http_status import for_status
from tm_tui.link.stream import Backend
from tm_tui.link.types import Credentials, Link, Observer, unobserved

__all__ = ["Content", "LinkClient", "Reply", "call", "https_client", "refusal_of"]

for _name in ("httpx", "httpcore"):  # at INFO and DEBUG they log URLs and headers
    logging.getLogger(_name).setLevel(logging.WARNING)

_FOREIGN = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, OSError)
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "MKCOL"})
_REQUEST_TIMEOUT = 408
_COOKIES = frozenset({b"set-cookie", b"set-cookie2"})
"""Left out of each reply: httpx would keep them and send them along, and Python reads some for minutes."""

Content = bytes | AsyncIterable[bytes]
"""A request's body. To be sent once more it has to be bytes, or an iterable that begins anew each time."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer. `seconds` is from the request's start to the answer's end."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float


class LinkClient(httpx.AsyncClient):
    """An httpx client that knows its link. All transport errors come as LinkFailure."""

    link: Link


class _BasicAuth(httpx.Auth):
    """Makes the header for each request, so that the password is in no lasting object as plain text."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["authorization"] = basic(self._credentials)
        yield request


def https_client(
    link: Link, *, observe: Observer | None = None, bandwidth: Bandwidth | None = None
) -> LinkClient:
    """Make a client of `https://host:port`, to be closed. Raises LinkFailure on a useless CA file.

    `bandwidth` limits all that it sends and receives; without it nothing does.
    """
    limits = link.limits
    client = LinkClient(
        transport=_Transport(link, observe or unobserved, bandwidth or Bandwidth()),
        base_url=f"https://{link.endpoint.authority}",
        auth=_BasicAuth(link.credentials) if link.credentials else None,
        headers={"accept-encoding": "identity", "user-agent": USER_AGENT},
        timeout=httpx.Timeout(limits.reply),
        follow_redirects=False,
        trust_env=False,
    )
    client.link = link
    return client


class _Transport(httpx.AsyncBaseTransport):
    def __init__(self, link: Link, notify: Observer, bandwidth: Bandwidth) -> None:
        self._link = link
        try:
            context = link.trust.tls_context()
        except TmError as error:
            raise failure("ca-unusable", "tls", link.endpoint, link.proxy) from error
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context, keepalive_expiry=60.0, network_backend=Backend(link, notify, bandwidth)
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        link = self._link
        if (request.url.scheme, request.url.host, request.url.port or 443) != (
            "https",
            link.endpoint.host,
            link.endpoint.port,
        ):
            raise failure("http-foreign-address", "service", link.endpoint, link.proxy)
        response = await self._answer(request)
        body = _Body(response, link)
        if _is_encoded(response.headers):
            await body.aclose()
            raise failure("reply-encoded", "service", link.endpoint, link.proxy)
        headers = [(name, value) for name, value in response.headers if name.lower() not in _COOKIES]
        return httpx.Response(response.status, headers=headers, stream=body, request=request)

    async def _answer(self, request: httpx.Request) -> httpcore.Response:
        """Send, and once anew over a new connection if a kept one turns out to be closed already.

        A server may close a kept connection just as a request goes out (RFC 9112, 9.5). 408 says the same.
        """
        way = _Way()
        try:
            response = await self._head(request, way)
            if response.status != _REQUEST_TIMEOUT or way.new or not _may_repeat(request):
                return response
            await response.aclose()
        except LinkFailure as problem:
            if problem.code != "reply-closed" or way.new or not _may_repeat(request):
                raise
        for other in self._pool.connections:  # they are as old: the second try gets none of them
            if other.is_idle():
                await other.aclose()
        return await self._head(request, way)

    async def _head(self, request: httpx.Request, way: "_Way") -> httpcore.Response:
        try:
            return await self._send(request, way)
        except _FOREIGN as error:
            link = self._link
            raise translate(error, "service", link.endpoint, link.proxy) from error

    async def _send(self, request: httpx.Request, way: "_Way") -> httpcore.Response:
        """Send, and wait for the reply's head: once all is sent, it has one limit however it drips."""
        loop = asyncio.get_running_loop()
        reply = self._link.limits.reply
        dialled: list[httpcore.AsyncNetworkStream] = []
        async with asyncio.timeout(None) as limit:

            async def trace(event: str, told: dict[str, Any]) -> None:
                if event == "connection.start_tls.complete":
                    dialled.append(told["return_value"])
                elif event == "http11.receive_response_headers.started":
                    limit.reschedule(loop.time() + reply)
                elif event == "connection.connect_tcp.started":
                    way.new = True

            try:
                response = await self._pool.handle_async_request(
                    httpcore.Request(
                        method=request.method,
                        url=httpcore.URL(
                            scheme=request.url.raw_scheme,
                            host=request.url.raw_host,
                            port=request.url.port,
                            target=request.url.raw_path,
                        ),
                        headers=request.headers.raw,
                        content=request.stream,
                        extensions={**request.extensions, "trace": trace},
                    )
                )
            except BaseException:
                for stream in dialled:  # httpcore forgets one if it is cancelled just before the request goes
                    await stream.aclose()
                raise
        response.extensions["network_stream"].head_is_over()
        return response

    async def aclose(self) -> None:
        await self._pool.aclose()


@dataclass(slots=True)
class _Way:
    """By which connection a request went: `new`, one that was made for it, or a kept one."""

    new: bool = False


def _may_repeat(request: httpx.Request) -> bool:
    """Whether a second time does no harm (RFC 9110, 9.2.2), and its body can be sent again."""
    usual = request.method in _IDEMPOTENT and isinstance(request.stream, httpx.ByteStream)
    return bool(request.extensions.get("repeatable", usual))


def _is_encoded(headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether a reply is compressed against our wish: a small one could fill the memory."""
    return any(
        name.lower() == b"content-encoding" and value.strip().lower() not in {b"", b"identity"}
        for name, value in headers
    )


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: httpcore.Response, link: Link) -> None:
        self._response = response
        self._link = link

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._response.aiter_stream():
                yield piece
        except _FOREIGN as error:
            raise translate(error, "service", self._link.endpoint, self._link.proxy) from error

    async def aclose(self) -> None:
        await self._response.aclose()


async def call(
    client: LinkClient,
    method: str,
    path: str,
    *,
    json: Any = None,
    content: Content | None = None,
    headers: Mapping[str, str] | None = None,
    most_bytes: int = 1 << 20,
    accept: Collection[int] = (200, 201, 204),
    repeatable: bool | None = None,
    seconds: float | None = None,
) -> Reply:
    """Send one request and read its whole answer, at most `most_bytes`, within the link's reply limit.

    `accept` are the statuses that the protocol has for this request. `repeatable` says of a POST or PATCH
    that a second one does no harm. `seconds` is another limit for the answer's body, where a slow line or a
    bandwidth limit needs it.

    Raises LinkFailure for transport faults and for every status that is not in `accept`, 2xx too: a log-on
    or maintenance page says 200 to anything.
    """
    link = client.link
    started = time.monotonic()
    if repeatable is None:
        repeatable = method in _IDEMPOTENT
    extensions = {"repeatable": repeatable and not isinstance(content, AsyncIterator)}
    request = client.build_request(
        method, path, json=json, content=content, headers=headers, extensions=extensions
    )
    response = await client.send(request, stream=True)
    try:
        async with asyncio.timeout(seconds or link.limits.reply):
            body = await _whole(response, link, most_bytes)
    except TimeoutError as error:
        raise failure("reply-timeout", "service", link.endpoint, link.proxy) from error
    finally:
        await response.aclose()
    if response.status_code not in accept:
        raise for_status(response.status_code, response.headers, link.endpoint, link.proxy, body=body)
    return Reply(response.status_code, response.headers, body, time.monotonic() - started)


def refusal_of(reply: Reply, link: Link) -> LinkFailure:
    """The failure of an answer that was accepted to be looked at, and is none of the protocol's after all."""
    return for_status(reply.status, reply.headers, link.endpoint, link.proxy, body=reply.body)


async def _whole(response: httpx.Response, link: Link, most_bytes: int) -> bytes:
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > most_bytes:
            raise failure("reply-too-large", "service", link.endpoint, link.proxy)
    return bytes(body)

"""HTTP over the control socket, for the client alone. Imported late: httpx takes a tenth of a second."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tm_tui.control.claims import own_claims
from tm_tui.control.failures import AgentAbsent, AgentDenied
from tm_tui.errors import TmError
from tm_tui.http_library import httpx

if TYPE_CHECKING:
    import ssl

    from httpx_sse import ServerSentEvent

__all__ = ["Answer", "Transport"]

_NO_TLS = cast("ssl.SSLContext", object())
"""The socket is a Unix socket and no TLS is spoken; httpx would load all authorities for its default."""
_CONNECT = 5.0
_REPLY = 60.0
"""Seconds for a whole answer: approving a host key goes to the server and back."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one request."""

    status: int
    body: bytes


class Transport:
    """Requests and streams to one agent. Each takes a connection of its own: no role outlives its request."""

    def __init__(self, socket: Path, silence: float) -> None:
        self._socket = socket
        self._silence = silence
        transport = httpx.AsyncHTTPTransport(
            uds=str(socket),
            limits=httpx.Limits(max_keepalive_connections=0),
            verify=_NO_TLS,
            trust_env=False,
        )
        self._client = httpx.AsyncClient(
            transport=transport, base_url="http://agent", trust_env=False, headers=own_claims()
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def call(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        """Ask once. Raises AgentAbsent or AgentDenied when no whole answer comes."""
        timeout = httpx.Timeout(_REPLY, connect=_CONNECT)
        with _translated(self._socket):
            reply = await self._client.request(method, path, content=body, headers=headers, timeout=timeout)
        return Answer(reply.status_code, reply.content)

    async def events(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> AsyncGenerator["ServerSentEvent | Answer", None]:
        """Yield each event as it comes, or one Answer when the agent answers otherwise than with a stream.

        Raises AgentAbsent when nothing at all, not even a comment line, comes for the limit of silence.
        """
        from httpx_sse import EventSource

        async with self._opened(method, path, body, headers) as reply:
            if reply.status_code != 200:
                with _translated(self._socket):
                    yield Answer(reply.status_code, await reply.aread())
                return
            async with aclosing(EventSource(reply).aiter_sse()) as source:
                while (event := await self._next(source)) is not None:
                    yield event

    async def download(self, path: str) -> AsyncGenerator[bytes | Answer, None]:
        """Yield a long plain answer piece by piece, or one Answer when the agent says no."""
        async with self._opened("GET", path, None, {}) as reply:
            with _translated(self._socket):
                if reply.status_code != 200:
                    yield Answer(reply.status_code, await reply.aread())
                    return
                async for piece in reply.aiter_bytes():
                    yield piece

    async def _next(self, source: AsyncGenerator["ServerSentEvent", None]) -> "ServerSentEvent | None":
        with _translated(self._socket):
            return await anext(source, None)

    @asynccontextmanager
    async def _opened(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> AsyncIterator[httpx.Response]:
        timeout = httpx.Timeout(self._silence, connect=_CONNECT)
        request = self._client.build_request(method, path, content=body, headers=headers, timeout=timeout)
        with _translated(self._socket):
            reply = await self._client.send(request, stream=True)
        try:
            yield reply
        finally:
            await reply.aclose()


@contextmanager
def _translated(socket: Path) -> Iterator[None]:
    """Turn what httpx raises into AgentAbsent or AgentDenied, once."""
    try:
        yield
    except httpx.TransportError as error:
        raise _meaning(socket, error) from None


def _meaning(socket: Path, error: Exception) -> TmError:
    reason = error.__cause__ or error.__context__
    while reason is not None and not isinstance(reason, OSError):
        reason = reason.__cause__ or reason.__context__
    if isinstance(reason, PermissionError):
        return AgentDenied(socket)
    if isinstance(error, httpx.ConnectError):
        return AgentAbsent(f"No agent answers at {socket}.")
    if isinstance(error, httpx.TimeoutException):
        return AgentAbsent(
            f"The agent at {socket} is silent.",
            "Look whether it hangs, and start it again with `tm-tui agent`.",
        )
    return AgentAbsent("The agent closed the connection: it has ended, or your user has no role with it.")

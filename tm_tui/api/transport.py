"""HTTP over the control socket, for the client alone: h11 reads and writes HTTP/1.1, asyncio moves the bytes.

Imported late: asyncio takes its time. No HTTP client library: it would bring proxies, cookies, TLS and
redirects, which are 5 MB in every console.
"""

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import h11

from tm_tui.api.claims import own_claims
from tm_tui.api.failures import AgentAbsent, AgentDenied, AgentEnded

__all__ = ["Answer", "Call", "Event", "Exchange", "Transport", "exchange"]

_CONNECT = 5.0
_QUEUE = 0.002
_PIECE = 65536

_REPLY = 60.0
"""Seconds for a whole answer: approving a host key goes to the server and back."""


class Call(NamedTuple):
    """What is asked. Each call takes a connection of its own: no role outlives its request."""

    method: str
    path: str
    body: bytes | None = None
    headers: Mapping[str, str] = MappingProxyType({})

    def written_by(self, peer: h11.Connection) -> bytes:
        """The whole request as bytes."""
        body = self.body or b""
        own = {"Host": "agent", "Connection": "close"}
        size = {"Content-Length": f"{len(body):d}"} if body or self.method != "GET" else {}
        head = h11.Request(
            method=self.method, target=self.path, headers=list({**own, **self.headers, **size}.items())
        )
        parts = (peer.send(head), peer.send(h11.Data(data=body)), peer.send(h11.EndOfMessage()))
        return b"".join(part for part in parts if part)


class Exchange:
    """An answer that has begun. `silence` is how many seconds may bring no byte."""

    def __init__(self, path: Path, sock: socket.socket, silence: float) -> None:
        self._path = path
        self._sock = sock
        self._silence = silence
        self._peer = h11.Connection(h11.CLIENT)
        self.status = 0

    async def _connect(self) -> None:
        """Connect, again and again while others queue: asyncio takes EAGAIN of unix(7) for success."""
        while True:
            try:
                self._sock.connect(str(self._path))
            except BlockingIOError:
                await asyncio.sleep(_QUEUE)
            else:
                return

    async def ask(self, call: Call) -> None:
        """Send the whole request and read the head of the answer."""
        loop = asyncio.get_running_loop()
        with _translated(self._path, connecting=True):
            async with asyncio.timeout(_CONNECT):
                await self._connect()
        with _translated(self._path), suppress(ConnectionError):  # refused before the whole request has gone
            async with asyncio.timeout(self._silence):
                await loop.sock_sendall(self._sock, call.written_by(self._peer))
        while not isinstance(head := await self._next(), h11.Response):
            continue
        self.status = head.status_code

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Yield the body as it comes."""
        while not isinstance(event := await self._next(), h11.EndOfMessage):
            if isinstance(event, h11.Data):
                yield bytes(event.data)

    async def body(self) -> bytes:
        """The whole body."""
        return b"".join([piece async for piece in self.pieces()])

    async def _next(self) -> h11.Event:
        loop = asyncio.get_running_loop()
        with _translated(self._path):
            while not isinstance(event := self._peer.next_event(), h11.Event):
                async with asyncio.timeout(self._silence):
                    self._peer.receive_data(await loop.sock_recv(self._sock, _PIECE))
            return event


@asynccontextmanager
async def exchange(path: Path, call: Call, silence: float) -> AsyncIterator[Exchange]:
    """Ask, and give the answer while its body may still come.

    Raises AgentAbsent or AgentDenied, as does reading the body, when no whole answer comes.
    """
    with socket.socket(socket.AF_UNIX) as sock:
        sock.setblocking(False)
        made = Exchange(path, sock, silence)
        await made.ask(call)
        yield made


@contextmanager
def _translated(path: Path, *, connecting: bool = False) -> Iterator[None]:
    """Turn what socket and protocol raise into AgentAbsent or AgentDenied, once."""
    try:
        yield
    except TimeoutError:
        remedy = "Look whether it hangs, and start it again with `tm-tui agent`."
        raise (AgentAbsent if connecting else AgentEnded)(f"The agent at {path} is silent.", remedy) from None
    except PermissionError:
        raise AgentDenied(path) from None
    except (OSError, h11.RemoteProtocolError):
        if connecting:
            raise AgentAbsent(f"No agent answers at {path}.") from None
        cause = "The agent closed the connection: it has ended, or your user has no role with it."
        raise AgentEnded(cause) from None


class Answer(NamedTuple):
    """What came back for one request."""

    status: int
    body: bytes


class Event(NamedTuple):
    """One server-sent event."""

    event: str
    data: str


class Transport:
    """Requests and streams to one agent."""

    def __init__(self, socket: Path, silence: float) -> None:
        self._socket = socket
        self._silence = silence
        self._claims = own_claims()

    async def call(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        """Ask once. Raises AgentAbsent or AgentDenied when no whole answer comes."""
        call = Call(method, path, body, {**self._claims, **headers})
        async with exchange(self._socket, call, _REPLY) as reply:
            return Answer(reply.status, await reply.body())

    async def events(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> AsyncGenerator[Event | Answer, None]:
        """Yield each event as it comes, or one Answer when the agent answers otherwise than with a stream.

        Raises AgentAbsent when nothing at all, not even a comment line, comes for the limit of silence.
        """
        async with aclosing(self._pieces(Call(method, path, body, {**self._claims, **headers}))) as pieces:
            waiting = b""
            async for piece in pieces:
                if isinstance(piece, Answer):
                    yield piece
                    return
                *blocks, waiting = (waiting + piece).split(b"\n\n")
                for block in blocks:
                    if event := _event(block.decode()):
                        yield event

    async def download(self, path: str) -> AsyncGenerator[bytes | Answer, None]:
        """Yield a long plain answer piece by piece, or one Answer when the agent says no."""
        async with aclosing(self._pieces(Call("GET", path, headers=self._claims))) as pieces:
            async for piece in pieces:
                yield piece

    async def _pieces(self, call: Call) -> AsyncGenerator[bytes | Answer, None]:
        async with exchange(self._socket, call, self._silence) as reply:
            if reply.status != 200:
                yield Answer(reply.status, await reply.body())
                return
            async with aclosing(reply.pieces()) as pieces:
                async for piece in pieces:
                    yield piece


def _event(block: str) -> Event | None:
    """What the lines of a block say (HTML standard, 9.2), as the agent ends them; comments say nothing."""
    fields = [line.partition(":")[::2] for line in block.split("\n")]
    data = [value.removeprefix(" ") for name, value in fields if name == "data"]
    named = [value.removeprefix(" ") for name, value in fields if name == "event"]
    return Event(named[-1] if named else "message", "\n".join(data)) if data else None

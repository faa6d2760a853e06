"""HTTP over the control socket, for the client alone. Imported late: asyncio takes its time."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from tm_tui.api.claims import own_claims
from tm_tui.api.exchange import Call, exchange

__all__ = ["Answer", "Event", "Transport"]

_REPLY = 60.0
"""Seconds for a whole answer: approving a host key goes to the server and back."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one request."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Event:
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

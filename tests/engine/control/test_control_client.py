"""The client, when there is no agent, a wrong one, or one that goes away."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from agents import short_home
from tm_tui.api.client import AgentAbsent, ControlClient, ControlRefused
from tm_tui.paths import Home

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def path() -> Iterator[Path]:
    with short_home() as home:
        home.run.mkdir(parents=True)
        yield home.control_socket


async def refused_by(path: Path, *, stream: bool = False) -> AgentAbsent:
    async with ControlClient(path, silence=0.2) as client:
        with pytest.raises(AgentAbsent) as caught:
            await (anext(client.status_stream()) if stream else client.status())
    return caught.value


async def test_no_socket_says_how_to_start_the_agent(path: Path) -> None:
    """Without an agent the admin reads what to do, not a stack of exceptions."""
    refused = await refused_by(path)
    assert str(path) in refused.cause
    assert "tm-tui agent" in refused.remedy


async def test_a_stale_socket_is_no_agent(path: Path) -> None:
    """The socket of an agent that crashed does not pass for an agent."""
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    assert "No agent answers" in (await refused_by(path)).cause


async def test_an_agent_that_dies_in_mid_stream_is_absent(path: Path) -> None:
    """The screen learns at once that its source is gone."""

    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD + b"A\r\n: tm-tui\n\n\r\n")
        await writer.drain()
        writer.transport.abort()

    async with await asyncio.start_unix_server(die, path):
        assert "closed the connection" in (await refused_by(path, stream=True)).cause
        assert "closed the connection" in (await refused_by(path)).cause


async def test_a_silent_stream_ends(path: Path) -> None:
    """An agent that hangs is not taken for one that has nothing to say."""
    over = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD)
        await over.wait()
        writer.close()

    async with await asyncio.start_unix_server(hang, path):
        assert "is silent" in (await refused_by(path, stream=True)).cause
        over.set()


async def test_another_version_is_told_apart(path: Path) -> None:
    """An answer of an agent of another version is called that, not a crash."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"new": "shape"}'[:-1])
        await writer.drain()
        writer.close()

    async with await asyncio.start_unix_server(answer, path), ControlClient(path) as client:
        with pytest.raises(ControlRefused, match="different versions"):
            await client.status()


async def test_closing_a_stream_closes_its_connection(path: Path) -> None:
    """Leaving a screen leaves no connection behind."""
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD + b"17\r\nevent: later\ndata: {}\n\n\r\n")
        assert await reader.read() == b""
        gone.set()
        writer.close()

    async with await asyncio.start_unix_server(serve, path), ControlClient(path) as client:
        stream = client.status_stream()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(stream), 0.1)
        async with aclosing(client.status_stream()) as other:
            reading = asyncio.ensure_future(anext(other))
            reading.cancel()
            await asyncio.wait({reading})
        await asyncio.wait_for(gone.wait(), 60)


async def test_events_come_whole_however_they_are_cut(path: Path) -> None:
    """A line of the log is shown as it was written, also when it arrives byte by byte."""
    text = "Größe \\n \u2028: 12".encode()
    line = b'event: line\ndata: {"at": "2026-01-01T00:00:00Z", "level": "info", "text": "' + text + b'"}\n\n'

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b": tm-tui\n\n" + line + b": still here\n\n" + line
        for byte in HEAD + b"".join(b"1\r\n%c\r\n" % one for one in body) + b"0\r\n\r\n":
            writer.write(bytes((byte,)))
            await writer.drain()
        writer.close()

    async with (
        await asyncio.start_unix_server(serve, path),
        ControlClient(path) as client,
        aclosing(client.activity_stream()) as stream,
    ):
        assert [(await anext(stream)).text for _ in range(2)] == ["Größe   \ufffd: 12"] * 2
        with pytest.raises(AgentAbsent, match="has ended"):
            await anext(stream)


async def test_a_refusal_in_the_middle_of_a_request_is_read(path: Path) -> None:
    """Who sends too much learns so, though the agent hangs up before it has taken it all."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = b'{"code": "too-large", "cause": "Too much.", "remedy": "Send less."}'
        head = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head % len(body) + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_unix_server(refuse, path), ControlClient(path) as client:
        with pytest.raises(ControlRefused, match="Too much"):
            await client.add_events(b"x" * 10_000_000)


def test_the_client_is_light() -> None:
    """The console starts quickly and holds no network library beside the reader of HTTP."""
    code = (
        "import tm_tui.api.client, sys; first = set(sys.modules); import tm_tui.api.transport;"
        "print(*first & {'h11', 'asyncio'});"
        "print(*{'httpx', 'anyio', 'rich', 'click', 'cryptography', 'asyncssh'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_home_gives_the_path() -> None:
    """Console and agent agree on where the socket is."""
    home = Home.under(Path("/x"))
    assert home.control_socket == Path("/x/run/control.sock")

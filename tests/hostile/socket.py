"""A control socket that answers each question with a hostile shape, to the real client."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from hostile.values import TEXTS, Hostile
from tm_tui.api import agent, cases, patterns, reports, sessions, spool, trust
from tm_tui.api.shapes import Shape
from tm_tui.settings.fields import FIELDS
from tm_tui.settings.model import Settings

__all__ = ["Answers", "answering"]

SHAPES: dict[str, Any] = {
    "/v1/session": agent.SessionInfo,
    "/v1/status": agent.AgentStatus,
    "/v1/history": [agent.RevisionInfo],
    "/v1/history/N/diff/N": [agent.Difference],
    "/v1/trust": trust.TrustDocument,
    "/v1/patterns": patterns.PatternsDocument,
    "/v1/patterns/check": patterns.PatternsDocument,
    "/v1/patterns/deployments": patterns.DeploymentInfo,
    "/v1/patterns/deployments/N": patterns.DeploymentInfo,
    "/v1/reports": reports.ReportsDocument,
    "/v1/reports/N": reports.ReportDocument,
    "/v1/reports/read": reports.ReportsDocument,
    "/v1/cases": cases.CasesDocument,
    "/v1/cases/N": cases.CaseInfo,
    "/v1/cases/send": cases.CasesDocument,
    "/v1/spool": spool.SpoolDocument,
    "/v1/spool/send": spool.SendReply,
    "/v1/spool/send/N": spool.SendReply,
    "/v1/activity": [agent.ActivityLine],
    "/v1/diagnostics": agent.DiagnosticsText,
    "/v1/draft": sessions.KeptDraft,
}


class Answers:
    """What an agent says, drawn from `random`, the same each time it is asked."""

    def __init__(self, random: Random) -> None:
        hostile = Hostile(random)
        self._said: dict[str, Any] = {
            path: [hostile.shape(shape[0]) for _ in range(random.choice((0, 2, 30)))]
            if isinstance(shape, list)
            else hostile.shape(shape)
            for path, shape in SHAPES.items()
        }
        keys = [spec.key for spec in FIELDS if spec.kind == "text"]
        typed = {key: random.choice(TEXTS)[:4096].encode("utf-8", "replace").decode() for key in keys}
        self._said["/v1/draft"] = hostile.shape(sessions.KeptDraft, typed=typed)
        self._said["/v1/settings"] = hostile.shape(agent.SettingsDocument, settings=Settings().plain())

    def shape(self, path: str) -> Any:
        """The answer to GET of a path; numbers in it stand as N."""
        return self._said[path]

    def put(self, path: str, shape: Shape) -> None:
        """Answer this from now on."""
        self._said[path] = shape

    def body(self, path: str) -> bytes | None:
        """The same as JSON."""
        words = ("N" if word.isdigit() else word for word in path.partition("?")[0].split("/"))
        said = self._said.get("/".join(words))
        if isinstance(said, list):
            return msgspec.json.encode(said)
        return said.to_json() if isinstance(said, Shape) else None


@contextmanager
def answering(answers: Answers, socket: Path) -> Iterator[None]:
    """Answer at a socket, on a thread with a loop of its own, until the end of the block."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    ending = asyncio.Event()

    async def serve() -> None:
        socket.parent.mkdir(parents=True, exist_ok=True)
        async with await asyncio.start_unix_server(lambda r, w: _answer(answers, r, w), socket):
            ready.set()
            await ending.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    try:
        assert ready.wait(60)
        yield
    finally:
        loop.call_soon_threadsafe(ending.set)
        thread.join(60)
        loop.close()


async def _answer(answers: Answers, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
    lengths = (line.split(":")[1] for line in head.split("\r\n") if line.lower().startswith("content-length"))
    length = int(next(lengths, 0))
    await reader.readexactly(length)
    body = answers.body(head.split(" ")[1])
    status = "200 OK" if body is not None else "404 Not Found"
    if body is None:
        body = b'{"code":"not-found","cause":"Nothing of that kind is scripted.","remedy":""}'
    writer.write(f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n".encode())
    writer.write(body)
    await writer.drain()
    writer.close()

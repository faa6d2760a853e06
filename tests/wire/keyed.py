"""The console for tests of keys: an agent with something on every page that answers late, and what was typed.

Orders come as in `real`, and "tell NUMBER": what is typed and what was asked of the agent goes to the file in
SAMPLE_FACTS, as JSON with that number before it; so it does at the end, with the largest. KEYED_LAG: seconds
that each answer takes.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from screens import rest as resting
from screens.agent import Connection
from screens.app import TmTui
from screens.skeleton import painted
from screens.terminal import TerminalOptions
from screens.terminal.driver import SlowLineDriver
from tests.face.scripted import NOON
from tests.wire.real import OrderedAgent, listen
from tm_tui.control.api import ActivityLine, Difference, HostKeyInfo, RevisionInfo, TrustDocument
from tm_tui.control.cases_api import CaseInfo
from tm_tui.control.reports_api import ReportInfo

__all__: list[str] = []

_TEXT = "# Report\n\n" + "\n".join(f"{n}. **actor-{n}** created `file-{n}` on till-07." for n in range(1, 60))

_KEY = HostKeyInfo(
    endpoint="[logs.example.com]:22",
    algorithm="ssh-ed25519",
    fingerprint="SHA256:uNiVztksCsDhcc0u9e8BrrJXVuNKLCYBpMIoQUJDnZc",
    state="approved",
)


def _report(number: int) -> ReportInfo:
    words = {"id": f"tm01-{number}", "kind": "daily", "title": f"Report {number}"}
    times = {"made_at": NOON, "fetched_at": NOON}
    return ReportInfo(number=number, bytes=len(_TEXT), read=number % 2 == 0, **words, **times)


def _case(number: int) -> CaseInfo:
    sizes = {"files": 1, "bytes": 10, "packed_bytes": 9, "sha256": ""}
    told = {"endpoint": "till", "threat": "", "description": "", "form": "zip", "submitted_by": "admin"}
    return CaseInfo(number=number, state="waiting", created_at=NOON, sources=(), **sizes, **told)


class KeyedAgent(OrderedAgent):
    """Something to choose and to read on every page."""

    def __init__(self) -> None:
        super().__init__()
        self.app: TmTui | None = None
        self.facts = Path(os.environ["SAMPLE_FACTS"])
        for number in range(1, 41):
            at, level = NOON - timedelta(minutes=60 - number), "info" if number % 7 else "warning"
            text = f"line {number} of till-{number % 5}"
            self.activity.put_nowait(ActivityLine(at=at, level=level, text=text))
        self.saved = tuple(
            RevisionInfo(revision=number, saved_at=NOON, saved_by="root", tty="pts/0")
            for number in range(17, 0, -1)
        )
        change = Difference(field="tmsp.email", old="a@example.com", new="ops@example.com")
        self.changes = {(old, new): (change,) for new in range(18) for old in range(18)}
        self.kept_reports = {number: (_report(number), _TEXT) for number in range(1, 26)}
        self.cases_held = [_case(number) for number in (3, 2, 1)]
        self.trusted = TrustDocument(ca_file="", authorities=(), host_keys=(_KEY,))

    def order(self, verb: str, rest: str) -> None:
        if verb == "tell":
            self.tell(int(rest))
        else:
            super().order(verb, rest)

    def tell(self, number: int) -> None:
        """Say what is typed and what was asked, whole or not at all, under this number."""
        draft = self.app.main.draft if self.app else None
        told = {
            "typed": dict(draft.typed) if draft else None,
            "secrets": {name: one.get_secret_value() for name, one in draft.secrets.items()}
            if draft
            else None,
            "asked": [_plain(request) for request in self.requests],
        }
        part = self.facts.with_suffix(".part")
        part.write_text(json.dumps([number, told], default=str))
        part.rename(self.facts)


def _plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, BaseModel):
        return {type(value).__name__: _plain(dict(value))}
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, tuple | list) else value


class Late:
    """An agent whose answers take their time."""

    def __init__(self, agent: KeyedAgent, lag: float) -> None:
        self._agent, self._lag = agent, lag

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._agent, name)
        if isasyncgenfunction(found):
            return self._late_stream(found)
        return self._late(found) if iscoroutinefunction(found) else found

    def _late(self, ask: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(ask)
        async def later(*args: Any) -> Any:
            await self._pause()
            return await ask(*args)

        return later

    def _late_stream(self, ask: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(ask)
        async def later(*args: Any) -> AsyncGenerator[Any, None]:
            await self._pause()
            async for one in ask(*args):
                yield one

        return later

    async def _pause(self) -> None:
        due = asyncio.Event()
        asyncio.get_running_loop().call_later(self._lag, due.set)
        await due.wait()


async def serve() -> int:
    """Run the console until it is left."""
    resting.SECONDS = 0.05
    agent = KeyedAgent()
    late = Late(agent, float(os.environ["KEYED_LAG"]))

    @asynccontextmanager
    async def connect() -> AsyncGenerator[Connection, None]:
        yield Connection(late, private=False)  # type: ignore[arg-type]

    app = agent.app = TmTui(connect, clock=agent.clock, tty="ttyS0", driver_class=SlowLineDriver)
    app.crash_folder = agent.facts.parent
    listen(agent, int(os.environ["SAMPLE_ORDERS"]))
    try:
        return await app.run_async(mouse=False) or app.return_code or 0
    finally:
        agent.tell(sys.maxsize)


if __name__ == "__main__":
    with painted(TerminalOptions(smallest=(60, 18))):
        sys.exit(asyncio.run(serve()))

"""The console for tests of keys: an agent with something on every page that answers late, and what was typed.

Orders come as in `real`, and "tell NUMBER": once no key waits, what is typed and what was asked of the agent
goes to the file in SAMPLE_FACTS, as JSON with that number before it; so it does at the end, with the largest.
KEYED_LAG: seconds that each answer takes.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from screens.desk.agent import Connection
from screens.launch.skeleton import painted
from screens.shell.app import TmTui
from screens.terminal import TerminalOptions
from screens.terminal.driver import SlowLineDriver
from screens.widgets import rest as resting
from tests.face.scripted import fill
from tests.wire.real import OrderedAgent, listen
from tm_tui.api.agent import ProbeReport, StepEvent
from tm_tui.api.requests import ProbeRequest

__all__: list[str] = []
_LOOK_SECONDS = 0.02


class KeyedAgent(OrderedAgent):
    """Something to choose and to read on every page."""

    def __init__(self) -> None:
        super().__init__()
        self.app: TmTui | None = None
        self.facts = Path(os.environ["SAMPLE_FACTS"])
        fill(self)

    async def probe(self, request: ProbeRequest) -> AsyncGenerator[StepEvent | ProbeReport, None]:
        """A test that begins at once and does not end."""
        self.requests.append(request)
        yield StepEvent(step="log_server.settings", outcome="started")
        await asyncio.Event().wait()

    def order(self, verb: str, rest: str) -> None:
        if verb == "tell" and self.app and self.app.keys.busy:
            asyncio.get_running_loop().call_later(_LOOK_SECONDS, self.order, verb, rest)
        elif verb == "tell":
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

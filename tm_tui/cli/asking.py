"""Commands ask the agent, as the console does: one question on the control socket of this home."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tm_tui.api.client import ControlClient
from tm_tui.paths import Home

__all__ = ["ask", "why_off"]

T = TypeVar("T")


def why_off() -> str:
    """Why nothing is sent or fetched, as a sentence's begin. Raises TmError."""
    from tm_tui.api.registration_words import off

    return off(ask(lambda client: client.status()).status_server)


def ask(question: Callable[[ControlClient], Awaitable[T]]) -> T:
    """Ask and return the answer. Raises TmError: AgentAbsent when no agent runs in this home."""

    async def asked() -> T:
        async with ControlClient(Home.find().control_socket) as client:
            return await question(client)

    return asyncio.run(asked())

"""The agent's side of the console: one task that finds it, follows it, and finds it again."""

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

from screens.messages import AgentFound, AgentLost, StatusArrived
from tm_tui.errors import TmError

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.message import Message

    from screens.agent import Connect, Connection
    from tm_tui.clock import Clock

__all__ = ["watch"]

_FIRST_WAIT = 0.5
_LONGEST_WAIT = 5.0


async def watch(
    connect: "Connect",
    opened: "Callable[[Connection], object]",
    post: "Callable[[Message], object]",
    clock: "Clock",
) -> None:
    """Post AgentFound and StatusArrived while the agent lives, AgentLost when not, until cancelled."""
    wait = _FIRST_WAIT
    while True:
        try:
            async with connect() as connection:
                opened(connection)
                agent = connection.agent
                post(AgentFound(await agent.session(), await agent.settings(), connection.private))
                async with aclosing(agent.status_stream()) as stream:
                    async for status in stream:
                        wait = _FIRST_WAIT
                        post(StatusArrived(status, clock.monotonic()))
        except TmError as lost:
            from tm_tui.control.failures import AgentDenied

            headline = "NO ACCESS TO THE AGENT" if isinstance(lost, AgentDenied) else "AGENT NOT RUNNING"
            post(AgentLost(headline, lost.cause, lost.remedy, clock.monotonic()))
        await clock.wait(asyncio.Event(), wait)
        wait = min(wait * 2, _LONGEST_WAIT)

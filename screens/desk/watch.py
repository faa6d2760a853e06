"""The agent's side of the console: one task that finds it, follows it, and finds it again."""

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

from screens.desk.messages import AgentFound, AgentLost, StatusArrived
from tm_tui.errors import TmError

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.message import Message

    from screens.desk.agent import Connect, Connection
    from tm_tui.clock import Clock

__all__ = ["watch"]

_FIRST_WAIT = 0.5
_LONGEST_WAIT = 5.0


def _headline(lost: TmError) -> str:
    from tm_tui.api.failures import AgentDenied, ControlRefused

    if isinstance(lost, AgentDenied):
        return "NO ACCESS TO THE AGENT"
    if isinstance(lost, ControlRefused):  # it runs, and says why it does not serve us
        return "THE AGENT REFUSES"
    return "AGENT NOT RUNNING"


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
                post(AgentFound(await agent.session(), await agent.settings()))
                async with aclosing(agent.status_stream()) as stream:
                    async for status in stream:
                        wait = _FIRST_WAIT
                        post(StatusArrived(status, clock.monotonic()))
        except TmError as lost:
            post(AgentLost(_headline(lost), lost.cause, lost.remedy, clock.monotonic()))
        await clock.wait(asyncio.Event(), wait)
        wait = min(wait * 2, _LONGEST_WAIT)

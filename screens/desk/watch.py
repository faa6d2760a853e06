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
    """Post AgentFound and StatusArrived while the agent lives, AgentLost when not, until cancelled.

    The first snapshot comes before all else, and again once it is known who looks at it.
    """
    wait = _FIRST_WAIT
    while True:
        try:
            async with connect() as connection:
                opened(connection)
                agent = connection.agent
                async with aclosing(agent.status_stream()) as stream:
                    found = False
                    async for status in stream:
                        wait, arrived = _FIRST_WAIT, clock.monotonic()
                        post(StatusArrived(status, arrived))
                        if not found:
                            session, document = await agent.session(), await agent.settings()
                            post(AgentFound(session, document))
                            post(StatusArrived(status, arrived))
                            found = True
        except TmError as lost:
            post(AgentLost(_headline(lost), lost.cause, lost.remedy, clock.monotonic()))
        await clock.wait(asyncio.Event(), wait)
        wait = min(wait * 2, _LONGEST_WAIT)

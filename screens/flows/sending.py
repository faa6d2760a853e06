"""Sending the logs now, from F5 to the word that they are there, or why not."""

from typing import TYPE_CHECKING

from tm_tui.errors import TmError
from tm_tui.spoken import count

if TYPE_CHECKING:
    from screens.desk.desk import Desk
    from tm_tui.api.spool import SendReply

__all__ = ["send_logs"]


async def send_logs(desk: "Desk") -> None:
    """Ask the agent to send, and tell how it ended; the page shows the progress meanwhile."""
    desk.tell("Sending the logs that wait.")
    try:
        reply = await desk.agent.send_logs()
        desk.goes_on()
        while not reply.done:
            reply = await desk.agent.sent(reply.number)
    except TmError as error:
        desk.tell(f"Not sent: {error.cause} {error.remedy}", wrong=True)
        return
    if reply.failure is None:
        desk.tell(_delivered(reply))
    else:
        desk.tell(
            f"Not sent ({reply.failure.code}): {reply.failure.cause} {reply.failure.remedy}", wrong=True
        )


def _delivered(reply: "SendReply") -> str:
    if not reply.events:
        return "No logs wait: there was nothing to send."
    return f"Delivered {count(reply.events, 'event')} in {count(reply.batches, 'batch')}."

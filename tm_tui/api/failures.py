"""What a client of the control socket may meet, as TmErrors with cause and remedy."""

from pathlib import Path

from tm_tui.api.agent import Conflict, Refusal
from tm_tui.errors import TmError

__all__ = ["AgentAbsent", "AgentDenied", "AgentEnded", "ControlRefused", "SaveConflict"]

_START = "Start it with `tm-tui agent`."


class AgentAbsent(TmError):
    """No agent answers at the control socket, or it went away in the middle of an answer."""

    def __init__(self, cause: str, remedy: str = _START) -> None:
        super().__init__(cause, remedy)


class AgentEnded(AgentAbsent):
    """The agent was there and gave no whole answer: what was asked of it is done, or not."""


class AgentDenied(TmError):
    """The control socket is there, and this user may not open it."""

    def __init__(self, socket: Path) -> None:
        cause = f"Your user may not open the agent's control socket {socket}."
        super().__init__(cause, "Ask an administrator to put you into the group tm-admin or tm-view.")


class ControlRefused(TmError):
    """The agent answered, and said no. `status` is HTTP's, `refusal` says why, by field where it can."""

    def __init__(self, status: int, refusal: Refusal) -> None:
        super().__init__(refusal.cause, refusal.remedy)
        self.status = status
        self.refusal = refusal


class SaveConflict(ControlRefused):
    """Somebody else saved since: `conflict` holds what is saved now and what differs."""

    def __init__(self, conflict: Conflict) -> None:
        current = conflict.current
        cause = f"Revision {current.revision} was saved by {current.saved_by or 'somebody'} in the meantime."
        remedy = "Look at what changed, then save again on top of it."
        super().__init__(412, Refusal(code="conflict", cause=cause, remedy=remedy))
        self.conflict = conflict

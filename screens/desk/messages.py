"""What happens between parts that do not know each other: the agent's side, and pages that need the agent."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from screens.desk.desk import Desk
    from tm_tui.api.agent import ActivityLine, AgentStatus, SessionInfo, SettingsDocument

__all__ = ["ActivityWanted", "AgentFound", "AgentLost", "ForAgent", "PageWanted", "StatusArrived"]


class AgentFound(Message):
    """An agent answers: who we are to it, and what is saved."""

    def __init__(self, session: "SessionInfo", document: "SettingsDocument") -> None:
        super().__init__()
        self.session, self.document = session, document


class StatusArrived(Message):
    """A new snapshot, and the monotonic second at which it came."""

    def __init__(self, status: "AgentStatus", arrived: float) -> None:
        super().__init__()
        self.status, self.arrived = status, arrived

    def can_replace(self, message: Message) -> bool:
        """Only the newest snapshot counts."""
        return isinstance(message, StatusArrived)


class AgentLost(Message):
    """The agent does not answer (any more), in a few words and in whole sentences."""

    def __init__(self, headline: str, cause: str, remedy: str, at: float) -> None:
        super().__init__()
        self.headline, self.cause, self.remedy, self.at = headline, cause, remedy, at


class ForAgent(Message):
    """A page has something to do with the agent: `flow` runs on the desk, a newer one of its `group` ends it.

    A failure that `flow` lets through is told. With `changes` it is refused to those who may only look.
    """

    def __init__(
        self, flow: "Callable[[Desk], Awaitable[None]]", group: str, *, changes: bool = False
    ) -> None:
        super().__init__()
        self.flow, self.group, self.changes = flow, group, changes


class PageWanted(Message):
    """A page leads to another one, by its name in the menu."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


class ActivityWanted(Message):
    """A page wants to follow what the agent does: each line by `reply`, None before they all come anew."""

    def __init__(self, reply: Callable[["ActivityLine | None"], None]) -> None:
        super().__init__()
        self.reply = reply

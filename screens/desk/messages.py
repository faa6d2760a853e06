"""What happens between parts that do not know each other: the agent's side, and pages that need the agent."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from screens.desk.desk import Desk
    from tm_tui.api.agent import ActivityLine, AgentStatus, SessionInfo, SettingsDocument

__all__ = ["ActivityWanted", "AgentFound", "AgentLost", "ForAgent", "PageWanted", "StatusArrived"]


@dataclass
class AgentFound(Message):
    """An agent answers: who we are to it, and what is saved."""

    session: "SessionInfo"
    document: "SettingsDocument"


@dataclass
class StatusArrived(Message):
    """A new snapshot, and the monotonic second at which it came."""

    status: "AgentStatus"
    arrived: float

    def can_replace(self, message: Message) -> bool:
        """Only the newest snapshot counts."""
        return isinstance(message, StatusArrived)


@dataclass
class AgentLost(Message):
    """The agent does not answer (any more), in a few words and in whole sentences."""

    headline: str
    cause: str
    remedy: str
    at: float


@dataclass
class ForAgent(Message):
    """A page has something to do with the agent: `flow` runs on the desk, a newer one of its `group` ends it.

    A failure that `flow` lets through is told. With `changes` it is refused to those who may only look.
    """

    flow: "Callable[[Desk], Awaitable[None]]"
    group: str
    changes: bool = False


@dataclass
class PageWanted(Message):
    """A page leads to another one, by its name in the menu."""

    name: str


@dataclass
class ActivityWanted(Message):
    """A page wants to follow what the agent does: each line by `reply`, None before they all come anew."""

    reply: Callable[["ActivityLine | None"], None]

"""What the flows (save, test, host keys) need of the screen they run on, and nothing more of it.

They ask questions as data, without knowing whether a box or a numbered prompt will show them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from screens.desk.agent import Agent
    from screens.desk.draft import Draft
    from screens.desk.notices import Follow
    from screens.desk.probing import Probing
    from tm_tui.clock import Clock
    from tm_tui.errors import Problem

__all__ = ["Desk", "Question"]


@dataclass(frozen=True, slots=True)
class Question:
    """Words and answers (its word, its label). The first answer is the safe one: Esc and haste take it.

    `start` is the answer on which Enter stands, where the key that asked has named one.
    """

    title: str
    lines: Sequence[str]
    answers: Sequence[tuple[str, str]]
    start: str = ""


class Desk(Protocol):
    """The admin's side of a flow."""

    draft: "Draft | None"
    probing: "Probing | None"
    clock: "Clock"

    @property
    def agent(self) -> "Agent":
        """The agent; raises AgentAbsent when none is there."""
        ...

    @property
    def read_only(self) -> bool:
        """Whether this admin may only look."""
        ...

    @property
    def comes_back(self) -> bool:
        """Whether a save with nothing changed does something: a removed appliance registers again."""
        ...

    async def ask(self, question: "Question") -> str:
        """Show a question and wait for the answer."""
        ...

    async def ask_noted(self, question: "Question") -> tuple[str, str]:
        """Ask, with room for an optional note: the answer and the note."""
        ...

    def goes_on(self) -> None:
        """From here on, up to the next question, the flow goes on beside the admin's keys."""
        ...

    def tell(
        self,
        words: str,
        *,
        wrong: bool = False,
        shorter: "Sequence[str]" = (),
        everywhere: bool = False,
        follow: "Follow | None" = None,
    ) -> None:
        """Say what happened, `wrong` or not, until it is overtaken.

        Of a wrong one the first that fits stands there, if it has `shorter` forms, and else a box of its own.
        It belongs to the page in sight and to what stands on the forms, or to all (`everywhere`); what goes
        on says how it stands by `follow`.
        """
        ...

    def go_to_problems(self, problems: "Mapping[str, Problem]") -> None:
        """Open the form that has the first of these fields, and mark them."""
        ...

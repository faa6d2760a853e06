"""Leaving a form or the console with unsaved changes: asked before, never silently."""

from typing import TYPE_CHECKING

from screens.desk.desk import Question
from screens.desk.field_words import field_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from screens.desk.desk import Desk

__all__ = ["AGENT_ENDED", "ENDED", "discard_asked", "ending_asked", "leaving_asked"]

_ENDED = "console's agent ended with it: no beats, no logs. `tm-tui agent` runs one that stays."
ENDED, AGENT_ENDED = f"tm-tui: this {_ENDED}", f"This {_ENDED}"


async def discard_asked(desk: "Desk", keys: "Sequence[str]") -> bool:
    """Ask whether the changes of this form are given up. True when they are."""
    lines = ["Not saved yet: " + ", ".join(field_name(key) for key in keys) + "."]
    answers = [("keep", "Keep editing"), ("discard", "Discard")]
    return await desk.ask(Question("Discard the changes on this form?", lines, answers)) == "discard"


async def ending_asked(desk: "Desk") -> bool:
    """Ask whether the agent of this console may end, while it is registered. True to go."""
    lines = [
        "This console runs the agent, as no service did. Left now, the agent ends too:",
        " - no heartbeats and no logs are sent;",
        " - the portal misses this appliance.",
        "`tm-tui agent` runs one that stays.",
    ]
    answers = [("stay", "Stay"), ("leave", "Leave and end it")]
    return await desk.ask(Question("End the agent too?", lines, answers)) == "leave"


async def leaving_asked(desk: "Desk", keys: "Sequence[str]") -> bool:
    """Ask whether to leave. True to go."""
    lines = ["Leaving loses what is not saved: " + ", ".join(field_name(key) for key in keys) + "."]
    answers = [("stay", "Stay"), ("leave", "Leave without saving")]
    return await desk.ask(Question("Leave with unsaved changes?", lines, answers)) == "leave"

"""What the agent refuses, at the fields of the forms."""

from typing import TYPE_CHECKING

from tm_tui.errors import Problem

if TYPE_CHECKING:
    from tm_tui.api.failures import ControlRefused

__all__ = ["refused_fields"]


def refused_fields(refused: "ControlRefused") -> dict[str, Problem]:
    """What the agent found wrong, by field."""
    found = (Problem(item.field, item.cause, item.remedy) for item in refused.refusal.problems)
    return {problem.field: problem for problem in found}

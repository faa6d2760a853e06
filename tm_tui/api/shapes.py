"""What all shapes of the control socket have in common."""

from pydantic import BaseModel, ConfigDict

from tm_tui.text import SafeText
from tm_tui.values import Count, Moment

__all__ = ["LastFailure", "Shape", "Unreadable"]


class Shape(BaseModel):
    """A frozen value on the wire; unknown keys are refused, errors never repeat the input."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)


class Unreadable(Shape):
    """Something on the appliance's disk that cannot be shown: a row of its own, where it belongs."""

    what: SafeText
    """Such as `report 7`."""
    cause: SafeText

    @property
    def words(self) -> str:
        """The row."""
        return f"{self.what} cannot be shown: {self.cause}"


class LastFailure(Shape):
    """The newest failure of a link, and how often in a row it came. `code` is listed in docs/failures.md."""

    code: SafeText
    stage: SafeText
    cause: SafeText
    remedy: SafeText
    at: Moment
    count: Count = 1


class PortalInfo(Shape):
    """What the portal said of itself. `fits`: this agent speaks its version of the link protocol."""

    product: SafeText
    version: SafeText
    protocol: Count
    fits: bool

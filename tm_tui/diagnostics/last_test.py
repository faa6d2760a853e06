"""The newest connection test, kept for those who ask later: the bundle for support."""

from dataclasses import dataclass, field
from datetime import datetime

from tm_tui.api.agent import ProbeReport, Shape, StepEvent

__all__ = ["KeptProbe", "LastTest"]


@dataclass(slots=True)
class KeptProbe:
    """One test as it goes on. `unsaved`: it tries a form's values instead of the saved settings."""

    at: datetime
    unsaved: bool
    steps: list[StepEvent] = field(default_factory=list)
    report: ProbeReport | None = None

    def add(self, told: Shape) -> None:
        """A step, or the report."""
        if isinstance(told, ProbeReport):
            self.report = told
        elif isinstance(told, StepEvent) and told.outcome != "started":
            self.steps.append(told)


class LastTest:
    """Tests may run side by side; the one that began last counts."""

    def __init__(self) -> None:
        self.newest: KeptProbe | None = None

    def begin(self, at: datetime, *, unsaved: bool) -> KeptProbe:
        """A test begins."""
        self.newest = KeptProbe(at, unsaved)
        return self.newest

"""One connection test as it goes on: pure values that the test pane renders."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from screens.desk.draft import Fingerprint
    from tm_tui.api.agent import ProbeReport, StepEvent

__all__ = ["Probing"]


@dataclass(frozen=True, slots=True)
class Probing:
    """A test of the values in `of`. `started` and `ended` are monotonic seconds."""

    of: "Fingerprint"
    started: float
    steps: tuple["StepEvent", ...] = ()
    report: "ProbeReport | None" = None
    ended: float | None = None
    broken: tuple[str, str] | None = None
    """Cause and remedy when the test itself could not go on: no agent, a refusal, cancelled."""
    closed: bool = False
    """Whether the admin has put it away."""

    def with_step(self, event: "StepEvent") -> "Probing":
        """Put a step in: it replaces its own earlier state, else comes last."""
        names = [step.step for step in self.steps]
        if event.step in names:
            at = names.index(event.step)
            return replace(self, steps=(*self.steps[:at], event, *self.steps[at + 1 :]))
        return replace(self, steps=(*self.steps, event))

    def with_report(self, report: "ProbeReport", at: float) -> "Probing":
        """End it with its report."""
        return replace(self, report=report, ended=at)

    def broken_off(self, cause: str, remedy: str, at: float) -> "Probing":
        """End it without a report."""
        return replace(self, broken=(cause, remedy), ended=at)

    def cancelled(self, at: float) -> "Probing":
        """End it because the admin broke it off."""
        return self.broken_off("You cancelled the test.", "Press F3 to start it again.", at)

    @property
    def running(self) -> bool:
        """Whether steps may still come."""
        return self.ended is None

    @property
    def passed(self) -> bool:
        """Whether every step held."""
        return self.report is not None and self.report.passed

    @property
    def done(self) -> int:
        """How many steps are over."""
        return sum(step.outcome != "started" for step in self.steps)

    @property
    def failed(self) -> tuple["StepEvent", ...]:
        """The steps that failed."""
        return tuple(step for step in self.steps if step.outcome == "failed")

    def seconds(self, now: float) -> float:
        """How long it took, or takes."""
        return (self.ended if self.ended is not None else now) - self.started

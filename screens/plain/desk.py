"""The desk of the flows in plain lines: the same questions, tests and saves as on the screen."""

from typing import TYPE_CHECKING

from screens.saving import field_name
from screens.trial import Trial
from tm_tui.cli.probe import step_lines
from tm_tui.control.failures import AgentAbsent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from screens.agent import Agent
    from screens.draft import Draft
    from screens.plain.lines import Lines
    from screens.question import Question
    from tm_tui.clock import Clock
    from tm_tui.errors import Problem

__all__ = ["PlainDesk"]


class PlainDesk:
    """What `screens.desk.Desk` asks for, on lines."""

    def __init__(self, lines: "Lines", clock: "Clock") -> None:
        self.lines = lines
        self.clock = clock
        self.draft: Draft | None = None
        self.read_only = True
        self.alerts: tuple[str, ...] = ()
        """Those that were printed last: they are not said again until they change."""
        self._agent: Agent | None = None
        self._trial: Trial | None = None

    @property
    def agent(self) -> "Agent":
        """The agent, or AgentAbsent."""
        if self._agent is None:
            raise AgentAbsent("No agent answers.")
        return self._agent

    @agent.setter
    def agent(self, agent: "Agent") -> None:
        self._agent = agent

    @property
    def trial(self) -> Trial | None:
        """The test that runs or ran last; each step is printed once, when it is over."""
        return self._trial

    @trial.setter
    def trial(self, trial: Trial | None) -> None:
        told = (
            {step.step for step in self._trial.steps if step.outcome != "started"} if self._trial else set()
        )
        self._trial = trial
        if trial is None:
            return
        if not trial.steps and trial.ended is None:
            self.lines.say("Testing these values; nothing is saved.")
            return
        for step in trial.steps:
            if step.step not in told:
                self.lines.say_all(step_lines(step))
        if trial.ended is not None:
            self.lines.say(_verdict(trial))

    async def ask(self, question: "Question") -> str:
        """Print a question and its numbered answers; only Enter takes the first, the safe one."""
        self.lines.say("", question.title, *(f"  {line}" if line else "" for line in question.lines))
        labels = [label for _, label in question.answers]
        chosen = await self.lines.choose("Your answer", labels, kept=labels[0])
        return question.answers[chosen or 0][0]

    async def ask_noted(self, question: "Question") -> tuple[str, str]:
        """Ask, then for a note unless the answer is the safe one."""
        answer = await self.ask(question)
        if answer == question.answers[0][0]:
            return answer, ""
        return answer, (await self.lines.ask("Why? A note for the history (Enter: none)")).strip()

    def tell(self, words: str, *, wrong: bool = False) -> None:
        """Print a notice."""
        self.lines.say(f"! {words}" if wrong else words)

    def go_to_problems(self, problems: "Mapping[str, Problem]") -> None:
        """Name every wrong field, its cause and its remedy."""
        for key, problem in problems.items():
            self.lines.say(f"! {field_name(key)}: {problem.cause} {problem.remedy}")


def _verdict(trial: Trial) -> str:
    if trial.broken is not None:
        return f"! Test broken off. {' '.join(trial.broken)}"
    seconds = trial.report.seconds if trial.report else 0.0
    return f"Test passed in {seconds:.1f} s." if trial.passed else f"! Test FAILED in {seconds:.1f} s."

"""The desk of the flows in plain lines: the same questions, tests and saves as on the screen."""

from typing import TYPE_CHECKING

from screens.desk.field_words import field_name
from screens.desk.probe_rows import STEPS, server_words
from screens.desk.probing import Probing
from tm_tui.api.failures import AgentAbsent
from tm_tui.cli.probe import step_lines
from tm_tui.spoken import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from screens.desk.agent import Agent
    from screens.desk.desk import Question
    from screens.desk.draft import Draft
    from screens.desk.notices import Follow
    from screens.plain.lines import Lines
    from tm_tui.clock import Clock
    from tm_tui.errors import Problem

__all__ = ["PlainDesk"]


class PlainDesk:
    """What `screens.desk.desk.Desk` asks for, on lines."""

    def __init__(self, lines: "Lines", clock: "Clock") -> None:
        self.lines = lines
        self.clock = clock
        self.draft: Draft | None = None
        self.read_only = True
        self.comes_back = False
        self.alerts: tuple[str, ...] = ()
        """Those that were printed last: they are not said again until they change."""
        self.trial: int | None = None
        """The revision that was on trial when it was last looked."""
        self._agent: Agent | None = None
        self._probing: Probing | None = None

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
    def probing(self) -> Probing | None:
        """The test that runs or ran last; each step is printed once, when it is over."""
        return self._probing

    @probing.setter
    def probing(self, probing: Probing | None) -> None:
        before, self._probing = self._probing, probing
        if probing is None:
            return
        if not probing.steps and probing.ended is None:
            self.lines.say("Testing these values with both servers; nothing is saved yet.")
        elif probing.ended is not None and (before is None or before.ended is None):
            self.lines.say_all(_told(probing))
            self.lines.say(_verdict(probing))

    @property
    def sends(self) -> bool:
        """Whether the settings in force send to TMSP."""
        return self.draft is not None and self.draft.saved_value("tmsp.enabled") is True

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

    def goes_on(self) -> None:
        """Lines wait for the flow's end."""

    def tell(
        self,
        words: str,
        *,
        wrong: bool = False,
        shorter: "Sequence[str]" = (),  # noqa: ARG002  as Desk has it: lines have room, and stay where they are printed
        everywhere: bool = False,  # noqa: ARG002
        follow: "Follow | None" = None,  # noqa: ARG002
    ) -> None:
        """Print a notice."""
        self.lines.say(f"! {words}" if wrong else words)

    def go_to_problems(self, problems: "Mapping[str, Problem]") -> None:
        """Name every wrong field, its cause and its remedy."""
        for key, problem in problems.items():
            self.lines.say(f"! {field_name(key)}: {problem.cause} {problem.remedy}")


def _told(probing: Probing) -> "Iterator[str]":
    """Failures with what to do about them, then what the other servers showed."""
    for step in probing.failed:
        yield from step_lines(step)
    failed = {step.step.partition(".")[0] for step in probing.failed}
    for server in dict.fromkeys(step.step.partition(".")[0] for step in probing.steps):
        steps = [step for step in probing.steps if step.step.startswith(f"{server}.")]
        if server not in failed and len(steps) == STEPS:
            yield f"ok    {server.replace('_', ' ')}: {server_words(steps)}"


def _verdict(probing: Probing) -> str:
    if probing.broken is not None:
        return f"! Test broken off. {' '.join(probing.broken)}"
    seconds = probing.report.seconds if probing.report else 0.0
    failed = count(len(probing.failed), "step")
    if probing.passed:
        return f"Test passed in {seconds:.1f} s."
    return f"! Test FAILED at {failed} in {seconds:.1f} s."

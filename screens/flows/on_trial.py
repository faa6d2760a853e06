"""Settings on trial, from the console: what is asked while they are, and after they were taken back."""

from typing import TYPE_CHECKING

from screens.desk.ages import clock_time, span
from screens.desk.question import Question

if TYPE_CHECKING:
    from screens.desk.desk import Desk
    from tm_tui.api.agent import RollbackInfo, TrialInfo

__all__ = ["decide_trial", "tell_rollback", "time_left"]


def time_left(trial: "TrialInfo", left: float | None) -> str:
    """The countdown in a few words, for a place that is always in sight."""
    if trial.problem:
        return f"TRIAL of revision {trial.revision} is over"
    return f"TRIAL of revision {trial.revision}" + (f", {span(left)} left" if left is not None else "")


async def decide_trial(desk: "Desk", trial: "TrialInfo", left: float) -> None:
    """Ask whether the settings that are on trial stay, and see to it. Raises TmError."""
    lines = [
        f"Revision {trial.revision} is in force on trial, saved by {trial.started_by}.",
        f"In {span(left)} the settings of revision {trial.previous} come back by themselves.",
        "An accepted beat, or you, can confirm it before. Until then nothing else can be saved.",
    ]
    answers = [("wait", "Let it run"), ("back", "Take it back"), ("confirm", "Confirm")]
    answer = await desk.ask(Question(f"Keep revision {trial.revision}?", lines, answers))
    if answer == "confirm":
        await desk.agent.confirm_trial(trial.revision)
        desk.tell(f"Revision {trial.revision} is confirmed: it stays.")
    elif answer == "back":
        document = await desk.agent.end_trial(trial.revision)
        words = f"revision {document.revision} has the settings of revision {trial.previous}."
        desk.tell(f"Taken back: {words}")


async def tell_rollback(desk: "Desk", rollback: "RollbackInfo") -> None:
    """Tell that a trial was taken back by itself, until somebody says that this was seen. Raises TmError."""
    lines = [
        f"{rollback.why}.",
        "",
        f"{rollback.started_by} began it.",
        f"At {clock_time(rollback.at)} revision {rollback.revision} brought {rollback.previous} back.",
        "System > Change History shows what had been tried.",
    ]
    answers = [("later", "Tell it again"), ("seen", "I have seen it")]
    if await desk.ask(Question("A trial was taken back", lines, answers)) == "seen":
        await desk.agent.acknowledge_rollback()

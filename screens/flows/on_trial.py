"""Settings on trial, from the console: what is asked while they are, and after they were taken back."""

from typing import TYPE_CHECKING

from screens.desk.ages import clock_time, elapsed, span
from screens.desk.desk import Question

if TYPE_CHECKING:
    from screens.desk.desk import Desk
    from tm_tui.api.agent import RollbackInfo, TrialEnd, TrialInfo

__all__ = ["decide_trial", "how_it_ended", "tell_rollback", "time_left"]


def time_left(trial: "TrialInfo", left: float | None, room: int) -> str:
    """The countdown, for a place that is always in sight: `TRIAL 9:41  log server waiting  F6 keeps`.

    In `room` cells it says of each server how it stands, else who has not answered, else the time alone.
    """
    if trial.problem:
        return f"TRIAL of revision {trial.revision} is over"
    waiting = [f"{name} waiting" for name in trial.waiting]
    each = ", ".join([*(f"{name} ok" for name in trial.answered), *waiting])
    missing = "both waiting" if len(waiting) > 1 else "".join(waiting)
    told = [_counted(left, words) for words in (each, missing) if words]
    return next((words for words in told if len(words) <= room), _counted(left))


def _counted(left: float | None, *servers: str) -> str:
    return "  ".join([f"TRIAL {elapsed(left) if left is not None else ''}", *servers, "F6 keeps"])


def how_it_ended(ended: "TrialEnd") -> str:
    """For those who saw the countdown and wonder where it went."""
    return f"Trial of revision {ended.revision}: {ended.how}."


async def decide_trial(desk: "Desk", trial: "TrialInfo", left: float) -> None:
    """Ask whether the settings that are on trial stay, and see to it. Raises TmError.

    How it ended is told by `how_it_ended`, to this console as to all others.
    """
    lines = [
        f"Revision {trial.revision} is in force on trial, saved by {trial.started_by}.",
        f"In {span(left)} the settings of revision {trial.previous} come back by themselves.",
        f"It stays once the {' and the '.join(trial.waiting)} answered, or when you confirm it.",
        "Until then nothing else can be saved.",
    ]
    answers = [("wait", "Let it run"), ("back", "Take it back"), ("confirm", "Confirm")]
    answer = await desk.ask(Question(f"Keep revision {trial.revision}?", lines, answers))
    if answer == "confirm":
        await desk.agent.confirm_trial(trial.revision)
    elif answer == "back":
        await desk.agent.end_trial(trial.revision)


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

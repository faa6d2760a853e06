"""Trials and their ends as the snapshot shows them, and in the words of its alerts."""

from collections.abc import Iterator

from tm_tui.api.agent import RollbackInfo, TrialInfo
from tm_tui.settings.trial import RollbackRecord, TrialRecord

__all__ = ["alerts_of", "rollback_info", "trial_info"]


def trial_info(record: TrialRecord, left: float, problem: str) -> TrialInfo:
    """Show a trial that has `left` seconds."""
    return TrialInfo(
        revision=record.new,
        previous=record.old,
        minutes=record.minutes,
        started_by=record.started_by,
        started_at=record.started_at,
        left_seconds=round(max(0.0, left), 3),
        problem=problem,
    )


def rollback_info(record: RollbackRecord) -> RollbackInfo:
    """Show what was taken back."""
    return RollbackInfo(
        trial=record.trial,
        previous=record.old,
        revision=record.revision,
        at=record.at,
        started_by=record.started_by,
        why=record.why,
    )


def alerts_of(trial: TrialInfo | None, rollback: RollbackInfo | None) -> Iterator[str]:
    """Say what an admin must know of them."""
    if trial is not None and trial.problem:
        yield (
            f"The trial of revision {trial.revision} is over, and its end cannot be written: {trial.problem}"
            f" The settings of revision {trial.previous} are in force meanwhile."
        )
    elif trial is not None:
        yield (
            f"Revision {trial.revision} is on trial by {trial.started_by}: without an accepted beat or a"
            f" confirmation the settings of revision {trial.previous} come back."
        )
    if rollback is not None:
        yield (
            f"{rollback.why}; {rollback.started_by} began it. Revision {rollback.revision} is in force."
            " `tm-tui config acknowledge` says that you have seen it."
        )

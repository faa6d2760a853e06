"""Trials and their ends as the snapshot shows them, and in the words of its alerts."""

from collections.abc import Iterator

from tm_tui.agent.trial_answers import LOG_SERVER, STATUS_SERVER
from tm_tui.api.agent import RollbackInfo, TrialInfo
from tm_tui.settings.trial import RollbackRecord, TrialRecord

__all__ = ["alerts_of", "by_servers", "rollback_info", "trial_info", "unconfirmed"]


def unconfirmed(record: TrialRecord) -> str:
    """Why the settings before came back."""
    return f"Trial of revision {record.new} not confirmed within {record.minutes} min"


def by_servers(servers: tuple[str, ...]) -> str:
    """Who confirmed a trial, when the servers did."""
    words = {STATUS_SERVER: "an accepted beat", LOG_SERVER: "the log server"}
    return " and ".join(words[server] for server in servers)


def trial_info(
    record: TrialRecord, left: float, problem: str, servers: tuple[str, ...], missing: tuple[str, ...]
) -> TrialInfo:
    """Show a trial that has `left` seconds, and waits for `missing` of its `servers`."""
    return TrialInfo(
        revision=record.new,
        previous=record.old,
        minutes=record.minutes,
        started_by=record.started_by,
        started_at=record.started_at,
        left_seconds=round(max(0.0, left), 3),
        problem=problem,
        answered=tuple(server for server in servers if server not in missing),
        waiting=missing,
    )


def _waited(trial: TrialInfo) -> str:
    """Who must answer, in a clause."""
    names = " and ".join(trial.waiting)
    return f"{names} {'answer' if len(trial.waiting) > 1 else 'answers'}"


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
            f"Revision {trial.revision} is on trial by {trial.started_by}: unless {_waited(trial)} or"
            f" somebody confirms, the settings of revision {trial.previous} come back."
        )
    if rollback is not None:
        yield (
            f"{rollback.why}; {rollback.started_by} began it. Revision {rollback.revision} is in force."
            " `tm-tui config acknowledge` says that you have seen it."
        )

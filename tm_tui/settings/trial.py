"""Settings on trial, as files beside the revisions: written before the switch, removed when confirmed.

`trial.json` names the revision before and the one on trial. While it is there and the one on trial is in
force, whoever starts goes on with the countdown or goes back: a crash ends in the old or in the confirmed
settings. `rollback.json` tells of a trial that nobody confirmed, until somebody has seen it.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tm_tui.atomic import Folder, StorageAbsent
from tm_tui.clock import Clock, boot_id
from tm_tui.errors import StorageFailed, TmError
from tm_tui.settings.revisions import in_force
from tm_tui.text import SafeText, safe_text
from tm_tui.values import Count, Moment, Number

__all__ = [
    "ROLLBACK_FILE",
    "TRIAL_FILE",
    "Armed",
    "RollbackRecord",
    "TrialRecord",
    "TrialRuns",
    "drop",
    "put",
    "read",
    "running",
]

TRIAL_FILE, ROLLBACK_FILE = "trial.json", "rollback.json"

_MOST_BYTES = 1 << 16


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    schema_: Literal[1] = Field(1, alias="schema")


class TrialRecord(_Record):
    """Revision `new` is on trial; `old` comes back unless somebody confirms in time."""

    old: Count
    new: Count
    minutes: Count
    started_at: Moment
    started_by: SafeText
    deadline: Moment
    """By the wall clock: only another boot of the machine goes by it."""
    boot: str
    """The boot of the machine in which `boot_deadline` counts."""
    boot_deadline: Number
    """Seconds since that boot, suspend included: no step of the wall clock moves it."""

    @classmethod
    def begun(cls, old: int, new: int, minutes: int, *, by: str, clock: Clock, boot: str) -> Self:
        """A whole trial from now on."""
        now, seconds = clock.now(), minutes * 60.0
        return cls(
            old=old,
            new=new,
            minutes=minutes,
            started_at=now,
            started_by=by,
            deadline=now + timedelta(seconds=seconds),
            boot=boot,
            boot_deadline=clock.monotonic() + seconds,
        )

    def counted_by(self, clock: Clock, boot: str, left: float) -> "TrialRecord":
        """The same trial with so many seconds left, on the clock of another boot."""
        return TrialRecord(
            old=self.old,
            new=self.new,
            minutes=self.minutes,
            started_at=self.started_at,
            started_by=self.started_by,
            deadline=clock.now() + timedelta(seconds=left),
            boot=boot,
            boot_deadline=clock.monotonic() + left,
        )

    def left(self, boot: str, seconds: float, now: datetime) -> float:
        """Seconds until the end, as of this moment; never more than the whole trial."""
        same = self.boot == boot
        left = self.boot_deadline - seconds if same else (self.deadline - now).total_seconds()
        return min(left, self.minutes * 60.0)


class Armed:
    """Writes the way back of one save, once the numbers are known; `record` is what it wrote."""

    def __init__(self, by: str, minutes: int, clock: Clock) -> None:
        self._by, self._minutes, self._clock = by, minutes, clock
        self.record: TrialRecord | None = None

    def __call__(self, old: int, new: int) -> TrialRecord:
        """The trial of revision `new`, from now on."""
        self.record = TrialRecord.begun(
            old, new, self._minutes, by=self._by, clock=self._clock, boot=boot_id()
        )
        return self.record


class RollbackRecord(_Record):
    """The trial of `trial` was taken back: `revision` has the settings of `old` again."""

    trial: Count
    old: Count
    revision: Count
    at: Moment
    started_by: SafeText
    why: SafeText

    @classmethod
    def of(cls, trial: TrialRecord, revision: int, at: datetime, why: str) -> Self:
        """Tell of the end of a trial."""
        return cls(
            trial=trial.new, old=trial.old, revision=revision, at=at, started_by=trial.started_by, why=why
        )


class TrialRuns(TmError):
    """Nothing else is saved while settings are on trial."""

    def __init__(self, trial: TrialRecord) -> None:
        cause = f"{trial.started_by or 'Somebody'} is trying revision {trial.new}."
        remedy = "Confirm it or take it back first: `tm-tui config confirm`, `tm-tui config rollback`."
        super().__init__(cause, remedy)
        self.trial = trial


R = TypeVar("R", TrialRecord, RollbackRecord)


def put(config: Folder, name: str, record: TrialRecord | RollbackRecord) -> None:
    """Write a record, at once and on the disk. Raises StorageFailed."""
    text = json.dumps(record.model_dump(mode="json", by_alias=True), indent=1)
    config.replace(name, (text + "\n").encode())


def read(config: Folder, name: str, shape: type[R]) -> R | None:
    """Read a record; None if there is none. Raises StorageFailed when it is damaged."""
    try:
        data = config.read(name, _MOST_BYTES)
    except StorageAbsent:
        return None
    try:
        return shape.model_validate_json(data)
    except ValidationError:
        shown = safe_text(str(config.path / name))
        raise StorageFailed(f"{shown} is damaged.", "Look at the settings, and save them again.") from None


def drop(config: Folder, name: str) -> None:
    """Remove a record, so that it stays removed. Raises StorageFailed when it cannot be."""
    config.remove(name)
    config.sync()
    if name in config.names():
        shown = safe_text(str(config.path / name))
        raise StorageFailed(f"{shown} cannot be removed.", "Look whether the disk can be written to.")


def running(config: Folder) -> TrialRecord | None:
    """The trial whose revision is in force; what a kill left of others is brought to its end. Under the lock.

    Raises StorageFailed, for a damaged record once: it is removed then, and what is in force stays.
    """
    try:
        trial = read(config, TRIAL_FILE, TrialRecord)
    except StorageFailed:
        drop(config, TRIAL_FILE)
        raise
    if trial is None:
        return None
    current = in_force(config).revision
    if current.number == trial.new:
        return trial
    if current.number > trial.new and current.kind == "rollback" and current.of == trial.old:
        at = current.saved_at or datetime.now(UTC)
        put(config, ROLLBACK_FILE, RollbackRecord.of(trial, current.number, at, current.note))
    drop(config, TRIAL_FILE)
    return None

"""The revisions on disk. Settings and passwords change together or not at all, whatever happens in between.

A revision is assembled under a temporary name, synced, renamed to its number, and counts once `current` leads
to it. Without `current` the newest whole revision counts. Nothing that was saved is ever deleted.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import SecretStr

from tm_tui.atomic import Folder, StorageAbsent
from tm_tui.clock import Clock, SystemClock
from tm_tui.errors import StorageFailed, TmError
from tm_tui.settings.candidate import checked
from tm_tui.settings.model import Settings
from tm_tui.settings.revision import (
    NO_CLAIMS,
    NO_REVISION,
    Claims,
    DamagedRevision,
    Kind,
    Revision,
    write_confirmation,
)
from tm_tui.settings.revisions import (
    Loaded,
    commit,
    in_force,
    numbers,
    read_number,
    sweep,
)
from tm_tui.settings.trial import (
    ROLLBACK_FILE,
    TRIAL_FILE,
    RollbackRecord,
    TrialRecord,
    TrialRuns,
    drop,
    put,
    read,
    running,
)
from tm_tui.text import safe_text

__all__ = ["Arm", "Loaded", "Revision", "RevisionConflict", "SettingsStore"]

Arm = Callable[[int, int], TrialRecord]
"""Makes the record of a trial from the numbers before and after."""


@dataclass(frozen=True, slots=True)
class _Why:
    """What a new revision tells of itself."""

    saved_by: str
    note: str
    claims: Claims
    kind: Kind = "save"
    of: int | None = None


class RevisionConflict(TmError):
    """Somebody else saved since. `current` is what is in force now."""

    def __init__(self, current: Revision) -> None:
        who = safe_text(current.saved_by) or "Somebody"
        super().__init__(
            f"{who} saved revision {current.number} in the meantime.",
            "Look at what changed, then save your own changes on top of it.",
        )
        self.current = current


class SettingsStore:
    """The revisions below a `config` folder, made at the first save. Its methods block on the disk."""

    def __init__(self, config: Path, clock: Clock | None = None) -> None:
        self._path = config
        self._clock = clock or SystemClock()

    def load(self) -> Loaded:
        """Return the revision in force and sweep what killed saves left.

        A damaged or loosely permitted one is passed over for the last good one, with the reason as `problem`.
        Raises StorageFailed when `config` or `revisions` itself cannot be trusted.
        """
        try:
            with Folder.open(self._path) as config:
                with suppress(StorageFailed), config.locked(0.0) as held:
                    if held:  # on a read-only disk there is no lock, and no need to tidy up
                        sweep(config)
                return in_force(config)
        except StorageAbsent:
            return Loaded(NO_REVISION)

    def save(
        self,
        settings: Settings,
        secrets: Mapping[str, SecretStr | None],
        *,
        expected: int,
        saved_by: str,
        note: str = "",
        claims: Claims = NO_CLAIMS,
        arm: Arm | None = None,
    ) -> Revision:
        """Make a new revision on top of revision `expected` and put it in force.

        `secrets` maps tmsp and proxy to a new password; None keeps one, an empty one removes it. With `arm`
        it is on trial: the way back is on the disk before the switch. Raises RevisionConflict,
        SettingsRefused (PasswordAgain where one that is kept was typed for somebody else), StorageFailed,
        TrialRuns; the old revision then stays in force.
        """
        why = _Why(saved_by, note, claims, "trial" if arm else "save")
        return self._save(lambda current: checked(current, settings, secrets), expected, why, arm)

    def restore(
        self,
        number: int,
        *,
        expected: int,
        saved_by: str,
        note: str = "",
        claims: Claims = NO_CLAIMS,
        arm: Arm | None = None,
    ) -> Revision:
        """Make a new revision of an old one, passwords and copy of the CA file too. Raises like `save`."""
        old = self.get(number)
        why = _Why(
            saved_by, note or f"Back to revision {number}", claims, "trial" if arm else "restore", number
        )
        return self._save(lambda _: old, expected, why, arm)

    def candidate(self, settings: Settings, secrets: Mapping[str, SecretStr | None]) -> Revision:
        """Make the checks of `save`, write nothing. The number is that of the revision in force."""
        return checked(self.load().revision, settings, secrets)

    def get(self, number: int) -> Revision:
        """Return one revision, the defaults for 0. Raises StorageFailed if there is none or it is damaged."""
        if number == NO_REVISION.number:
            return NO_REVISION
        try:
            with Folder.open(self._path) as config:
                return read_number(config, number)
        except StorageAbsent:
            cause = f"There is no revision {number}."
            raise StorageAbsent(cause, "`tm-tui config history` shows the numbers.") from None

    def history(self, most: int = 200) -> tuple[Revision, ...]:
        """Return the newest whole revisions, newest first, without their passwords."""
        return tuple(one for one in self.looked_through(most) if isinstance(one, Revision))

    def looked_through(self, most: int = 200) -> tuple[Revision | DamagedRevision, ...]:
        """The same with those that cannot be read, each in its place."""
        try:
            with Folder.open(self._path) as config:
                return tuple(_each(config, most))
        except StorageAbsent:
            return ()

    def trial(self) -> TrialRecord | None:
        """What is on trial now, tidied up after a kill: a trial that never switched, one taken back.

        Raises StorageFailed, for a damaged record once: it is removed then, and what is in force stays.
        """
        try:
            with Folder.open(self._path) as config, ExitStack() as stack:
                with suppress(StorageFailed):  # on a read-only disk there is no lock
                    stack.enter_context(config.locked())
                return running(config)
        except StorageAbsent:
            return None

    def rearm(self, trial: TrialRecord) -> None:
        """Note another countdown of the same trial. Raises StorageFailed."""
        with self._writing() as config:
            put(config, TRIAL_FILE, trial)

    def confirm(self, trial: TrialRecord, by: str) -> None:
        """End a trial: what is in force stays. Raises StorageFailed, and the trial goes on then."""
        with self._writing() as config:
            found = running(config)
            if found is None or found.new != trial.new:
                raise StorageAbsent(f"No trial of revision {trial.new} is filed.", "Look at the history.")
            with config.folder("revisions") as revisions, revisions.folder(f"{trial.new:06}") as folder:
                write_confirmation(folder, safe_text(by), self._clock.now())
            drop(config, TRIAL_FILE)

    def take_back(
        self,
        trial: TrialRecord,
        why: str,
        *,
        saved_by: str,
        claims: Claims = NO_CLAIMS,
        announce: bool = True,
    ) -> Revision:
        """End a trial with the settings before it, as a new revision.

        `announce` tells of it until `acknowledge`. Raises StorageFailed; the trial's record stays then.
        """
        old = self.get(trial.old)
        with self._writing() as config:
            found = in_force(config)
            revision = found.revision
            done = (revision.kind, revision.of) == ("rollback", trial.old) and revision.number > trial.new
            if not done:  # by a try of which only the last steps failed
                about = _Why(saved_by, why, claims, "rollback", trial.old)
                revision = self._commit(config, old, about, found.next_number)
            if announce:
                put(config, ROLLBACK_FILE, RollbackRecord.of(trial, revision.number, self._clock.now(), why))
            drop(config, TRIAL_FILE)
        return revision

    def rolled_back(self) -> RollbackRecord | None:
        """What was taken back and nobody has seen yet. Raises StorageFailed."""
        try:
            with Folder.open(self._path) as config:
                return read(config, ROLLBACK_FILE, RollbackRecord)
        except StorageAbsent:
            return None

    def acknowledge(self) -> None:
        """Somebody has seen it. Raises StorageFailed."""
        with self._writing() as config:
            drop(config, ROLLBACK_FILE)

    def _save(
        self, make: Callable[[Revision], Revision], expected: int, why: _Why, arm: Arm | None
    ) -> Revision:
        with self._writing() as config:
            if (trial := running(config)) is not None:
                raise TrialRuns(trial)
            found = in_force(config)
            current, number = found.revision, found.next_number
            if current.number != expected:
                raise RevisionConflict(current)
            made = make(current)
            if arm is None:
                return self._commit(config, made, why, number)
            put(config, TRIAL_FILE, arm(current.number, number))
            try:
                return self._commit(config, made, why, number)
            except StorageFailed:
                if in_force(config).revision.number != number:
                    config.remove(TRIAL_FILE)  # it never switched: the next start would find that out too
                raise

    def _commit(self, config: Folder, made: Revision, why: _Why, number: int) -> Revision:
        revision = replace(
            made,
            number=number,
            saved_at=self._clock.now(),
            saved_by=safe_text(why.saved_by),
            note=safe_text(why.note),
            claims=why.claims,
            kind=why.kind,
            of=why.of,
        )
        commit(config, revision)
        return revision

    @contextmanager
    def _writing(self) -> Iterator[Folder]:
        with Folder.writing(self._path) as config:
            sweep(config)
            yield config


def _each(config: Folder, most: int) -> Iterator[Revision | DamagedRevision]:
    for number in reversed(numbers(config)[-most:]):
        try:
            yield read_number(config, number, with_secrets=False)
        except StorageFailed as problem:
            yield DamagedRevision(number, problem.cause)

"""`tm-tui config history`, `diff` and `rollback`: who changed what, and the way back."""

from datetime import UTC, datetime

import click

from tm_tui.api.agent import Difference, RevisionInfo, SettingsDocument
from tm_tui.api.client import ControlClient
from tm_tui.api.requests import RestoreRequest
from tm_tui.cli.asking import ask
from tm_tui.cli.config_save import tell_saved
from tm_tui.cli.config_trial import on_trial, trial_of, trial_options
from tm_tui.cli.output import ago, emit, json_option, note_option, show, table
from tm_tui.errors import TmError
from tm_tui.settings.fields import label_of
from tm_tui.spoken import person

__all__ = ["diff", "history", "rollback"]

_NUMBER = click.IntRange(1)


@click.command()
@json_option
def history(*, as_json: bool) -> None:
    """List the saved revisions, newest first: number, age, who saved it, why.

    Terminal and address, in brackets, are what the client said of itself.
    """
    entries = ask(lambda client: client.history())
    if as_json:
        emit({"revisions": [entry.plain() for entry in entries]})
        return
    now = datetime.now(UTC)
    rows = [
        (
            str(entry.revision),
            ago((now - entry.saved_at).total_seconds()) if entry.saved_at else "?",
            person(entry.saved_by, entry.tty, entry.ssh_from),
            _why(entry),
        )
        for entry in entries
    ]
    show(table([("REVISION", "SAVED", "BY", "NOTE"), *rows]) if rows else ["Nothing was saved yet."])


def _why(entry: RevisionInfo) -> str:
    """The note, and how a trial ended; of one that is damaged, why it cannot be shown."""
    if entry.problem:
        return f"cannot be shown: {entry.problem}"
    by = f" by {entry.confirmed_by}" if entry.outcome == "confirmed" else ""
    outcome = f"on trial: {entry.outcome}{by}" if entry.outcome else ""
    return "; ".join(part for part in (outcome, entry.note) if part)


@click.command()
@click.argument("old", type=_NUMBER, required=False)
@click.argument("new", type=_NUMBER, required=False)
@json_option
def diff(*, old: int | None, new: int | None, as_json: bool) -> None:
    """Show what leads from revision OLD to NEW (the newest); without both, the newest change."""

    async def compare(client: ControlClient) -> tuple[int, int, tuple[Difference, ...]]:
        numbers = [entry.revision for entry in await client.history() if not entry.problem]
        if len(numbers) < 2 and (old is None or new is None):
            raise TmError("There are no two revisions yet.", "Save a change first.")
        last = numbers[0] if new is None else new
        first = numbers[1] if old is None else old
        return first, last, await client.differences(first, last)

    first, last, changes = ask(compare)
    if as_json:
        found = [change.plain() for change in changes]
        emit({"old": first, "new": last, "changes": found})
        return
    show([f"Revision {first} -> {last}" + ("" if changes else ": no difference")])
    show(f"  {label_of(change.field)}: {change.old or '-'} -> {change.new or '-'}" for change in changes)


@click.command()
@click.argument("revision", type=_NUMBER, required=False)
@trial_options
@note_option
@json_option
def rollback(*, revision: int | None, note: str, trial: bool, minutes: int | None, as_json: bool) -> None:
    """Save the settings and passwords of REVISION again, as a new revision.

    Without REVISION the settings that are on trial are taken back.
    """
    request = RestoreRequest(note=note, trial=trial_of(trial=trial, minutes=minutes))
    if revision is None and request != RestoreRequest():
        raise click.UsageError("A trial is taken back as it is: --note and --trial go with a REVISION.")

    async def restore(client: ControlClient) -> tuple[SettingsDocument, SettingsDocument]:
        before = await client.settings()
        if revision is None:
            return before, await client.end_trial(await on_trial(client))
        return before, await client.restore(revision, before.revision, request)

    tell_saved(*ask(restore), as_json=as_json, trial=trial)

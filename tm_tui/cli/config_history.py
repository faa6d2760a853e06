"""`tm-tui config history`, `diff` and `rollback`: who changed what, and the way back."""

from datetime import UTC, datetime

import click

from tm_tui.cli.asking import ask
from tm_tui.cli.config_save import tell_saved
from tm_tui.cli.output import ago, emit, json_option, show, table
from tm_tui.control.api import Difference, SettingsDocument
from tm_tui.control.client import ControlClient
from tm_tui.errors import TmError

__all__ = ["diff", "history", "rollback"]

_NUMBER = click.IntRange(1)


@click.command()
@json_option
def history(*, as_json: bool) -> None:
    """List the saved revisions, newest first: number, age, who saved it, why."""
    entries = ask(lambda client: client.history())
    if as_json:
        emit({"revisions": [entry.model_dump(mode="json") for entry in entries]})
        return
    now = datetime.now(UTC)
    rows = [
        (str(entry.revision), ago((now - entry.saved_at).total_seconds()), entry.saved_by, entry.note)
        for entry in entries
    ]
    show(table([("REVISION", "SAVED", "BY", "NOTE"), *rows]) if rows else ["Nothing was saved yet."])


@click.command()
@click.argument("old", type=_NUMBER, required=False)
@click.argument("new", type=_NUMBER, required=False)
@json_option
def diff(*, old: int | None, new: int | None, as_json: bool) -> None:
    """Show what leads from revision OLD to NEW (the newest); without both, the newest change."""

    async def compare(client: ControlClient) -> tuple[int, int, tuple[Difference, ...]]:
        numbers = [entry.revision for entry in await client.history()]
        if len(numbers) < 2 and (old is None or new is None):
            raise TmError("There are no two revisions yet.", "Save a change first.")
        last = numbers[0] if new is None else new
        first = numbers[1] if old is None else old
        return first, last, await client.differences(first, last)

    first, last, changes = ask(compare)
    if as_json:
        found = [change.model_dump(mode="json") for change in changes]
        emit({"old": first, "new": last, "changes": found})
        return
    show([f"Revision {first} -> {last}" + ("" if changes else ": no difference")])
    show(f"  {change.field}: {change.old or '-'} -> {change.new or '-'}" for change in changes)


@click.command()
@click.argument("revision", type=_NUMBER)
@json_option
def rollback(*, revision: int, as_json: bool) -> None:
    """Save the settings and passwords of REVISION again, as a new revision."""

    async def restore(client: ControlClient) -> tuple[SettingsDocument, SettingsDocument]:
        before = await client.settings()
        return before, await client.restore(revision, before.revision)

    tell_saved(*ask(restore), as_json=as_json)

"""The index of batches: what the files say, in a form that can be asked. The files are the truth."""

import sqlite3
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from tm_tui.moments import moment_of
from tm_tui.portal.batch_file import BatchName, Contents, checked_contents
from tm_tui.portal.log import PortalLog
from tm_tui.portal.refusals import Refused
from tm_tui.text import SafeText
from tm_tui.values import Moment

__all__ = ["IndexedBatch", "add", "catch_up", "listed"]


class IndexedBatch(BaseModel):
    """One batch. `number` grows in the order of arrival: readers keep the last one as their mark."""

    model_config = ConfigDict(frozen=True)

    number: int
    name: SafeText
    appliance: SafeText
    kind: SafeText
    events: int
    bytes: int
    received_at: Moment
    first_seq: int | None
    last_seq: int | None


def add(connection: sqlite3.Connection, name: BatchName, contents: Contents, received_at: datetime) -> None:
    """Enter a batch; one that is there already stays as it is."""
    connection.execute(
        "INSERT INTO batches (name, appliance, kind, events, bytes, received_at, first_seq, last_seq)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING",
        (
            *(name.text, name.appliance, contents.kind, contents.events, contents.bytes),
            *(received_at.timestamp(), contents.first_seq, contents.last_seq),
        ),
    )


def listed(
    connection: sqlite3.Connection, *, appliance: str | None = None, after: int = 0, most: int = 1000
) -> tuple[IndexedBatch, ...]:
    """Batches with a number above `after`, in the order of their numbers."""
    rows = connection.execute(
        "SELECT * FROM batches WHERE number > ? AND (?2 IS NULL OR appliance = ?2) ORDER BY number LIMIT ?3",
        (after, appliance, most),
    )
    return tuple(
        IndexedBatch.model_validate({**row, "received_at": moment_of(row["received_at"])}) for row in rows
    )


def catch_up(connection: sqlite3.Connection, logs: Path, log: PortalLog) -> int:
    """Enter the files that a crash, or a lost database, left out, and drop entries without a file.

    Returns how many entries changed. A file that is no whole batch stays where it is, and the log names it.
    """
    known = {row["name"] for row in connection.execute("SELECT name FROM batches")}
    found = {path.name: path for path in sorted(logs.glob("*/*.ndjson.zst"), key=lambda path: path.name)}
    gone = known - found.keys()
    connection.executemany("DELETE FROM batches WHERE name = ?", [(name,) for name in gone])
    entered = [name for name in found if name not in known and _enter(connection, found[name], log)]
    return len(gone) + len(entered)


def _enter(connection: sqlite3.Connection, path: Path, log: PortalLog) -> bool:
    name = BatchName.parse(path.name)
    if name is None or name.appliance != path.parent.name or path.is_symlink():
        log.say("no-batch", path=str(path))
        return False
    try:
        with path.open("rb") as file:
            contents = checked_contents(file, name)
    except (Refused, OSError) as error:
        log.say("damaged-batch", path=str(path), cause=str(error))
        return False
    add(connection, name, contents, moment_of(path.stat().st_mtime))
    return True

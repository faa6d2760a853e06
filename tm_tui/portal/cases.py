"""Cases in the portal's database: how far each upload is, and what became of the whole ones."""

import re
import sqlite3
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from tm_tui.cases.protocol import CaseStatus
from tm_tui.errors import TmError
from tm_tui.moments import moment_of
from tm_tui.portal.refusals import Refused
from tm_tui.text import SafeText, safe_text
from tm_tui.values import Moment

__all__ = [
    "SCHEMA",
    "Case",
    "NewUpload",
    "Upload",
    "advance",
    "begin",
    "case_of",
    "complete",
    "listed",
    "remove",
    "seen",
    "set_status",
    "upload_of",
    "uploads",
]

SCHEMA = """
CREATE TABLE IF NOT EXISTS cases (
    upload TEXT PRIMARY KEY, key TEXT NOT NULL, appliance TEXT NOT NULL, account TEXT NOT NULL,
    form TEXT NOT NULL, bytes INTEGER NOT NULL, arrived INTEGER NOT NULL DEFAULT 0, sha256 TEXT NOT NULL,
    endpoint TEXT NOT NULL, threat TEXT NOT NULL, description TEXT NOT NULL, touched_at REAL NOT NULL,
    number INTEGER UNIQUE, status TEXT NOT NULL DEFAULT 'new-case-received', received_at REAL,
    updated_at REAL, pattern_id TEXT NOT NULL DEFAULT '') STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS cases_by_key ON cases (appliance, key);
"""
_CASE_ID = re.compile(r"C-([0-9]{6,12})")


@dataclass(frozen=True, slots=True)
class NewUpload:
    """An upload as its creation announces it. `key` is the client's own name for it."""

    upload: str
    key: str
    appliance: str
    account: str
    form: str
    bytes: int
    sha256: str
    endpoint: str
    threat: str
    description: str


@dataclass(frozen=True, slots=True)
class Upload:
    """How far an upload is: `arrived` bytes are checked and on the disk. `number` once it is whole."""

    upload: str
    appliance: str
    form: str
    bytes: int
    arrived: int
    sha256: str
    touched_at: float
    number: int | None


class Case(BaseModel):
    """A whole case, as JSON shows it."""

    model_config = ConfigDict(frozen=True)

    case_id: SafeText
    upload: SafeText
    appliance: SafeText
    account: SafeText
    status: CaseStatus
    received_at: Moment
    updated_at: Moment
    endpoint: SafeText
    threat: SafeText
    description: SafeText
    pattern_id: SafeText
    bytes: int
    sha256: SafeText
    file: SafeText
    """Its name in the portal's folder `cases`."""


def case_id(number: int) -> str:
    """`C-000042`."""
    return f"C-{number:06d}"


def begin(connection: sqlite3.Connection, new: NewUpload, now: datetime) -> Upload:
    """Make an upload, or find the one that has this key already. Raises Refused for a key used otherwise."""
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        row = connection.execute(
            "SELECT * FROM cases WHERE appliance = ? AND key = ?", (new.appliance, new.key)
        ).fetchone()
        if row is None:
            connection.execute(
                "INSERT INTO cases (upload, key, appliance, account, form, bytes, sha256, endpoint, threat,"
                " description, touched_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(new.upload, new.key, new.appliance, new.account, new.form, new.bytes, new.sha256),
                    *(new.endpoint, new.threat, new.description, now.timestamp()),
                ),
            )
            row = connection.execute("SELECT * FROM cases WHERE upload = ?", (new.upload,)).fetchone()
    if (row["bytes"], row["sha256"]) != (new.bytes, new.sha256):
        raise Refused(409, "other-content", "Another case has this key.", "Choose a new key for each case.")
    return _upload(row)


def _upload(row: sqlite3.Row) -> Upload:
    return Upload(**{name: row[name] for name in Upload.__slots__})


def upload_of(connection: sqlite3.Connection, upload: str) -> Upload | None:
    """One upload, whole or not; None when there is none of this name."""
    row = connection.execute("SELECT * FROM cases WHERE upload = ?", (upload,)).fetchone()
    return _upload(row) if row else None


def uploads(connection: sqlite3.Connection) -> tuple[Upload, ...]:
    """All of them."""
    return tuple(_upload(row) for row in connection.execute("SELECT * FROM cases"))


def advance(connection: sqlite3.Connection, upload: str, arrived: int, now: datetime) -> None:
    """So many bytes are on the disk now."""
    connection.execute(
        "UPDATE cases SET arrived = ?, touched_at = ? WHERE upload = ?", (arrived, now.timestamp(), upload)
    )


def complete(connection: sqlite3.Connection, upload: str, now: datetime) -> Upload:
    """The upload is whole and right: it becomes a case and gets its number."""
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        connection.execute(
            "UPDATE cases SET number = (SELECT coalesce(max(number), 0) + 1 FROM cases), received_at = ?,"
            " updated_at = ? WHERE upload = ? AND number IS NULL",
            (now.timestamp(), now.timestamp(), upload),
        )
        row = connection.execute("SELECT * FROM cases WHERE upload = ?", (upload,)).fetchone()
    return _upload(row)


def remove(connection: sqlite3.Connection, upload: str) -> None:
    """Forget an upload that is no case yet."""
    connection.execute("DELETE FROM cases WHERE upload = ? AND number IS NULL", (upload,))


def listed(
    connection: sqlite3.Connection,
    *,
    appliance: str | None = None,
    account: str | None = None,
    before: int | None = None,
    most: int = 250,
) -> tuple[Case, ...]:
    """Cases, the newest first, with numbers below `before`: of one appliance, of an account's, of all."""
    rows = connection.execute(
        "SELECT * FROM cases WHERE number IS NOT NULL AND (?1 IS NULL OR appliance = ?1)"
        " AND (?2 IS NULL OR number < ?2)"
        " AND (?4 IS NULL OR appliance IN (SELECT appliance FROM appliances WHERE account = ?4))"
        " ORDER BY number DESC LIMIT ?3",
        (appliance, before, most, account),
    )
    return tuple(_case(row) for row in rows)


def _case(row: sqlite3.Row) -> Case:
    name = case_id(row["number"])
    moments = {of: moment_of(row[of]) for of in ("received_at", "updated_at")}
    plain = {of: row[of] for of in Case.model_fields.keys() - {"case_id", "file", *moments}}
    return Case(case_id=name, file=f"{name}.{row['form']}", **plain, **moments)


def number_of(name: str) -> int:
    """Read a Case ID; 0 for what is none."""
    match = _CASE_ID.fullmatch(name)
    return int(match[1]) if match else 0


def case_of(connection: sqlite3.Connection, name: str) -> Case:
    """A case by its Case ID. Raises TmError when there is none."""
    row = connection.execute("SELECT * FROM cases WHERE number = ?", (number_of(name),)).fetchone()
    if row is None:
        raise TmError(f"There is no case {safe_text(name, 40)}.", "See `tm-tui portal case list`.")
    return _case(row)


def set_status(
    connection: sqlite3.Connection,
    name: str,
    now: datetime,
    status: CaseStatus | None = None,
    pattern_id: str | None = None,
) -> Case:
    """Write down how a case stands, or which pattern came of it. Raises TmError when there is none."""
    connection.execute(
        "UPDATE cases SET status = coalesce(?, status), pattern_id = coalesce(?, pattern_id),"
        " updated_at = ? WHERE number = ?",
        (status, pattern_id, now.timestamp(), number_of(name)),
    )
    return case_of(connection, name)


def seen(connection: sqlite3.Connection, now: datetime) -> None:
    """An administrator looks at the list: whoever sent a new case may know that."""
    connection.execute(
        "UPDATE cases SET status = 'administrator-notified', updated_at = ?"
        " WHERE number IS NOT NULL AND status = 'new-case-received'",
        (now.timestamp(),),
    )

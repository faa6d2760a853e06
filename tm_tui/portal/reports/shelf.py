"""The finished reports of the portal, by id, and the one notice an appliance that speaks of them."""

import hashlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tm_tui.moments import moment_of
from tm_tui.portal import notices
from tm_tui.reports.protocol import MOST_LISTED, MOST_REPORT_BYTES, NOTICE_KIND, ReportEntry
from tm_tui.status_server.protocol import Notice
from tm_tui.text import safe_text

__all__ = ["Report", "announce", "appliances", "has", "listed", "put", "text_of"]

_MOST_KEPT = 2000
"""Reports of one appliance; the oldest go first."""


@dataclass(frozen=True, slots=True)
class Report:
    """A report to be put on the shelf."""

    id: str
    appliance: str
    kind: str
    title: str
    text: str


def has(connection: sqlite3.Connection, id_: str) -> bool:
    """Whether it was made."""
    return bool(connection.execute("SELECT 1 FROM reports WHERE id = ?", (id_,)).fetchone())


def put(connection: sqlite3.Connection, report: Report, now: datetime) -> bool:
    """Put a report there, for ever the same under its id. False if there is one already."""
    raw = _fitting(report.text)
    done = connection.execute(
        "INSERT INTO reports (id, appliance, kind, title, made_at, text, bytes, sha256)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
        (
            *(report.id, report.appliance, report.kind, safe_text(report.title, 200), now.timestamp()),
            *(raw.decode(), len(raw), hashlib.sha256(raw).hexdigest()),
        ),
    )
    if not done.rowcount:
        return False
    connection.execute(
        "DELETE FROM reports WHERE appliance = ?1 AND number <= (SELECT number FROM reports"
        " WHERE appliance = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)",
        (report.appliance, _MOST_KEPT),
    )
    return True


def _fitting(text: str) -> bytes:
    """As UTF-8, cut at a line's end where it is longer than clients read."""
    raw = text.encode()
    if len(raw) <= MOST_REPORT_BYTES:
        return raw
    end = "\n\n*The report is longer than this; its rest was left out.*\n"
    kept = raw[: MOST_REPORT_BYTES - len(end)]
    return kept[: kept.rfind(b"\n")] + end.encode()


def announce(connection: sqlite3.Connection, appliance: str, made: Sequence[Report], now: datetime) -> None:
    """Tell the appliance, in place of what it was told of reports before: it asks for the list anyway."""
    if not made:
        return
    connection.execute("DELETE FROM notices WHERE kind = ? AND appliance = ?", (NOTICE_KIND, appliance))
    one = f"{made[-1].kind}, {made[-1].title}"
    title = one if len(made) == 1 else f"{len(made)} new reports"
    notice = Notice(kind=NOTICE_KIND, id=made[-1].id, title=safe_text(title, 200))
    notices.announce(connection, notice, appliance, now)


def listed(
    connection: sqlite3.Connection,
    appliance: str | None = None,
    most: int = MOST_LISTED,
    *,
    account: str | None = None,
) -> tuple[ReportEntry, ...]:
    """The newest reports, of one appliance or of all (an account's, where one is named), newest first."""
    rows = connection.execute(
        "SELECT id, kind, title, made_at, bytes, sha256 FROM reports WHERE (?1 IS NULL OR appliance = ?1)"
        " AND (?3 IS NULL OR appliance IN (SELECT appliance FROM appliances WHERE account = ?3))"
        " ORDER BY number DESC LIMIT ?2",
        (appliance, most, account),
    )
    return tuple(ReportEntry.model_validate({**row, "made_at": moment_of(row["made_at"])}) for row in rows)


def appliance_of(connection: sqlite3.Connection, id_: str) -> str | None:
    """Whose report it is; None if there is none of this id."""
    row = connection.execute("SELECT appliance FROM reports WHERE id = ?", (id_,)).fetchone()
    return row["appliance"] if row else None


def text_of(connection: sqlite3.Connection, id_: str) -> str | None:
    """The Markdown of a report; None if there is none of this id."""
    row = connection.execute("SELECT text FROM reports WHERE id = ?", (id_,)).fetchone()
    return row["text"] if row else None


def appliances(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Whose reports there are."""
    rows = connection.execute("SELECT DISTINCT appliance FROM reports ORDER BY appliance")
    return tuple(row["appliance"] for row in rows)

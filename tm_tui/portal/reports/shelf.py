"""The finished reports of the portal, by id, and the one notice an appliance that speaks of them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select

from tm_tui.clock import moment_of
from tm_tui.portal import notices, tables
from tm_tui.portal.engines import insert
from tm_tui.reports.protocol import MOST_LISTED, MOST_REPORT_BYTES, NOTICE_KIND, ReportEntry
from tm_tui.status_server.protocol import Notice
from tm_tui.text import safe_text

__all__ = ["Report", "Shelved", "announce", "has", "listed", "one", "page", "put", "text_of", "which"]

_OF = tables.reports.c
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


def has(connection: Connection, id_: str) -> bool:
    """Whether it was made."""
    return connection.execute(select(_OF.id).where(_OF.id == id_)).first() is not None


def which(connection: Connection, ids: Sequence[str]) -> frozenset[str]:
    """Those that were made."""
    return frozenset(connection.execute(select(_OF.id).where(_OF.id.in_(ids))).scalars())


def put(connection: Connection, report: Report, now: datetime) -> bool:
    """Put a report there, for ever the same under its id. False if there is one already."""
    raw = _fitting(report.text)
    entry = insert(connection, tables.reports).values(
        id=report.id,
        appliance=report.appliance,
        kind=report.kind,
        title=safe_text(report.title, 200),
        made_at=now.timestamp(),
        text=raw.decode(),
        bytes=len(raw),
        sha256=hashlib.sha256(raw).hexdigest(),
    )
    entered = entry.on_conflict_do_nothing(index_elements=["id"]).returning(_OF.number)
    if connection.execute(entered).first() is None:
        return False
    ours = _OF.appliance == report.appliance
    oldest = select(_OF.number).where(ours).order_by(_OF.number.desc()).limit(1).offset(_MOST_KEPT)
    connection.execute(delete(tables.reports).where(ours, _OF.number <= oldest.scalar_subquery()))
    return True


def _fitting(text: str) -> bytes:
    """As UTF-8, cut at a line's end where it is longer than clients read."""
    raw = text.encode()
    if len(raw) <= MOST_REPORT_BYTES:
        return raw
    end = "\n\n*The report is longer than this; its rest was left out.*\n"
    kept = raw[: MOST_REPORT_BYTES - len(end)]
    return kept[: kept.rfind(b"\n")] + end.encode()


def announce(connection: Connection, appliance: str, made: Sequence[Report], now: datetime) -> None:
    """Tell the appliance, in place of what it was told of reports before: it asks for the list anyway."""
    if not made:
        return
    told = tables.notices.c
    connection.execute(delete(tables.notices).where(told.kind == NOTICE_KIND, told.appliance == appliance))
    one = f"{made[-1].kind}, {made[-1].title}"
    title = one if len(made) == 1 else f"{len(made)} new reports"
    notice = Notice(kind=NOTICE_KIND, id=made[-1].id, title=safe_text(title, 200))
    notices.announce(connection, notice, appliance, now)


def listed(
    connection: Connection,
    appliance: str | None = None,
    most: int = MOST_LISTED,
    *,
    account: str | None = None,
) -> tuple[ReportEntry, ...]:
    """The newest reports, of one appliance or of all (an account's, where one is named), newest first."""
    chosen = select(_OF.id, _OF.kind, _OF.title, _OF.made_at, _OF.bytes, _OF.sha256)
    if appliance is not None:
        chosen = chosen.where(_OF.appliance == appliance)
    if account is not None:
        owned = select(tables.appliances.c.appliance).where(tables.appliances.c.account == account)
        chosen = chosen.where(_OF.appliance.in_(owned))
    rows = connection.execute(chosen.order_by(_OF.number.desc()).limit(most)).mappings()
    return tuple(ReportEntry.model_validate({**row, "made_at": moment_of(row["made_at"])}) for row in rows)


@dataclass(frozen=True, slots=True)
class Shelved:
    """One report in a list for an operator."""

    number: int
    id: str
    appliance: str
    kind: str
    title: str
    made_at: datetime


def page(connection: Connection, appliance: str | None, before: int | None, most: int) -> tuple[Shelved, ...]:
    """Reports with a number below `before`, newest first: of one appliance, or of all."""
    chosen = select(_OF.number, _OF.id, _OF.appliance, _OF.kind, _OF.title, _OF.made_at)
    if appliance is not None:
        chosen = chosen.where(_OF.appliance == safe_text(appliance, 80))
    if before is not None:
        chosen = chosen.where(_OF.number < before)
    rows = connection.execute(chosen.order_by(_OF.number.desc()).limit(most)).mappings()
    return tuple(Shelved(**{**row, "made_at": moment_of(row["made_at"])}) for row in rows)


def one(connection: Connection, id_: str) -> Shelved | None:
    """What is known of a report; None if there is none of this id."""
    chosen = select(_OF.number, _OF.id, _OF.appliance, _OF.kind, _OF.title, _OF.made_at)
    row = connection.execute(chosen.where(_OF.id == _known(id_))).mappings().first()
    return Shelved(**{**row, "made_at": moment_of(row["made_at"])}) if row else None


def appliance_of(connection: Connection, id_: str) -> str | None:
    """Whose report it is; None if there is none of this id."""
    return connection.execute(select(_OF.appliance).where(_OF.id == _known(id_))).scalar()


def text_of(connection: Connection, id_: str) -> str | None:
    """The Markdown of a report; None if there is none of this id."""
    return connection.execute(select(_OF.text).where(_OF.id == _known(id_))).scalar()


def _known(id_: str) -> str:
    """What a database can compare with: no NUL, and no half of a character."""
    return safe_text(id_)

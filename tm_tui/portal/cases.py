"""Cases in the portal's database: how far each upload is, and what became of the whole ones."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection, RowMapping, delete, select, update

from tm_tui.cases.protocol import CaseStatus
from tm_tui.clock import moment_of
from tm_tui.errors import TmError
from tm_tui.portal import counters, tables
from tm_tui.portal.engines import insert
from tm_tui.portal.refusals import Refused
from tm_tui.text import SafeText, safe_text
from tm_tui.values import Moment

__all__ = [
    "Case",
    "NewUpload",
    "Upload",
    "advance",
    "begin",
    "begin_turn",
    "case_of",
    "complete",
    "has_turn",
    "listed",
    "remove",
    "seen",
    "set_status",
    "upload_of",
    "uploads",
]

_OF = tables.cases.c
_MOST_SEEN = 500
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
    """Its name in the portal's folder `cases`; empty once its time was over."""


def case_id(number: int) -> str:
    """`C-000042`."""
    return f"C-{number:06d}"


def begin(connection: Connection, new: NewUpload, now: datetime) -> Upload:
    """Make an upload, or find the one that has this key already. Raises Refused for a key used otherwise."""
    entry = insert(connection, tables.cases).values(**asdict(new), touched_at=now.timestamp())
    connection.execute(entry.on_conflict_do_nothing(index_elements=["appliance", "key"]))
    by_key = select(tables.cases).where(_OF.appliance == new.appliance, _OF.key == new.key)
    row = connection.execute(by_key).mappings().one()
    if (row["bytes"], row["sha256"]) != (new.bytes, new.sha256):
        raise Refused(409, "other-content", "Another case has this key.", "Choose a new key for each case.")
    return _upload(row)


def _upload(row: RowMapping) -> Upload:
    return Upload(**{name: row[name] for name in Upload.__slots__})


def upload_of(connection: Connection, upload: str) -> Upload | None:
    """One upload, whole or not; None when there is none of this name."""
    row = connection.execute(select(tables.cases).where(_OF.upload == upload)).mappings().first()
    return _upload(row) if row else None


def uploads(connection: Connection) -> tuple[Upload, ...]:
    """All whose bytes are here, or on their way."""
    chosen = select(tables.cases).where(_OF.swept_at.is_(None))
    return tuple(_upload(row) for row in connection.execute(chosen).mappings())


def begin_turn(connection: Connection, upload: str, turn: str) -> None:
    """From now on the request `turn` alone moves this upload on."""
    connection.execute(update(tables.cases).where(_OF.upload == upload).values(turn=turn))


def has_turn(connection: Connection, upload: str, turn: str) -> bool:
    """Whether no newer request came, and the upload is still there."""
    found = select(_OF.upload).where(_OF.upload == upload, _OF.turn == turn)
    return connection.execute(found).first() is not None


def advance(connection: Connection, upload: str, turn: str, arrived: int, now: datetime) -> bool:
    """So many bytes are on the disk now. False: a newer request came, they do not count."""
    moved = update(tables.cases).where(_OF.upload == upload, _OF.turn == turn)
    done = connection.execute(moved.values(arrived=arrived, touched_at=now.timestamp()))
    return bool(done.rowcount)


def complete(connection: Connection, upload: str, now: datetime) -> Upload:
    """The upload is whole and right: it becomes a case and gets its number, which nobody else gets."""
    open_ = update(tables.cases).where(_OF.upload == upload, _OF.number.is_(None))
    received = {"received_at": now.timestamp(), "updated_at": now.timestamp()}
    if connection.execute(open_.values(received)).rowcount:  # from here on it is ours alone
        connection.execute(open_.values(number=counters.following(connection, "case")))
    row = connection.execute(select(tables.cases).where(_OF.upload == upload)).mappings().one()
    return _upload(row)


def remove(connection: Connection, upload: str) -> bool:
    """Forget an upload. False: it is a case, or is gone already."""
    unfinished = delete(tables.cases).where(_OF.upload == upload, _OF.number.is_(None))
    return bool(connection.execute(unfinished).rowcount)


def listed(
    connection: Connection,
    *,
    appliance: str | None = None,
    account: str | None = None,
    before: int | None = None,
    most: int = 250,
) -> tuple[Case, ...]:
    """Cases, the newest first, with numbers below `before`: of one appliance, of an account's, of all."""
    chosen = select(tables.cases).where(_OF.number.is_not(None))
    if appliance is not None:
        chosen = chosen.where(_OF.appliance == appliance)
    if before is not None:
        chosen = chosen.where(_OF.number < before)
    if account is not None:
        owned = select(tables.appliances.c.appliance).where(tables.appliances.c.account == account)
        chosen = chosen.where(_OF.appliance.in_(owned))
    rows = connection.execute(chosen.order_by(_OF.number.desc()).limit(most)).mappings()
    return tuple(_case(row) for row in rows)


def _case(row: RowMapping) -> Case:
    name = case_id(row["number"])
    moments = {of: moment_of(row[of]) for of in ("received_at", "updated_at")}
    plain = {of: row[of] for of in Case.model_fields.keys() - {"case_id", "file", *moments}}
    file = f"{name}.{row['form']}" if row["swept_at"] is None else ""
    return Case(case_id=name, file=file, **plain, **moments)


def number_of(name: str) -> int:
    """Read a Case ID; 0 for what is none."""
    match = _CASE_ID.fullmatch(name)
    return int(match[1]) if match else 0


def case_of(connection: Connection, name: str) -> Case:
    """A case by its Case ID. Raises TmError when there is none."""
    by_number = select(tables.cases).where(_OF.number == number_of(name))
    row = connection.execute(by_number).mappings().first()
    if row is None:
        raise TmError(f"There is no case {safe_text(name, 40)}.", "See `tm-tui portal case list`.")
    return _case(row)


def set_status(
    connection: Connection,
    name: str,
    now: datetime,
    status: CaseStatus | None = None,
    pattern_id: str | None = None,
) -> Case:
    """Write down how a case stands, or which pattern came of it. Raises TmError when there is none."""
    told = {"status": status, "pattern_id": pattern_id}
    values = {key: value for key, value in told.items() if value is not None}
    changed = update(tables.cases).where(_OF.number == number_of(name))
    connection.execute(changed.values(**values, updated_at=now.timestamp()))
    return case_of(connection, name)


def seen(connection: Connection, now: datetime, names: Sequence[str]) -> None:
    """An administrator looks at these in a list: whoever sent a new one may know that."""
    new = update(tables.cases).where(_OF.status == "new-case-received")
    for start in range(0, len(names), _MOST_SEEN):
        some = [number_of(name) for name in names[start : start + _MOST_SEEN]]
        told = {"status": "administrator-notified", "updated_at": now.timestamp()}
        connection.execute(new.where(_OF.number.in_(some)).values(told))

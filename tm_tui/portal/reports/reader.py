"""Reads threat event and root cause logs for reports. The files are the truth; reading again is harmless."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from io import BufferedReader
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import to_json
from sqlalchemy import Connection, RowMapping, Table, delete, select

from tm_tui.portal import tables
from tm_tui.portal.batch_file import events
from tm_tui.portal.engines import insert
from tm_tui.spool.events import Severity, Status
from tm_tui.text import safe_text
from tm_tui.values import ZonedMoment

__all__ = ["Chain", "Portion", "forget", "keep", "portions", "unread"]

_MOST_ROWS = 500
_LONGEST = 200
_DAYS_KEPT = 120
"""Days for which the portal remembers events: what a month and the one before it need."""

_Text = Annotated[str, Field(min_length=1, max_length=256)]
_Line = Annotated[str, Field(max_length=1024)]
_Short = Annotated[str, Field(min_length=1, max_length=64)]


class _Part(BaseModel):
    """A part of a line as far as it matters here; later versions may bring more members."""

    model_config = ConfigDict(hide_input_in_errors=True)


class _Endpoint(_Part):
    hostname: _Text
    ip: Annotated[str, Field(max_length=64)] | None = None
    mac: Annotated[str, Field(max_length=64)] | None = None


class _Threat(_Part):
    name: _Text
    severity: Severity


class _ThreatEvent(_Part):
    kind: Literal["threat-event"]
    id: _Short
    time: ZonedMoment
    endpoint: _Endpoint
    event_type: _Short
    source: Annotated[str, Field(max_length=64)] = ""
    status: Status
    threat: _Threat


class Chain(_Part):
    """One step on the way to the infection, its texts bounded and not yet safe."""

    time: ZonedMoment
    actor: _Line
    action: _Line
    object: _Line
    parent: _Line | None = None
    hash: Annotated[str, Field(max_length=128)] | None = None


class _RootCause(_Part):
    kind: Literal["root-cause"]
    id: _Short
    time: ZonedMoment
    endpoint: _Endpoint
    threat_event_id: _Short
    chain: Annotated[tuple[Chain, ...], Field(min_length=1, max_length=200)]


_EVENT: TypeAdapter[_ThreatEvent | _RootCause] = TypeAdapter(
    Annotated[_ThreatEvent | _RootCause, Field(discriminator="kind")]
)
_KINDS = ("threat-event", "root-cause")


@dataclass(slots=True)
class Portion:
    """Some rows for the tables, and how many events could not be read."""

    threats: list[dict[str, object]] = field(default_factory=list)
    root_causes: list[dict[str, object]] = field(default_factory=list)
    unreadable: int = 0


def portions(opened: Callable[[], BufferedReader], received_at: datetime) -> Iterator[Portion]:
    """All events of a batch in portions of bounded size. Raises Refused for a damaged file, OSError."""
    portion = Portion()
    with opened() as file:
        for event in events(file):
            try:
                _add(portion, _EVENT.validate_python(event), received_at.timestamp())
            except ValidationError:
                portion.unreadable += 1
            if len(portion.threats) + 10 * len(portion.root_causes) >= _MOST_ROWS:
                yield portion
                portion = Portion()
    yield portion


def _add(portion: Portion, event: _ThreatEvent | _RootCause, received_at: float) -> None:
    """A time after the arrival counts as the arrival, as for endpoints."""
    named = event.endpoint
    row: dict[str, object] = {
        "id": safe_text(event.id),
        "at": max(0.0, min(event.time.timestamp(), received_at)),
        "received_at": received_at,
        "hostname": safe_text(named.hostname),
        "address": safe_text(named.ip or named.mac or ""),
    }
    if isinstance(event, _RootCause):
        chain = to_json([_shortened(link) for link in event.chain]).decode()
        portion.root_causes.append(
            row | {"threat_event_id": safe_text(event.threat_event_id), "chain": chain}
        )
    else:
        texts = {"event_type": event.event_type, "source": event.source, "status": event.status}
        texts |= {"severity": event.threat.severity, "threat": event.threat.name}
        portion.threats.append(row | {name: safe_text(text) for name, text in texts.items()})


def _shortened(link: Chain) -> dict[str, object]:
    texts = ((name, getattr(link, name)) for name in ("actor", "action", "object", "parent", "hash"))
    return {
        "time": link.time,
        **{name: safe_text(text, _LONGEST) for name, text in texts if text is not None},
    }


def keep(connection: Connection, appliance: str, portion: Portion | None, batch: str | None) -> None:
    """Enter a portion; with `batch`, that this one is read to its end. Idempotent."""
    if portion is not None:
        _enter(connection, tables.threats, appliance, portion.threats)
        _enter(connection, tables.root_causes, appliance, portion.root_causes)
    if batch is not None:
        _enter(connection, tables.report_batches, None, [{"name": batch}])


def _enter(
    connection: Connection, table: Table, appliance: str | None, rows: list[dict[str, object]]
) -> None:
    """What is there stays."""
    if rows:
        of = {} if appliance is None else {"appliance": appliance}
        connection.execute(insert(connection, table).on_conflict_do_nothing(), [of | row for row in rows])


def unread(connection: Connection, after: int = 0, most: int = 50) -> tuple[RowMapping, ...]:
    """Batches of the two kinds with a number above `after` that are not read to their end."""
    of, read = tables.batches.c, select(tables.report_batches.c.name)
    chosen = select(of.number, of.name, of.appliance, of.received_at).where(
        of.number > after, of.kind.in_(_KINDS), of.name.not_in(read)
    )
    return tuple(connection.execute(chosen.order_by(of.number).limit(most)).mappings())


def forget(connection: Connection, now: datetime) -> None:
    """Forget events that no report will be about any more, and batches that are gone."""
    oldest = now.timestamp() - _DAYS_KEPT * 86400
    for table in (tables.threats, tables.root_causes):
        connection.execute(delete(table).where(table.c.at < oldest, table.c.received_at < oldest))
    read = tables.report_batches
    connection.execute(delete(read).where(read.c.name.not_in(select(tables.batches.c.name))))

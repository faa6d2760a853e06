"""Registered Products: who registered, when the last beat came, and what is missing."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection, RowMapping, delete, select, update

from tm_tui.clock import moment_of
from tm_tui.errors import TmError
from tm_tui.portal import appliances, beat_days, instances, jobs, removals, tables
from tm_tui.portal.engines import insert
from tm_tui.portal.reports import incidents, making
from tm_tui.status_server.protocol import HeartbeatRequest, RegistrationRequest
from tm_tui.text import SafeText, safe_text
from tm_tui.values import Moment

__all__ = ["Product", "beat", "listed", "one", "product_of", "products_of", "register", "remove"]

_OF = tables.products.c
_JITTER = 1.1
"""Beats come at their interval, ten percent more or less."""


class Product(BaseModel):
    """One entry of Registered Products, as JSON shows it. Ages are seconds."""

    model_config = ConfigDict(frozen=True)

    appliance: SafeText
    product: SafeText
    version: SafeText
    edition: SafeText
    email: SafeText
    account: SafeText
    registered_at: Moment
    updated_at: Moment
    heartbeat_seconds: int
    state: Literal["connected", "waiting", "missing"]
    """connected: a beat within two intervals; waiting: just registered; missing: neither.

    A beat of the future, left by a wall clock that was set back, says nothing of now.
    """
    beats: int
    missed_beats: int
    """Beats that should have come since the last one, or since registration."""
    last_beat_at: Moment | None
    last_beat_age_seconds: float | None
    revision: int | None
    uptime_seconds: float | None
    waiting_events: int | None
    clock_skew_seconds: float | None
    """The appliance's clock minus the portal's, at the last beat."""
    clones: tuple[SafeText, ...] = ()
    """Addresses from which more than one machine beats under this identity; empty: there is one."""


def _moment(seconds: float) -> datetime:
    return moment_of(seconds)


def register(
    connection: Connection, request: RegistrationRequest, account: str, now: datetime
) -> tuple[datetime, bool]:
    """Register, or change what is registered. Returns since when, and whether it is new.

    Raises Refused: 403 for an appliance of another account, 410 for one that was removed, without `renew`.
    """
    appliances.bind(connection, request.appliance, account)
    removals.check(connection, request.appliance, renew=request.renew)
    known = connection.execute(select(_OF.registered_at).where(_OF.appliance == request.appliance)).scalar()
    told = request.model_dump(exclude={"instance", "renew", "protocol"})
    values = {**told, "account": account, "updated_at": now.timestamp()}
    entered = insert(connection, tables.products).values(**values, registered_at=now.timestamp())
    connection.execute(entered.on_conflict_do_update(index_elements=["appliance"], set_=values))
    if known is not None:
        return _moment(known), False
    making.plan(connection, request.appliance, now)
    incidents.plan(connection, request.appliance)
    return now, True


def beat(
    connection: Connection, request: HeartbeatRequest, now: datetime, account: str | None = None
) -> bool:
    """Count a beat. False if the appliance is not registered.

    Raises Refused: 403 for an appliance of another account than `account`, 410 for one that was removed.
    """
    appliances.check_owner(connection, request.appliance, account)
    told = request.model_dump(exclude={"sent_at", "probe", "instance", "appliance", "product", "protocol"})
    counted = update(tables.products).where(_OF.appliance == request.appliance)
    skew = (request.sent_at - now).total_seconds()
    values = {**told, "beats": _OF.beats + 1, "last_beat_at": now.timestamp(), "clock_skew_seconds": skew}
    if connection.execute(counted.values(values)).rowcount:
        beat_days.note(connection, request.appliance, now)
        return True
    removals.check(connection, request.appliance)
    return False


def remove(connection: Connection, appliance: str, by: str, now: datetime) -> None:
    """Take an appliance off the list until it is wanted back (`removals`); what it delivered stays.

    `by` is who does it. Raises TmError when it is not there.
    """
    if not connection.execute(delete(tables.products).where(_OF.appliance == appliance)).rowcount:
        cause = f"{safe_text(appliance, 80)} is not registered."
        raise TmError(cause, "See `tm-tui portal products list`.")
    removals.note(connection, appliance, by, now)
    jobs.forget(connection, appliance, jobs.OF_PRODUCT)


def listed(
    connection: Connection, now: datetime, after: str = "", most: int | None = None
) -> tuple[Product, ...]:
    """Those whose names come after `after`, by name, with their states at `now`; all, or so many."""
    chosen = select(tables.products).where(_OF.appliance > after).order_by(_OF.appliance).limit(most)
    rows = connection.execute(chosen).mappings().all()
    return products_of(connection, rows, now)


def products_of(connection: Connection, rows: Sequence[RowMapping], now: datetime) -> tuple[Product, ...]:
    """Some rows of the table as they are shown at `now`."""
    twice = instances.clones(connection, now, among=[row["appliance"] for row in rows]) if rows else {}
    return tuple(product_of(row, now.timestamp(), twice.get(row["appliance"], ())) for row in rows)


def one(connection: Connection, appliance: str, now: datetime) -> Product | None:
    """One of them, if it is there."""
    chosen = select(tables.products).where(_OF.appliance == safe_text(appliance, 80))
    row = connection.execute(chosen).mappings().first()
    if row is None:
        return None
    twice = instances.clones(connection, now, row["appliance"])
    return product_of(row, now.timestamp(), twice.get(row["appliance"], ()))


def product_of(row: RowMapping, now: float, clones: tuple[str, ...]) -> Product:
    """A row of the table as it is shown at `now` (Unix seconds)."""
    last, interval = row["last_beat_at"], row["heartbeat_seconds"]
    since = now - (row["updated_at"] if last is None else last)
    silence = max(0.0, since)
    fresh: Literal["connected", "waiting"] = "waiting" if last is None else "connected"
    return Product(
        **{name: value for name, value in row.items() if not name.endswith("_at")},
        registered_at=_moment(row["registered_at"]),
        updated_at=_moment(row["updated_at"]),
        last_beat_at=None if last is None else _moment(last),
        last_beat_age_seconds=None if last is None else round(silence, 3),
        clones=clones,
        missed_beats=int(silence / (interval * _JITTER)),
        state=fresh if abs(since) <= 2 * interval else "missing",
    )

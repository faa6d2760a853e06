"""Which agents beat under one identity: a clone shows as two that go on beating beside each other.

An agent chooses its instance at each start. One that is replaced by a later start is silent from then on; one
that still beats a minute after another appeared runs beside it.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, delete, func, select, update

from tm_tui.portal import tables
from tm_tui.portal.engines import insert, is_sqlite
from tm_tui.text import safe_text

__all__ = ["clones", "note"]

_OF = tables.instances.c
_MOST = 8
_LATE_SECONDS = 60.0
"""No beat that was sent before the later start arrives after so long."""
_SHOWN_SECONDS, _SHOWN_INTERVALS = 900.0, 3
"""So long it is shown after the last beat of the older one: the longer of both."""


def note(connection: Connection, appliance: str, instance: str, address: str, now: datetime) -> None:
    """Note a registration or a beat. An agent of before tells no instance, and is not told apart."""
    if not instance:
        return
    seen = {"address": safe_text(address, 64), "last_at": now.timestamp()}
    ours = _OF.appliance == appliance
    known = update(tables.instances).where(ours, _OF.instance == instance)
    if connection.execute(known.values(seen)).rowcount:
        return
    noted = insert(connection, tables.instances).values(
        appliance=appliance, instance=instance, first_at=now.timestamp(), **seen
    )
    connection.execute(noted.on_conflict_do_update(index_elements=["appliance", "instance"], set_=seen))
    newest = select(_OF.instance).where(ours).order_by(_OF.last_at.desc()).limit(_MOST)
    connection.execute(delete(tables.instances).where(ours, _OF.instance.not_in(newest)))


def clones(
    connection: Connection,
    now: datetime,
    appliance: str | None = None,
    among: Collection[str] | None = None,
) -> dict[str, tuple[str, ...]]:
    """Appliances whose identity exists twice, and the addresses from which it beats.

    Of one, of those `among` some, or of all.
    """
    x, y, product = tables.instances.alias(), tables.instances.alias(), tables.products
    since = func.max if is_sqlite(connection) else func.greatest
    shown = now.timestamp() - since(_SHOWN_SECONDS, _SHOWN_INTERVALS * product.c.heartbeat_seconds)
    chosen = (
        select(x.c.appliance, x.c.address.label("old"), y.c.address.label("new"))
        .distinct()
        .join(y, y.c.appliance == x.c.appliance)
        .join(product, product.c.appliance == x.c.appliance)
        .where(y.c.first_at > x.c.first_at, x.c.last_at > y.c.first_at + _LATE_SECONDS, x.c.last_at >= shown)
    )
    if appliance is not None:
        chosen = chosen.where(x.c.appliance == appliance)
    if among is not None:
        chosen = chosen.where(x.c.appliance.in_(among))
    found: dict[str, dict[str, None]] = {}
    for row in connection.execute(chosen):
        found.setdefault(row.appliance, {}).update({row.old: None, row.new: None})
    return {one: tuple(addresses) for one, addresses in found.items()}

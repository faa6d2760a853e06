"""What was read of events, entered into the tables for reports; and forgotten when its time is over."""

from datetime import tzinfo
from typing import Any

from sqlalchemy import Connection, Table, select

from tm_tui.portal import jobs, tables
from tm_tui.portal.engines import insert
from tm_tui.portal.reports import days, incidents
from tm_tui.portal.reports.reader import Rows

__all__ = ["enter"]


def enter(connection: Connection, appliance: str, rows: Rows, now: float, zone: tzinfo | None = None) -> None:
    """Enter rows, count those that are new, and have incident reports made when they can be. Idempotent."""
    if not rows.threats and not rows.root_causes:
        return
    days.begin(connection, appliance, zone)
    events = _entered(connection, tables.threats, appliance, rows.threats)
    causes = _entered(connection, tables.root_causes, appliance, rows.root_causes)
    days.add(connection, appliance, events, causes, zone)
    due = incidents.due_after(connection, appliance, events, causes, now)
    if due is not None:
        jobs.ask(connection, f"incidents/{appliance}", "incidents", due, appliance=appliance)


def _entered(
    connection: Connection, table: Table, appliance: str, rows: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """What is there stays. Returns what is new."""
    wanted = {row["id"]: row for row in reversed(rows)}
    if not wanted:
        return []
    known = select(table.c.id).where(table.c.appliance == appliance, table.c.id.in_(wanted))
    there = set(connection.execute(known).scalars())
    new = [{"appliance": appliance} | row for id_, row in sorted(wanted.items()) if id_ not in there]
    if new:
        connection.execute(insert(connection, table), new)
    return new

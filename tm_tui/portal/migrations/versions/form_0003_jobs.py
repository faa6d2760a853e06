"""One table of jobs in place of marks and searches; counts by day; the indexes that were missing."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_REAL: sa.types.TypeEngine[float] = sa.Double().with_variant(sa.REAL(), "sqlite")
_NONE = {"server_default": "0"}
_EMPTY = {"server_default": ""}
_TABLES = {
    "jobs": (
        *(("key", _TEXT, {"primary_key": True}), ("kind", _TEXT, {})),
        *(("appliance", _TEXT, _EMPTY), ("what", _TEXT, _EMPTY), ("due", _REAL, {})),
        *(("leased_until", _REAL, _NONE), ("lease", _TEXT, _EMPTY), ("asked", _WHOLE, _NONE)),
    ),
    "counters": (("name", _TEXT, {"primary_key": True}), ("value", _WHOLE, {})),
    "day_threats": (
        *((name, kind, {"primary_key": True}) for name, kind in (("appliance", _TEXT), ("day", _WHOLE))),
        *((name, _TEXT, {"primary_key": True}) for name in ("threat", "severity", "hostname")),
        ("events", _WHOLE, {}),
    ),
    "day_counts": (
        *((name, kind, {"primary_key": True}) for name, kind in (("appliance", _TEXT), ("day", _WHOLE))),
        *((name, _TEXT, {"primary_key": True}) for name in ("what", "word")),
        ("events", _WHOLE, {}),
    ),
    "day_late": (
        *(("appliance", _TEXT, {"primary_key": True}), ("came", _WHOLE, {"primary_key": True})),
        *(("day", _WHOLE, {"primary_key": True}), ("events", _WHOLE, {})),
    ),
    "counted": (
        *(("appliance", _TEXT, {"primary_key": True}), ("zone", _TEXT, {})),
        ("upto", _REAL, {"nullable": True}),
    ),
}
_INDEXES = (
    *(("jobs_due", "jobs", ["due"]), ("jobs_of_kind", "jobs", ["kind", "due"])),
    *(("jobs_of", "jobs", ["appliance"]), ("notices_of", "notices", ["appliance", "number"])),
)
_WORK = (
    """INSERT INTO jobs (key, kind, appliance, what, due)
        SELECT 'read/' || name, 'read', appliance, name, received_at FROM batches
        WHERE kind IN ('threat-event', 'root-cause') AND (name NOT IN (SELECT name FROM report_batches)
            OR kind = 'threat-event' AND name NOT IN (SELECT name FROM read_batches))""",
    """INSERT INTO jobs (key, kind, appliance, due)
        SELECT 'report/' || appliance || '/' || kinds.kind, 'report-' || kinds.kind, appliance, 0
        FROM products, (SELECT 'daily' AS kind UNION SELECT 'weekly' UNION SELECT 'monthly') AS kinds""",
    """INSERT INTO jobs (key, kind, appliance, due)
        SELECT DISTINCT 'incidents/' || appliance, 'incidents', appliance, 0 FROM root_causes
        WHERE waiting = 1 AND appliance IN (SELECT appliance FROM products)""",
    "INSERT INTO counters SELECT 'case', coalesce(max(number), 0) FROM cases",
    """INSERT INTO counted SELECT DISTINCT appliance, '', 0 FROM
        (SELECT appliance FROM threats UNION SELECT appliance FROM root_causes) AS told""",
)


def upgrade() -> None:
    """Make the tables, and the jobs of what was left to do; days are counted when they are asked for."""
    for name, columns in _TABLES.items():
        made = [sa.Column(key, kind, **{"nullable": False} | more) for key, kind, more in columns]
        op.create_table(name, *made, sqlite_strict=True, sqlite_with_rowid=False)
    for index, table, names in _INDEXES:
        op.create_index(index, table, names)
    for index, table in (("threats_of", "threats"), ("root_causes_longest", "root_causes")):
        op.drop_index(index, table)
    op.drop_index("root_causes_waiting", "root_causes")
    where: dict[str, Any] = {f"{engine}_where": sa.text("waiting = 1") for engine in ("sqlite", "postgresql")}
    op.create_index("root_causes_waiting", "root_causes", ["appliance", "received_at"], **where)
    for statement in _WORK:
        op.execute(statement)
    for name in ("read_batches", "report_batches"):
        op.drop_table(name)

"""Homes of before Alembic, on SQLite alone: what they lack is made. The first had no roles, and no owners."""

from alembic import op
from sqlalchemy import inspect

revision = "0001"
down_revision = None

_MISSING = (
    """CREATE TABLE IF NOT EXISTS appliances (
        appliance TEXT NOT NULL PRIMARY KEY, account TEXT NOT NULL) STRICT, WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS appliances_of ON appliances (account)",
    """CREATE TABLE IF NOT EXISTS instances (
        appliance TEXT NOT NULL, instance TEXT NOT NULL, address TEXT NOT NULL, first_at REAL NOT NULL,
        last_at REAL NOT NULL, PRIMARY KEY (appliance, instance)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS removals (
        appliance TEXT NOT NULL PRIMARY KEY, removed_at REAL NOT NULL, removed_by TEXT NOT NULL)
        STRICT, WITHOUT ROWID""",
)
_OWNERS = (
    "INSERT OR IGNORE INTO appliances SELECT appliance, account FROM products",
    "INSERT OR IGNORE INTO appliances SELECT appliance, account FROM cases ORDER BY touched_at DESC",
    """INSERT OR IGNORE INTO appliances SELECT told.appliance, first.name FROM
        (SELECT appliance FROM batches UNION SELECT appliance FROM reports) AS told,
        (SELECT name FROM accounts WHERE role = 'appliance' ORDER BY rowid LIMIT 1) AS first""",
)
"""As it registered, as it sent its newest case, else the first account's."""


def upgrade() -> None:
    """Add the tables that are missing; bind appliances to accounts where that was not done."""
    for statement in _MISSING:
        op.execute(statement)
    columns = {column["name"] for column in inspect(op.get_bind()).get_columns("accounts")}
    if "role" not in columns:
        op.execute("ALTER TABLE accounts ADD COLUMN role TEXT NOT NULL DEFAULT 'appliance'")
        for statement in _OWNERS:
            op.execute(statement)

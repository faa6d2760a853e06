"""Beats by day, and how the fleet stood on each day."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make both tables, in the form that they had then."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    name = sa.Text() if sqlite else sa.Text(collation="C")
    whole = sa.Integer() if sqlite else sa.BigInteger()
    op.create_table(
        "beat_days",
        sa.Column("appliance", name, primary_key=True, nullable=False),
        sa.Column("day", whole, primary_key=True, nullable=False),
        sa.Column("beats", whole, nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "fleet_days",
        sa.Column("day", whole, primary_key=True),
        *(sa.Column(one, whole, nullable=False) for one in ("appliances", "missing", "issues")),
        sqlite_strict=True,
    )

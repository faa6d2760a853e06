"""Sums over the fleet by day, of threat events and of beats; alerts are found by appliance."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Make them, in the form that they had then. Later ones are added in parts; what was is one part."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    whole = sa.Integer() if sqlite else sa.BigInteger()
    op.create_table(
        "fleet_threats",
        sa.Column("day", whole, primary_key=True),
        sa.Column("part", whole, primary_key=True),
        sa.Column("severity", sa.Text() if sqlite else sa.Text(collation="C"), primary_key=True),
        sa.Column("events", whole, nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.execute(
        """INSERT INTO fleet_threats (day, part, severity, events)
        SELECT day, 0, severity, sum(events) FROM day_threats GROUP BY day, severity"""
    )
    op.add_column("fleet_days", sa.Column("beats", whole, nullable=False, server_default="0"))
    op.execute(
        """UPDATE fleet_days SET beats = coalesce(
            (SELECT sum(beats) FROM beat_days WHERE beat_days.day = fleet_days.day), 0)"""
    )
    op.create_index("alerts_of", "alerts", ["subject", "number"])

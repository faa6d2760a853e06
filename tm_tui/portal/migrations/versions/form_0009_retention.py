"""What was swept stays known, blobs that are to go are noted, and what is old is found by an index."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make them, in the form that they had then."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    whole = sa.Integer() if sqlite else sa.BigInteger()
    name = sa.Text() if sqlite else sa.Text(collation="C")
    for table in ("batches", "cases"):
        op.add_column(table, sa.Column("swept_at", sa.REAL() if sqlite else sa.Double(), nullable=True))
    op.create_table(
        "doomed",
        sa.Column("name", name, primary_key=True),
        sa.Column("asked", whole, nullable=False, server_default="0"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    kept = sa.text("swept_at IS NULL")
    op.create_index("batches_kept", "batches", ["received_at"], sqlite_where=kept, postgresql_where=kept)
    op.create_index("beat_days_by_day", "beat_days", ["day"])
    op.create_index("audit_at", "audit", ["at"])
    op.create_index("reports_made", "reports", ["made_at"])
    op.create_index("alerts_ended", "alerts", ["ended_at"])

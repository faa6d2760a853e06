"""Alerts, and the messages that tell of them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make both tables, in the form that they had then."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    name = sa.Text() if sqlite else sa.Text(collation="C")
    whole = sa.Integer() if sqlite else sa.BigInteger()
    real: sa.Float[float] = sa.REAL() if sqlite else sa.Double()
    op.create_table(
        "alerts",
        sa.Column("number", whole, primary_key=True),
        sa.Column("kind", name, nullable=False),
        sa.Column("subject", name, nullable=False),
        sa.Column("since", real, nullable=False),
        sa.Column("detail", name, nullable=False, server_default=""),
        sa.Column("noted_at", real, nullable=False),
        *(sa.Column(one, real) for one in ("told_at", "ended_at", "end_noted_at", "end_told_at")),
        sqlite_strict=True,
    )
    op.create_index(
        "alerts_standing",
        "alerts",
        ["kind", "subject"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("alerts_untold", "alerts", ["end_told_at"])
    op.create_table(
        "alert_messages",
        sa.Column("number", whole, primary_key=True),
        *(sa.Column(one, name, nullable=False) for one in ("way", "message")),
        *(sa.Column(one, real, nullable=False) for one in ("made_at", "due_at")),
        sa.Column("tries", whole, nullable=False, server_default="0"),
        sa.Column("failure", name, nullable=False, server_default=""),
        sa.Column("done_at", real),
        sqlite_strict=True,
    )
    op.create_index("alert_messages_due", "alert_messages", ["way", "done_at", "due_at"])

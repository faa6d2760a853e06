"""Sessions of the pages, and what was tried in vain, in the database."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make both tables, in the form that they had then."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    text = sa.Text() if sqlite else sa.Text(collation="C")
    whole = sa.Integer() if sqlite else sa.BigInteger()
    real: sa.types.TypeEngine[float] = sa.REAL() if sqlite else sa.Double()
    op.create_table(
        "sessions",
        sa.Column("key", text, primary_key=True, nullable=False),
        sa.Column("operator", text, nullable=False),
        *(sa.Column(one, real, nullable=False) for one in ("created_at", "seen_at", "expires_at")),
        sa.Column("source", text, nullable=False),
        sa.Column("words", text, nullable=False, server_default=""),
        sqlite_strict=True,
    )
    op.create_index("sessions_of", "sessions", ["operator", "seen_at"])
    op.create_table(
        "logon_tries",
        sa.Column("key", text, primary_key=True, nullable=False),
        sa.Column("failures", whole, nullable=False),
        sa.Column("last_at", real, nullable=False),
        sa.Column("until", real, nullable=False, server_default="0"),
        sa.Column("entry", whole, nullable=True),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("logon_tries_last", "logon_tries", ["last_at"])

"""Who did what."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table, in the form that it had then."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    name = sa.Text() if sqlite else sa.Text(collation="C")
    op.create_table(
        "audit",
        sa.Column("number", sa.Integer() if sqlite else sa.BigInteger(), primary_key=True),
        sa.Column("at", sa.REAL() if sqlite else sa.Double(), nullable=False),
        *(sa.Column(one, name, nullable=False) for one in ("who", "source", "what", "subject")),
        sqlite_strict=True,
    )

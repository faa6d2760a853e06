"""Which request an upload is written to by."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the column, in the form that it had then."""
    name = sa.Text() if op.get_bind().dialect.name == "sqlite" else sa.Text(collation="C")
    op.add_column("cases", sa.Column("turn", name, nullable=False, server_default=""))

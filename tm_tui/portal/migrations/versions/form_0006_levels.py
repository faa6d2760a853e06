"""How far an operator's rights go. Those of before could do all, and still can."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Give accounts the column."""
    name = sa.Text() if op.get_bind().dialect.name == "sqlite" else sa.Text(collation="C")
    op.add_column("accounts", sa.Column("level", name, nullable=False, server_default=""))
    op.execute("UPDATE accounts SET level = 'admin' WHERE role = 'operator'")

"""Runs the scripts on the connection that `schema` gives, in its transaction: all of them, or none."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, transaction_per_migration=False)
context.run_migrations()

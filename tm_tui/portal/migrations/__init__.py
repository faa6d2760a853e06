"""Alembic's scripts: how a database of an earlier portal comes to the form of now."""

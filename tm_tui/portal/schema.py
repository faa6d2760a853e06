"""The form of the database: made for a new one, and brought up to date for one of before.

What a home of before looks like is known by Alembic's own table, `alembic_version`; the oldest had none.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from tm_tui.errors import StorageFailed
from tm_tui.portal.engines import is_sqlite, shown
from tm_tui.portal.tables import SCHEMA, metadata

__all__ = ["is_current", "keeps_no_copy", "prepare", "upgrade"]

_MIGRATIONS = Path(__file__).with_name("migrations")
_UPGRADE = "End all processes of the portal, back the database up, then run `tm-tui portal db upgrade`."
_LOCK = 0x746D5F7475690001
"""PostgreSQL's advisory lock under which the form is changed."""


def prepare(engine: Engine) -> None:
    """Make the tables in an empty database; upgrade a file of before, with a copy of it aside.

    Raises StorageFailed for a newer one, and for an older one on a server, which other processes may use;
    SQLAlchemyError.
    """
    if _form(engine) == SCHEMA:
        return
    if not is_sqlite(engine) and _form(engine) is not None:
        _known(engine)
        cause = f"{shown(engine)} is of a portal of before."
        raise StorageFailed(cause, _UPGRADE)
    upgrade(engine)


def keeps_no_copy(engine: Engine) -> bool:
    """Whether an upgrade would change it, and leave no copy: one of before, on a server.

    Raises StorageFailed for a newer one, SQLAlchemyError.
    """
    if is_sqlite(engine) or _form(engine) in {None, SCHEMA}:
        return False
    _known(engine)
    return True


def is_current(engine: Engine) -> bool:
    """Whether it has the form of this version."""
    return _form(engine) == SCHEMA


def upgrade(engine: Engine) -> Path | None:
    """Bring it to the form of now. Returns where the copy of a file of before is.

    Raises StorageFailed for a newer one, SQLAlchemyError.
    """
    with engine.begin() as connection:
        if not is_sqlite(engine):
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        form = _form_in(connection)
        if form == SCHEMA:  # another process was quicker
            return None
        if form is None and not inspect(connection).has_table("accounts"):
            _create(connection)
            return None
    return _migrate(engine, form or "0000")


def _form(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return _form_in(connection)


def _form_in(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def _create(connection: Connection) -> None:
    metadata.create_all(connection)
    connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    connection.execute(text("INSERT INTO alembic_version VALUES (:form)"), {"form": SCHEMA})


def _known(engine: Engine) -> None:
    """Raises StorageFailed for a form that is none of ours, or none of ours yet."""
    form = _form(engine)
    if form is not None and not list((_MIGRATIONS / "versions").glob(f"form_{form}_*.py")):
        cause = f"{shown(engine)} is of a newer portal (its form is {form[:32]}, this one's {SCHEMA})."
        raise StorageFailed(cause, "Install that version, or restore the copy that its upgrade left aside.")


def _migrate(engine: Engine, form: str) -> Path | None:
    from alembic import command
    from alembic.config import Config

    _known(engine)
    aside = _copied(Path(engine.url.database or ""), form) if is_sqlite(engine) else None
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return aside


def _copied(path: Path, form: str) -> Path:
    """A whole copy of a file of before, beside it (0600)."""
    aside = path.with_name(f"{path.name}.before-{SCHEMA}-was-{form}")
    os.close(os.open(aside, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(aside)) as target:
        source.backup(target)
    return aside

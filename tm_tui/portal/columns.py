"""What the portal's tables are made of: columns of three kinds, alike on SQLite and PostgreSQL.

Moments are Unix seconds. Texts compare by their bytes, so that both engines sort alike.
"""

from typing import Any

from sqlalchemy import BigInteger, Column, Double, Integer, MetaData, Table, Text, text
from sqlalchemy.types import REAL, TypeEngine

__all__ = ["metadata", "number", "only_where", "real", "table", "text_", "whole"]

metadata = MetaData()

_TEXT = Text().with_variant(Text(collation="C"), "postgresql")
_WHOLE = BigInteger().with_variant(Integer(), "sqlite")
_REAL: TypeEngine[float] = Double().with_variant(REAL(), "sqlite")


def text_(name: str, **more: Any) -> Column[str]:
    """Text, not NULL unless it says so."""
    return Column(name, _TEXT, nullable=more.pop("nullable", False), **more)


def whole(name: str, **more: Any) -> Column[int]:
    """A number of 64 bits."""
    return Column(name, _WHOLE, nullable=more.pop("nullable", False), **more)


def real(name: str, **more: Any) -> Column[float]:
    """A floating-point number of 64 bits."""
    return Column(name, _REAL, nullable=more.pop("nullable", False), **more)


def number() -> Column[int]:
    """The database's own, in the order of entry; on PostgreSQL a later one may be seen earlier."""
    return Column("number", _WHOLE, primary_key=True)


def table(name: str, *columns: Any, keyed: bool = True) -> Table:
    """`keyed`: the rows lie in the primary key itself, where the engine can do that."""
    return Table(name, metadata, *columns, sqlite_strict=True, sqlite_with_rowid=not keyed)


def only_where(condition: str) -> dict[str, Any]:
    """For an index of some rows."""
    return {f"{engine}_where": text(condition) for engine in ("sqlite", "postgresql")}

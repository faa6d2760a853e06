"""Accounts of appliances and of operators, with salted scrypt hashes.

A name is one of either. What a caller may do follows from role and level (`callers`).
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr, TypeAdapter, ValidationError
from sqlalchemy import Connection, Row, delete, func, select, update

from tm_tui.clock import moment_of
from tm_tui.errors import TmError
from tm_tui.portal import sessions, strength, tables, tries
from tm_tui.portal.callers import Caller, Level, Role, level_of
from tm_tui.portal.engines import insert
from tm_tui.settings.types import TypedPassword, UserName
from tm_tui.text import safe_text

__all__ = [
    "Account",
    "NameTaken",
    "add",
    "is_first",
    "listed",
    "matches",
    "number",
    "one",
    "remove",
    "sealed",
    "secret_for",
    "secret_of",
    "set_level",
    "set_password",
    "stored",
]

_OF = tables.accounts.c
_COMMAND = {"appliance": "tm-tui portal account list", "operator": "tm-tui portal operator list"}
_WORD = {"appliance": "account", "operator": "operator"}

_COST, _BLOCK, _LANES = 1 << 14, 8, 1
_USER_NAME: TypeAdapter[str] = TypeAdapter(UserName)
_PASSWORD: TypeAdapter[SecretStr] = TypeAdapter(TypedPassword)


class NameTaken(TmError):
    """An account, of either role, has this name."""


@dataclass(frozen=True, slots=True)
class Account:
    """One account, without its secret. `level`: an operator's, else None."""

    name: str
    created_at: datetime
    role: Role = "appliance"
    level: Level | None = None


def _hashed(password: bytes, salt: bytes) -> bytes:
    memory = 132 * _BLOCK * _COST
    return hashlib.scrypt(password, salt=salt, n=_COST, r=_BLOCK, p=_LANES, maxmem=2 * memory, dklen=32)


def sealed(password: SecretStr) -> str:
    """What is stored: salt and hash (RFC 7914, N=16384 r=8 p=1) as hex."""
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}:{_hashed(password.get_secret_value().encode(), salt).hex()}"


def matches(secret: str, password: bytes) -> bool:
    """Whether a password is the one of a stored hash. Costs some ten milliseconds and 16 MiB."""
    salt, _, digest = secret.partition(":")
    return hmac.compare_digest(_hashed(password, bytes.fromhex(salt)), bytes.fromhex(digest))


def _over_ssh(text: str) -> str | None:
    """A user name or password as it arrives over SSH (RFC 4252, section 8); None if it does not."""
    from asyncssh.saslprep import SASLPrepError, saslprep

    try:
        return saslprep(text)
    except SASLPrepError:
        return None


def secret_for(name: str, password: SecretStr, role: Role) -> str:
    """What is stored of a new password; made before a transaction, as it costs what `matches` costs.

    Raises TmError for a name or a password that no appliance could send, and for one that an operator
    should not have (`strength`).
    """
    _check(name, password)
    if role == "operator":
        strength.check(name, password.get_secret_value())
    return sealed(password)


def _check(name: str, password: SecretStr) -> None:
    if not name or not password.get_secret_value():
        raise TmError("A user name and a password are needed.", "Give both.")
    if any(_over_ssh(text) != text for text in (name, password.get_secret_value())):
        cause = "There are characters in it that SSH servers change before they compare (RFC 4013)."
        raise TmError(cause, "Choose another one; letters, digits and ASCII signs always work.")
    try:
        _USER_NAME.validate_python(name)
        _PASSWORD.validate_python(password)
    except ValidationError as error:
        context = error.errors(include_input=False, include_url=False)[0].get("ctx") or {}
        cause, remedy = (
            context.get("cause", "This is no user name."),
            context.get("remedy", "Choose another one."),
        )
        raise TmError(cause, remedy) from None


def add(connection: Connection, name: str, secret: str, level: Level | None = None) -> None:
    """Make an account of appliances, or with a `level` an operator; `secret` is of `secret_for`.

    Raises NameTaken.
    """
    more = {"role": "operator" if level else "appliance", "level": level or ""}
    entry = insert(connection, tables.accounts).values(
        name=name, secret=secret, created_at=datetime.now(UTC).timestamp(), **more
    )
    entered = entry.on_conflict_do_nothing(index_elements=["name"]).returning(_OF.name)
    if connection.execute(entered).first() is None:
        cause = f"There is an account or an operator {safe_text(name)} already."
        raise NameTaken(cause, "Choose another name, or set its password.")


def set_password(
    connection: Connection, name: str, secret: str, role: Role = "appliance", *, but: str = ""
) -> None:
    """Give an account a new password, as `secret_for` makes it.

    An operator's sessions end, but the one with the key `but`.

    Wrong passwords of before are forgiven. Raises TmError when there is none of this name and role.
    """
    found = update(tables.accounts).where(_OF.name == name, _OF.role == role)
    if not connection.execute(found.values(secret=secret)).rowcount:
        raise _absent(name, role)
    sessions.end_all(connection, name, but)
    tries.forgive(connection, name)


def remove(connection: Connection, name: str, role: Role = "appliance") -> None:
    """Remove an account; who uses it is refused from now on.

    Raises TmError when there is none, or when it is the last admin.
    """
    if role == "operator":
        _check_not_last(connection, name, "removed")
    if not connection.execute(delete(tables.accounts).where(_OF.name == name, _OF.role == role)).rowcount:
        raise _absent(name, role)
    sessions.end_all(connection, name)


def set_level(connection: Connection, name: str, level: Level, *, but: str = "") -> None:
    """Give an operator another role; the sessions end, but the one with the key `but`.

    Raises TmError when there is none, or when it is the last admin.
    """
    if level != "admin":
        _check_not_last(connection, name, "lowered")
    chosen = update(tables.accounts).where(_OF.name == name, _OF.role == "operator")
    if not connection.execute(chosen.values(level=level)).rowcount:
        raise _absent(name, "operator")
    sessions.end_all(connection, name, but)


def _check_not_last(connection: Connection, name: str, what: str) -> None:
    """Keep an admin, whoever else takes one away at the same time. Raises TmError."""
    admins = select(_OF.name).where(_OF.level == "admin").order_by(_OF.name).with_for_update()
    if [row.name for row in connection.execute(admins)] == [name]:
        cause = f"{safe_text(name)} is the last admin, and cannot be {what}."
        raise TmError(cause, "Make another operator an admin first.")


def _absent(name: str, role: Role) -> TmError:
    return TmError(f"There is no {_WORD[role]} {safe_text(name)}.", f"See `{_COMMAND[role]}`.")


def listed(connection: Connection, role: Role = "appliance", most: int | None = None) -> tuple[Account, ...]:
    """The accounts of a role, in the order in which they were made; of many the first ones."""
    chosen = select(tables.accounts).where(_OF.role == role).order_by(_OF.created_at, _OF.name)
    return tuple(_account(row) for row in connection.execute(chosen.limit(most)))


def one(connection: Connection, name: str) -> Account | None:
    """The account of this name, of whatever role."""
    if "\0" in name:  # no database keeps that
        return None
    row = connection.execute(select(tables.accounts).where(_OF.name == name)).first()
    return _account(row) if row else None


def _account(row: Row[Any]) -> Account:
    return Account(row.name, moment_of(row.created_at), row.role, level_of(row.role, row.level))


def number(connection: Connection, role: Role) -> int:
    """How many accounts of a role there are."""
    return connection.execute(
        select(func.count()).select_from(tables.accounts).where(_OF.role == role)
    ).scalar_one()


def is_first(connection: Connection, name: str, role: Role) -> bool:
    """Whether it is the one that a start made: it makes one only where there is none."""
    return any(one.name == name for one in listed(connection, role, 1))


def secret_of(connection: Connection, name: str) -> str | None:
    """The stored hash of an account, of whatever role."""
    found = stored(connection, name)
    return found[0] if found else None


def stored(connection: Connection, name: str) -> tuple[str, Caller] | None:
    """An account's hash, and who it is."""
    if "\0" in name:  # no database keeps that
        return None
    row = connection.execute(select(_OF.secret, _OF.role, _OF.level).where(_OF.name == name)).first()
    return (row.secret, Caller(name, row.role, level_of(row.role, row.level))) if row else None

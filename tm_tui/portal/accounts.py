"""Accounts of appliances and of operators: salted scrypt hashes, and a doorkeeper that keeps a beat cheap.

A name is one of either. What a caller may do follows from role and level (`callers`).
"""

import asyncio
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import SecretStr, TypeAdapter, ValidationError
from sqlalchemy import Connection, delete, select, update

from tm_tui.errors import TmError
from tm_tui.moments import moment_of
from tm_tui.portal import tables
from tm_tui.portal.callers import LEVELS, Caller, Level, Role
from tm_tui.portal.database import Database
from tm_tui.portal.engines import insert
from tm_tui.portal.refusals import Refused
from tm_tui.settings.types import TypedPassword, UserName
from tm_tui.text import safe_text

__all__ = [
    "Account",
    "Doorkeeper",
    "add",
    "listed",
    "remove",
    "secret_of",
    "set_level",
    "set_password",
    "stored",
]

_OF = tables.accounts.c
_COMMAND = {"appliance": "tm-tui portal account list", "operator": "tm-tui portal operator list"}
_WORD = {"appliance": "account", "operator": "operator"}

_COST, _BLOCK, _LANES = 1 << 14, 8, 1
_MOST_PASSWORD_BYTES = 1024
_FAILURE_SECONDS = 0.3
_MOST_WAITING = 64
_RETRY_SECONDS = 5
_USER_NAME: TypeAdapter[str] = TypeAdapter(UserName)
_PASSWORD: TypeAdapter[SecretStr] = TypeAdapter(TypedPassword)


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


def _sealed(password: SecretStr) -> str:
    """What is stored: salt and hash (RFC 7914, N=16384 r=8 p=1) as hex."""
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}:{_hashed(password.get_secret_value().encode(), salt).hex()}"


def _matches(stored: str, password: bytes) -> bool:
    salt, _, digest = stored.partition(":")
    return hmac.compare_digest(_hashed(password, bytes.fromhex(salt)), bytes.fromhex(digest))


def _over_ssh(text: str) -> str | None:
    """A user name or password as it arrives over SSH (RFC 4252, section 8); None if it does not."""
    from asyncssh.saslprep import SASLPrepError, saslprep

    try:
        return saslprep(text)
    except SASLPrepError:
        return None


def _checked(name: str, password: SecretStr) -> None:
    """Raise TmError for what no appliance could send."""
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


def add(connection: Connection, name: str, password: SecretStr, level: Level | None = None) -> None:
    """Make an account of appliances, or with a `level` an operator.

    Raises TmError for an unusable name or password, or when the name is taken.
    """
    _checked(name, password)
    more = {"role": "operator" if level else "appliance", "level": level or ""}
    entry = insert(connection, tables.accounts).values(
        name=name, secret=_sealed(password), created_at=datetime.now(UTC).timestamp(), **more
    )
    if not connection.execute(entry.on_conflict_do_nothing(index_elements=["name"])).rowcount:
        cause = f"There is an account or an operator {safe_text(name)} already."
        raise TmError(cause, "Choose another name, or set its password.")


def set_password(connection: Connection, name: str, password: SecretStr, role: Role = "appliance") -> None:
    """Give an account a new password. Raises TmError when there is none of this name and role."""
    _checked(name, password)
    secret = _sealed(password)
    found = update(tables.accounts).where(_OF.name == name, _OF.role == role)
    if not connection.execute(found.values(secret=secret)).rowcount:
        raise _absent(name, role)


def remove(connection: Connection, name: str, role: Role = "appliance") -> None:
    """Remove an account; who uses it is refused from now on.

    Raises TmError when there is none, or when it is the last admin.
    """
    if role == "operator":
        _check_not_last(connection, name, "removed")
    if not connection.execute(delete(tables.accounts).where(_OF.name == name, _OF.role == role)).rowcount:
        raise _absent(name, role)


def set_level(connection: Connection, name: str, level: Level) -> None:
    """Give an operator another role. Raises TmError when there is none, or when it is the last admin."""
    if level != "admin":
        _check_not_last(connection, name, "lowered")
    chosen = update(tables.accounts).where(_OF.name == name, _OF.role == "operator")
    if not connection.execute(chosen.values(level=level)).rowcount:
        raise _absent(name, "operator")


def _check_not_last(connection: Connection, name: str, what: str) -> None:
    """Keep an admin, whoever else takes one away at the same time. Raises TmError."""
    admins = select(_OF.name).where(_OF.level == "admin").order_by(_OF.name).with_for_update()
    if [row.name for row in connection.execute(admins)] == [name]:
        cause = f"{safe_text(name)} is the last admin, and cannot be {what}."
        raise TmError(cause, "Make another operator an admin first.")


def _absent(name: str, role: Role) -> TmError:
    return TmError(f"There is no {_WORD[role]} {safe_text(name)}.", f"See `{_COMMAND[role]}`.")


def listed(connection: Connection, role: Role = "appliance") -> tuple[Account, ...]:
    """All accounts of a role, in the order in which they were made."""
    chosen = select(tables.accounts).where(_OF.role == role).order_by(_OF.created_at, _OF.name)
    return tuple(
        Account(row.name, moment_of(row.created_at), role, _level(role, row.level))
        for row in connection.execute(chosen)
    )


def secret_of(connection: Connection, name: str) -> str | None:
    """The stored hash of an account, of whatever role."""
    found = stored(connection, name)
    return found[0] if found else None


def stored(connection: Connection, name: str) -> tuple[str, Caller] | None:
    """An account's hash, and who it is."""
    if "\0" in name:  # no database keeps that
        return None
    row = connection.execute(select(_OF.secret, _OF.role, _OF.level).where(_OF.name == name)).first()
    return (row.secret, Caller(name, row.role, _level(row.role, row.level))) if row else None


def _level(role: Role, text: str) -> Level | None:
    """An operator whose level nobody knows may only look."""
    return None if role == "appliance" else next((one for one in LEVELS if one == text), "read-only")


class Doorkeeper:
    """Tells whether a user name and a password belong together.

    A right password is remembered as a keyed digest, under a key that dies with the process, while the
    account's stored hash stays the same: only an account's first beat pays for scrypt.

    A wrong one always pays, two at a time, and waits a little. The time tells nothing of the account. So
    many wait at once, and no more: remembered passwords never do.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._key = secrets.token_bytes(32)
        self._known: dict[str, tuple[str, bytes]] = {}
        self._turns = asyncio.Semaphore(2)
        self._waiting = 0
        self._nobody = _sealed(SecretStr(secrets.token_hex(16)))

    async def caller(self, name: str, password: SecretStr) -> Caller | None:
        """Whose pair this is; None: it is wrong.

        Raises Refused: the database cannot be used (507, 500), too many passwords wait (503).
        """
        try:
            plain = password.get_secret_value().encode()
            digest = hmac.digest(self._key, name.encode() + b"\0" + plain, "sha256")
        except UnicodeEncodeError:
            return None
        known = await self._database.read(stored, name)
        if known is not None and self._remembers(name, known[0], digest):
            return known[1]
        if len(plain) <= _MOST_PASSWORD_BYTES:
            right = await self._compared(known[0] if known else self._nobody, plain)
            if right and known is not None:
                self._known[name] = (known[0], digest)
                return known[1]
        await asyncio.sleep(_FAILURE_SECONDS)
        return None

    async def _compared(self, stored: str, plain: bytes) -> bool:
        if self._waiting >= _MOST_WAITING:
            cause = "Too many passwords are being checked."
            raise Refused(503, "busy", cause, "Try again in a moment.", retry_after=_RETRY_SECONDS)
        self._waiting += 1
        try:
            async with self._turns:
                return await asyncio.to_thread(_matches, stored, plain)
        finally:
            self._waiting -= 1

    def _remembers(self, name: str, stored: str, digest: bytes) -> bool:
        known = self._known.get(name)
        return known is not None and known[0] == stored and hmac.compare_digest(known[1], digest)

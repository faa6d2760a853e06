"""Who is logged on to the pages: in the database, so that every process of the portal knows it.

A session's name is 256 random bits that only the browser holds; the database has its digest, and the token
of the forms is made of it. All moments are Unix seconds.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, update

from tm_tui.clock import moment_of
from tm_tui.portal.callers import Least, Level, level_of, may
from tm_tui.portal.logon_tables import sessions as _table
from tm_tui.portal.tables import accounts
from tm_tui.text import safe_text

__all__ = [
    "IDLE_SECONDS",
    "Begun",
    "Session",
    "begin",
    "end",
    "end_all",
    "find",
    "listed",
    "of",
    "say",
    "sweep",
    "touch",
]

IDLE_SECONDS = 15 * 60.0
LONGEST_SECONDS = 8 * 3600.0
_MOST_OF_ONE, _MOST = 10, 1000
_TOUCHED_AFTER = 10.0
_OF = _table.c


@dataclass(slots=True)
class Session:
    """One log-on. `token` stands in each form; `words` are to be said on the next page, once."""

    key: str
    account: str
    level: Level
    token: str
    words: str
    stale: bool
    """Its use is to be noted (`touch`)."""

    def may(self, least: Least) -> bool:
        """Whether what needs this level is to be offered."""
        return may(self.level, least)


def _key(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def begin(connection: Connection, operator: str, secret: str, source: str, now: float) -> str | None:
    """Log on; the name of the new session. None: the password that was right is the account's no more."""
    stored = select(accounts.c.secret).where(accounts.c.name == operator, accounts.c.role == "operator")
    if connection.execute(stored.with_for_update(read=True)).scalar() != secret:
        return None
    sweep(connection, now)
    _make_room(connection, _OF.operator == operator, _MOST_OF_ONE)
    _make_room(connection, None, _MOST)
    name = secrets.token_urlsafe(32)
    row = {"key": _key(name), "operator": operator, "source": safe_text(source, 200)}
    times = {"created_at": now, "seen_at": now, "expires_at": now + LONGEST_SECONDS}
    connection.execute(insert(_table).values(**row, **times))
    return name


def _make_room(connection: Connection, whose: ColumnElement[bool] | None, most: int) -> None:
    """Let those go that were longest unused, so that one more fits."""
    counted, found = select(func.count()).select_from(_table), select(_OF.key).order_by(_OF.seen_at)
    if whose is not None:
        counted, found = counted.where(whose), found.where(whose)
    over = connection.execute(counted).scalar_one() - most + 1
    if over > 0:
        keys = [row.key for row in connection.execute(found.limit(over))]
        connection.execute(delete(_table).where(_OF.key.in_(keys)))


def _over(now: float) -> ColumnElement[bool]:
    """What has ended: unused for long, too old, or of a clock that was set back since."""
    away = or_(_OF.seen_at < now - IDLE_SECONDS, _OF.seen_at > now + IDLE_SECONDS)
    return or_(away, _OF.expires_at < now, _OF.expires_at > now + 2 * LONGEST_SECONDS)


def find(connection: Connection, name: str | None, now: float) -> Session | None:
    """The session of this name, if it is still good, with its operator's level of now."""
    if not name or len(name) > 100 or not name.isascii():
        return None
    joined = and_(accounts.c.name == _OF.operator, accounts.c.role == "operator")
    chosen = select(_table, accounts.c.level).join(accounts, joined)
    row = connection.execute(chosen.where(_OF.key == _key(name), ~_over(now))).first()
    level = level_of("operator", row.level) if row else None
    if row is None or level is None:
        return None
    token = hmac.digest(name.encode(), b"form", "sha256").hex()
    return Session(row.key, row.operator, level, token, row.words, abs(now - row.seen_at) > _TOUCHED_AFTER)


def touch(connection: Connection, key: str, now: float) -> None:
    """Note that it was used."""
    connection.execute(update(_table).where(_OF.key == key).values(seen_at=now))


def say(connection: Connection, key: str, words: str) -> None:
    """Keep words for its next page; empty: they were said."""
    connection.execute(update(_table).where(_OF.key == key).values(words=safe_text(words, 500)))


def end(connection: Connection, name: str | None) -> None:
    """Log off."""
    if name:
        connection.execute(delete(_table).where(_OF.key == _key(name)))


def end_all(connection: Connection, operator: str, but: str = "") -> None:
    """End an operator's sessions, but the one with this key."""
    connection.execute(delete(_table).where(_OF.operator == operator, _OF.key != but))


@dataclass(frozen=True, slots=True)
class Begun:
    """One of an operator's sessions, as its operator looks at them."""

    key: str
    begun_at: datetime
    used_at: datetime
    source: str


def listed(connection: Connection, operator: str, now: float) -> tuple[Begun, ...]:
    """The sessions of one operator, the newest first."""
    chosen = select(_table).where(~_over(now), _OF.operator == operator).order_by(_OF.created_at.desc())
    return tuple(
        Begun(row.key, moment_of(row.created_at), moment_of(row.seen_at), row.source)
        for row in connection.execute(chosen)
    )


def of(connection: Connection, now: float) -> dict[str, int]:
    """How many sessions each operator has who is logged on."""
    chosen = select(_OF.operator, func.count().label("number")).where(~_over(now)).group_by(_OF.operator)
    rows = connection.execute(chosen)
    return {row.operator: row.number for row in rows}


def sweep(connection: Connection, now: float) -> None:
    """Forget those that have ended."""
    connection.execute(delete(_table).where(_over(now)))

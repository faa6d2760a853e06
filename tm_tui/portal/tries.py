"""Passwords that were wrong, counted in the database, so that all processes of the portal know of them.

Counted are the name that was typed and the address from which it came; after so many, both wait, longer
each time. A browser on which the operator has logged on before is counted apart (`known`), and so is a
network from which the operator's scripts came (`usual`): strangers who try the operator's name keep nobody
out of them. Of a name the database has 16 bits of a digest: what was typed as a name may be a password, and
a name that nobody has is counted like any other. Moments are Unix seconds.
"""

import hashlib
import hmac
import ipaddress

from sqlalchemy import Connection, case, delete, func, or_, select, update

from tm_tui.clock import moment_of
from tm_tui.portal import audit
from tm_tui.portal.engines import insert
from tm_tui.portal.logon_tables import logon_tries as _table
from tm_tui.portal.refusals import Refused
from tm_tui.spoken import span

__all__ = [
    "Locked",
    "came_from",
    "failed",
    "forgive",
    "keys_of",
    "mark_of",
    "right",
    "sweep",
    "take",
    "usual",
    "wait",
]

_FREE = {"name": 5, "known": 5, "from": 20}
_FIRST_WAIT, _LONGEST_WAIT = 30.0, 900.0
_FORGOTTEN_AFTER = 3600.0
_MOST, _MADE_FREE = 20_000, 1000
_USUAL_FOR, _NOTED_EACH = 90 * 86400.0, 86400.0
_OF = _table.c


class Locked(Refused):
    """Too many wrong passwords came: none is checked for so many seconds."""

    def __init__(self, seconds: float) -> None:
        cause, remedy = "Too many wrong passwords were given.", f"Try again in {span(max(1.0, seconds))}."
        super().__init__(429, "logon-locked", cause, remedy, retry_after=max(1, round(seconds)))


def keys_of(name: str, source: str, *, known: bool, usual: bool = False) -> tuple[str, ...]:
    """Under what a try is counted."""
    bucket, network = hashlib.sha256(name.encode(errors="replace")).hexdigest()[:4], _network(source)
    if usual:
        return (f"known/{bucket}/{network}",)
    return (f"known/{bucket}",) if known else (f"from/{network}", f"name/{bucket}")


def _usual_key(secret: str, source: str) -> str:
    return f"usual/{hmac.digest(secret.encode(), _network(source).encode(), 'sha256').hex()[:32]}"


def usual(connection: Connection, secret: str, source: str, now: float) -> bool:
    """Whether the account with this hash was right from that network, in the last 90 days (`came_from`)."""
    until = connection.execute(select(_OF.until).where(_OF.key == _usual_key(secret, source))).scalar()
    return until is not None and until > now


def came_from(connection: Connection, secret: str, source: str, now: float) -> None:
    """Note that this account's password came from there, and was right. A new password begins anew."""
    values = {"failures": 0, "last_at": now, "until": now + _USUAL_FOR}
    entry = insert(connection, _table).values(key=_usual_key(secret, source), **values)
    old = _OF.last_at < now - _NOTED_EACH
    connection.execute(entry.on_conflict_do_update(index_elements=["key"], set_=values, where=old))


def _network(source: str) -> str:
    """An address; of IPv6 the network of 64 bits, which one customer has whole."""
    try:
        address = ipaddress.ip_address(source.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped or ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def mark_of(secret: str) -> str:
    """What a browser holds on which this account has logged on. It is worth nothing after a new password."""
    return hmac.digest(secret.encode(), b"known browser", "sha256").hex()


def wait(connection: Connection, keys: tuple[str, ...], now: float) -> float:
    """Seconds for which none of these is checked."""
    until = connection.execute(select(func.max(_OF.until)).where(_OF.key.in_(keys))).scalar()
    return min(_LONGEST_WAIT, max(0.0, (until or 0.0) - now))


def take(connection: Connection, keys: tuple[str, ...], now: float) -> None:
    """Count a try, before its password is checked: any number at once get no more tries than one by one.

    Raises Locked, and nothing is counted.
    """
    for key in keys:  # in one order: nobody waits for each other
        entry = insert(connection, _table).values(key=key, failures=1, last_at=now)
        anew = case((_OF.last_at < now - _FORGOTTEN_AFTER, 1), else_=_OF.failures + 1)
        counted = entry.on_conflict_do_update(
            index_elements=["key"], set_={"failures": anew, "last_at": now}
        ).returning(_OF.failures, _OF.until)
        failures, until = connection.execute(counted).one()
        if until > now:
            raise Locked(min(_LONGEST_WAIT, until - now))
        over = failures - _FREE[key.partition("/")[0]]
        if over >= 0:
            later = now + min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(over, 10))
            connection.execute(update(_table).where(_OF.key == key).values(until=later))
        if failures == 1:
            _make_room(connection)


def _make_room(connection: Connection) -> None:
    """Let those go that are in nobody's way, the oldest first."""
    if connection.execute(select(func.count()).select_from(_table)).scalar_one() > _MOST:
        oldest = select(_OF.key).order_by(_OF.until, _OF.last_at).limit(_MADE_FREE)
        connection.execute(delete(_table).where(_OF.key.in_([row.key for row in connection.execute(oldest)])))


def right(connection: Connection, keys: tuple[str, ...]) -> None:
    """The password was right: its name begins anew, and its address has tried once less."""
    for key in keys:
        if key.startswith("from/"):
            less = {"failures": _OF.failures - 1, "until": 0.0}
            connection.execute(update(_table).where(_OF.key == key).values(less))
        else:
            connection.execute(delete(_table).where(_OF.key == key))


def forgive(connection: Connection, name: str) -> None:
    """Check its passwords again at once, wherever they come from."""
    found = {key for known in (True, False) for key in keys_of(name, "", known=known)} - {"from/"}
    of_networks = or_(*(_OF.key.startswith(f"{key}/", autoescape=True) for key in found))
    connection.execute(delete(_table).where(or_(_OF.key.in_(found), of_networks)))


def failed(connection: Connection, account: str, source: str, now: float) -> None:
    """Note it for the audit: a line an hour for each account, and one for all names that nobody has ("")."""
    key = f"told/{account}"
    row = connection.execute(select(_table).where(_OF.key == key).with_for_update()).first()
    if row is not None and 0 <= now - row.last_at < _FORGOTTEN_AFTER and row.entry is not None:
        words = f"{row.failures + 1} times, the last from {source}"
        connection.execute(update(_table).where(_OF.key == key).values(failures=_OF.failures + 1))
        audit.reword(connection, row.entry, words)
        return
    by = (account or "a name that nobody has", source)
    number = audit.note(connection, by, "logon-failed", "once", moment_of(now))
    values = {"failures": 1, "last_at": now, "entry": number}
    entry = insert(connection, _table).values(key=key, **values)
    connection.execute(entry.on_conflict_do_update(index_elements=["key"], set_=values))


def sweep(connection: Connection, now: float) -> None:
    """Forget what counts no more."""
    old = now - _FORGOTTEN_AFTER
    connection.execute(delete(_table).where(_OF.last_at < old, _OF.until < now))

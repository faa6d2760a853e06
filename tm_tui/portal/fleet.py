"""Registered Products as an operator looks at them: counts by state, search and filter, a page at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal, get_args
from urllib.parse import urlencode

from sqlalchemy import ColumnElement, Connection, Select, and_, case, false, func, or_, select

from tm_tui.portal import instances, tables
from tm_tui.portal.products import Product, products_of
from tm_tui.text import safe_text

__all__ = ["PAGE", "SINCE", "Counts", "FleetQuery", "counts", "found", "many", "named", "names", "versions"]

PAGE = 50
"""Rows of a page."""
State = Literal["", "missing", "waiting", "connected", "twice"]
Sort = Literal["", "name", "last", "waiting", "version"]
SINCE = {"hour": 3600.0, "day": 86400.0, "week": 7 * 86400.0}
"""Ages that a last beat can be asked for; `-hour` and so on: no beat in that time."""

_OF = tables.products.c
_LAST = func.coalesce(_OF.last_beat_at, _OF.updated_at)
_MOST_VERSIONS = 50
_LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class FleetQuery:
    """What stands in the address of the page. An unknown word counts as none."""

    state: State = ""
    text: str = ""
    version: str = ""
    beat: str = ""
    sort: Sort = ""
    page: int = 1

    @classmethod
    def of(cls, given: Any) -> "FleetQuery":
        """Read the members of a query string (a mapping)."""
        page = str(given.get("page", ""))
        beat = str(given.get("beat", ""))
        return cls(
            state=_one_of(given.get("state"), get_args(State)),
            text=safe_text(str(given.get("text", "")), _LONGEST_TEXT).strip(),
            version=safe_text(str(given.get("version", "")), _LONGEST_TEXT),
            beat=beat if beat.removeprefix("-") in SINCE else "",
            sort=_one_of(given.get("sort"), get_args(Sort)),
            page=int(page) if page.isascii() and page.isdigit() and 0 < len(page) < 7 else 1,
        )

    def address(self, **changed: Any) -> str:
        """This query with some members changed, as a query string that begins with `?`, or nothing."""
        told = {one.name: getattr(self, one.name) for one in fields(self)} | changed
        kept = {name: value for name, value in told.items() if value and (name, value) != ("page", 1)}
        return f"?{urlencode(kept)}" if kept else ""

    @property
    def narrows(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self.state or self.text or self.version or self.beat)


def _one_of(given: object, known: tuple[Any, ...]) -> Any:
    return given if given in known else ""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many there are by state. `twice` are those whose identity exists twice, whatever their state."""

    missing: int
    waiting: int
    connected: int
    twice: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.missing + self.waiting + self.connected


def _fresh(now: float) -> ColumnElement[bool]:
    """Within two intervals, in either direction, as `Product.state` says it."""
    return func.abs(now - _LAST) <= 2 * _OF.heartbeat_seconds


def counts(connection: Connection, now: datetime) -> Counts:
    """Count all of them."""
    fresh, beaten = _fresh(now.timestamp()), _OF.last_beat_at.is_not(None)
    row = connection.execute(
        select(
            func.count().label("total"),
            func.coalesce(func.sum(case((and_(fresh, beaten), 1), else_=0)), 0).label("connected"),
            func.coalesce(func.sum(case((and_(fresh, ~beaten), 1), else_=0)), 0).label("waiting"),
        ).select_from(tables.products)
    ).one()
    twice = len(instances.clones(connection, now))
    return Counts(row.total - row.connected - row.waiting, row.waiting, row.connected, twice)


def versions(connection: Connection) -> tuple[str, ...]:
    """The versions that there are, to choose from."""
    chosen = select(_OF.version).distinct().order_by(_OF.version).limit(_MOST_VERSIONS)
    return tuple(connection.execute(chosen).scalars())


def many(connection: Connection, query: FleetQuery, now: datetime) -> int:
    """How many a query finds."""
    number: int = connection.execute(_chosen(connection, select(func.count()), query, now)).scalar_one()
    return number


def found(connection: Connection, query: FleetQuery, now: datetime) -> tuple[Product, ...]:
    """The page of a query that it asks for."""
    chosen = _sorted(connection, select(tables.products), query, now)
    rows = connection.execute(chosen.offset((query.page - 1) * PAGE).limit(PAGE)).mappings().all()
    return products_of(connection, rows, now)


def names(connection: Connection, query: FleetQuery, now: datetime, most: int) -> list[str]:
    """The appliances that a query finds, on whatever page, in its order."""
    chosen = _sorted(connection, select(_OF.appliance), query, now).limit(most)
    return list(connection.execute(chosen).scalars())


def named(connection: Connection, some: Sequence[str], now: datetime) -> tuple[Product, ...]:
    """Those of these appliances that are still registered, in this order."""
    rows = connection.execute(select(tables.products).where(_OF.appliance.in_(some))).mappings().all()
    known = {row["appliance"]: row for row in rows}
    return products_of(connection, [known[one] for one in some if one in known], now)


def _sorted(connection: Connection, wanted: Select[Any], query: FleetQuery, now: datetime) -> Select[Any]:
    return _chosen(connection, wanted, query, now).order_by(*_order(query.sort, now.timestamp()))


def _chosen(connection: Connection, wanted: Select[Any], query: FleetQuery, now: datetime) -> Select[Any]:
    conditions = [*_of_state(connection, query.state, now), *_of_beat(query.beat, now.timestamp())]
    if query.version:
        conditions.append(_OF.version == query.version)
    if query.text:
        like = f"%{_literal(query.text.lower())}%"
        named = (_OF.appliance, _OF.email, _OF.account, _OF.version)
        conditions.append(or_(*(func.lower(column).like(like, escape="!") for column in named)))
    return wanted.select_from(tables.products).where(*conditions)


def _literal(text: str) -> str:
    """A text in which no sign means anything to LIKE."""
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def _of_state(connection: Connection, state: State, now: datetime) -> Iterator[ColumnElement[bool]]:
    fresh, beaten = _fresh(now.timestamp()), _OF.last_beat_at.is_not(None)
    if state == "twice":
        twice = instances.clones(connection, now)
        yield _OF.appliance.in_(twice) if twice else false()
    elif state:
        yield {"missing": ~fresh, "waiting": and_(fresh, ~beaten), "connected": and_(fresh, beaten)}[state]


def _of_beat(beat: str, now: float) -> Iterator[ColumnElement[bool]]:
    age = SINCE.get(beat.removeprefix("-"))
    if age is None:
        return
    within = and_(_OF.last_beat_at.is_not(None), _OF.last_beat_at >= now - age)
    yield ~within if beat.startswith("-") else within


def _order(sort: Sort, now: float) -> tuple[Any, ...]:
    """Without a choice the missing come first, the newest silence before older ones; then who waits."""
    if sort == "name":
        return (_OF.appliance,)
    if sort == "last":
        return (_LAST.desc(), _OF.appliance)
    if sort == "waiting":
        return (func.coalesce(_OF.waiting_events, 0).desc(), _OF.appliance)
    if sort == "version":
        return (_OF.version, _OF.appliance)
    fresh = _fresh(now)
    rank = case((~fresh, 0), (_OF.last_beat_at.is_(None), 1), else_=2)
    since = case((~fresh, -_LAST), else_=0.0)
    return (rank, since, _OF.appliance)

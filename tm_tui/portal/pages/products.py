"""Registered Products at a glance: counts by state, charts, the missing first, search, all of it as CSV."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from tm_tui.portal import fleet, removals, trends
from tm_tui.portal.core import Portal
from tm_tui.portal.fleet import FleetQuery
from tm_tui.portal.pages.charts import Chart, Series, chart
from tm_tui.portal.pages.page import Page, Shown
from tm_tui.portal.pages.tables import PIECE, as_csv, lines
from tm_tui.portal.products import Product

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["PAGES", "severity_chart"]

_DAYS = 14
_CHART_SECONDS = 60.0
_MOST_ROWS = 100_000
_SEVERITIES = ("low", "medium", "high", "critical")


async def _listed(portal: Portal, request: Request) -> Shown:
    query, now = FleetQuery.of(request.query_params), portal.clock.now()
    values = await portal.database.read(_values, query, now)
    plain = query == FleetQuery()
    charts = await portal.kept.get("fleet-charts", _CHART_SECONDS, lambda: _charts(portal)) if plain else ()
    return Shown("products.html", {**values, "query": query, "charts": charts, "since": tuple(fleet.SINCE)})


def _values(connection: Connection, query: FleetQuery, now: "datetime") -> dict[str, object]:
    number = fleet.many(connection, query, now)
    return {
        "counts": fleet.counts(connection, now),
        "number": number,
        "last_page": max(1, -(-number // fleet.PAGE)),
        "products": fleet.found(connection, query, now),
        "versions": fleet.versions(connection),
        "removed": removals.number(connection),
    }


async def _charts(portal: Portal) -> tuple[Chart, ...]:
    return await portal.database.read(_drawn, portal.clock.now())


def _drawn(connection: Connection, now: "datetime") -> tuple[Chart, ...]:
    days = trends.days_until(now, _DAYS)
    beats, looks = trends.beats_of_fleet(connection, days[0]), dict(trends.looks(connection, days[0]))
    noted = looks.get(days[-1], (0, 0))[0]
    looks[days[-1]] = noted, fleet.counts(connection, now).missing  # as the numbers beside the chart say it
    issues = tuple(looks.get(day, (0, 0))[0] for day in days)
    missing = tuple(looks.get(day, (0, 0))[1] for day in days)
    return (
        chart("Missing appliances", days, Series("missing", "bad", missing)),
        chart("Beats a day", days, Series("beats", "plain", tuple(beats.get(day, 0) for day in days))),
        severity_chart(days, trends.severities(connection, days)),
        chart("Endpoints with issues", days, Series("endpoints", "high", issues)),
    )


def severity_chart(days: tuple[date, ...], found: Mapping[date, Mapping[str, int]]) -> Chart:
    """Threat events a day, by severity."""
    return chart(
        "Threat events a day",
        days,
        *(Series(one, one, tuple(found.get(day, {}).get(one, 0) for day in days)) for one in _SEVERITIES),
    )


_HEAD = (
    *("appliance", "state", "last_beat_at", "missed_beats", "waiting_events", "version", "edition"),
    *("email", "account", "registered_at", "heartbeat_seconds", "clock_skew_seconds", "clones"),
)


def _row(product: Product) -> tuple[object, ...]:
    told = product.model_dump(mode="json")
    return tuple(" ".join(told[name]) if name == "clones" else told[name] for name in _HEAD)


async def _taken(portal: Portal, request: Request) -> Response:
    """All that the query finds, on whatever page."""
    query, now = FleetQuery.of(request.query_params), portal.clock.now()
    names = await portal.database.read(fleet.names, query, now, _MOST_ROWS)

    def piece(connection: Connection, some: Sequence[str]) -> str:
        return lines(map(_row, fleet.named(connection, some, now)))

    async def pieces() -> AsyncIterator[str]:
        for start in range(0, len(names), PIECE):
            yield await portal.database.read(piece, names[start : start + PIECE])

    return as_csv("registered-products", _HEAD, pieces())


PAGES = (
    Page("products", _listed, "Registered Products", sees="read-only"),
    Page("products.csv", _taken, sees="read-only"),
)

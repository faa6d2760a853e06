"""`/metrics` of the status server: OpenMetrics 1.0 for a collector that shows a bearer token.

Without a token there is no such path. The numbers are at most a quarter of a minute old, those of the whole
index a minute.
"""

import hmac
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from sqlalchemy import Connection, func, select
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tm_tui.errors import TmError
from tm_tui.portal import fleet, tables, trends
from tm_tui.portal.alerts import records
from tm_tui.portal.alerts.failures import secret_in
from tm_tui.portal.alerts.message import KINDS
from tm_tui.portal.answers import refusal
from tm_tui.portal.core import Portal
from tm_tui.portal.endpoints import issues
from tm_tui.portal.refusals import Refused

__all__ = ["KEPT_TOKEN", "Metrics"]

KEPT_TOKEN = "metrics-token"  # noqa: S105 # a file's name in HOME/keys
_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_SECONDS, _INDEX_SECONDS = 15.0, 60.0
_CHALLENGE = {"www-authenticate": 'Bearer realm="TMSP metrics"'}
Samples = Iterable[tuple[Mapping[str, str], float]]


class Metrics:
    """ASGI: answers `/metrics` where there is a token, and passes on the rest."""

    def __init__(self, portal: Portal, inside: ASGIApp) -> None:
        self._portal = portal
        self._inside = inside
        self._token = portal.home.path / "keys" / KEPT_TOKEN

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope.get("path") != "/metrics" or not self._token.exists():
            await self._inside(scope, receive, send)
            return
        try:
            response = await self._answer(Request(scope, receive))
        except Refused as error:
            response = refusal(error, _CHALLENGE if error.status == 401 else {})
            source = scope["client"][0] if scope["client"] else ""
            self._portal.log.refuse("refused", source, server="metrics", status=error.status)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        """The text. Raises Refused."""
        if request.method not in {"GET", "HEAD"}:
            raise Refused(405, "wrong-method", "This cannot be done here.", "Send GET.", close=True)
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {_token(self._token)}".encode()):
            remedy = "Send the token that `tm-tui portal metrics` made, as Authorization: Bearer."
            raise Refused(401, "wrong-token", "The token is missing or wrong.", remedy, close=True)
        request.state.admit("operator", "metrics")
        portal = self._portal
        quick = await portal.kept.get("metrics", _SECONDS, self._quick)
        index = await portal.kept.get("metrics-index", _INDEX_SECONDS, self._index)
        return Response(f"{quick}{index}# EOF\n", media_type=_TYPE)

    async def _quick(self) -> str:
        now = self._portal.clock.now()

        def read(connection: Connection) -> str:
            found = fleet.counts(connection, now)
            days = trends.days_until(now, 1)
            states = {"missing": found.missing, "waiting": found.waiting, "connected": found.connected}
            waiting = func.coalesce(func.sum(tables.products.c.waiting_events), 0)
            alerts, messages = records.standing_by_kind(connection), records.waiting(connection)
            told = (
                _family("products", "Registered products by state.", _by("state", states)),
                _family("clones", "Identities that exist twice.", _one(found.twice)),
                _family(
                    "waiting_events",
                    "Events that wait at all appliances, as they said it last.",
                    _one(connection.execute(select(waiting)).scalar_one()),
                ),
                _family(
                    "beats_today",
                    "Beats since midnight in the portal's zone.",
                    _one(sum(trends.beats_of_fleet(connection, days[0]).values())),
                ),
                _family("endpoints_with_issues", "Endpoints with issues.", _one(issues(connection, now))),
                _family(
                    "alerts",
                    "Alerts that hold, by kind.",
                    _by("kind", {kind: alerts.get(kind, 0) for kind in KINDS if kind != "test"}),
                ),
                _family(
                    "alert_messages_waiting",
                    "Messages that could not be sent yet, by way.",
                    _by("way", {way: number for way, (number, _) in messages.items()}),
                ),
            )
            return "".join(line for family in told for line in family)

        return await self._portal.database.read(read)

    async def _index(self) -> str:
        def read(connection: Connection) -> str:
            of = tables.batches.c
            rows = connection.execute(
                select(of.kind, func.count().label("batches"), func.sum(of.events).label("events"))
                .where(of.swept_at.is_(None))
                .group_by(of.kind)
            ).all()
            batches = _by("kind", {row.kind: row.batches for row in rows})
            events = _by("kind", {row.kind: int(row.events) for row in rows})
            told = (
                _family("batches", "Batches that the portal keeps, by kind.", batches),
                _family("events", "Events in these batches, by kind.", events),
            )
            return "".join(line for family in told for line in family)

        return await self._portal.database.read(read)


def _token(path: Path) -> str:
    try:
        return secret_in(path)
    except TmError as error:
        raise Refused(500, "storage-failed", error.cause, error.remedy, close=True) from None


def _one(value: float) -> Samples:
    return (({}, value),)


def _by(label: str, values: Mapping[str, float]) -> Samples:
    return tuple(({label: word}, value) for word, value in values.items())


def _family(name: str, words: str, samples: Samples) -> Iterator[str]:
    """One metric as text, all of them gauges."""
    yield f"# HELP tmsp_{name} {words}\n# TYPE tmsp_{name} gauge\n"
    for labels, value in samples:
        told = ",".join(f'{label}="{_escaped(word)}"' for label, word in labels.items())
        yield f"tmsp_{name}{f'{{{told}}}' if told else ''} {value:.15g}\n"


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

"""The demo's story of a report: logs delivered, an incident made of them, noticed, fetched, shown."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tm_tui.api.requests import ReadMarks
from tm_tui.demo.logs import lines_of
from tm_tui.errors import TmError
from tm_tui.markdown_rows import rows_of

if TYPE_CHECKING:
    from tm_tui.api.reports import ReportInfo
    from tm_tui.demo.stage import Stage

__all__ = ["report_of_an_incident"]

_WAIT_LIMIT = 25.0
_TITLE = "RTKT_HIDE.C on till-07.shop.example.net"
_SAID = (
    f"Incident: {_TITLE}",
    "Malicious behaviours",
    "invoice.pdf.exe connected to 198.51.100.23:443",
    "Chain of events that led to the infection",
    "Recommended actions",
    "submit a case",
)

_CHAIN = (
    ("outlook.exe", "opened", "invoice.pdf.exe", "explorer.exe"),
    ("invoice.pdf.exe", "connected to", "198.51.100.23:443", "outlook.exe"),
    ("invoice.pdf.exe", "created", "C:\\Windows\\Temp\\rk.sys", "outlook.exe"),
    ("services.exe", "registered the service", "rk", "wininit.exe"),
)


def _events(name: str, now: datetime) -> list[dict[str, Any]]:
    endpoint = {"hostname": "till-07.shop.example.net", "ip": "192.0.2.77"}
    event = {
        "kind": "threat-event",
        "id": f"{name}-t",
        "time": now.isoformat(),
        "endpoint": endpoint,
        "event_type": "threat-discovery-appliance-event",
        "source": "threat-discovery-appliance",
        "status": "unsuccessful",
        "threat": {"name": "RTKT_HIDE.C", "severity": "critical"},
    }
    chain = [
        {
            "time": (now - timedelta(seconds=60 - 10 * n)).isoformat(),
            "actor": actor,
            "action": action,
            "object": thing,
            "parent": parent,
        }
        for n, (actor, action, thing, parent) in enumerate(_CHAIN)
    ]
    cause = {"kind": "root-cause", "id": f"{name}-r", "time": now.isoformat(), "endpoint": endpoint}
    return [event, {**cause, "threat_event_id": event["id"], "chain": chain}]


async def report_of_an_incident(stage: "Stage") -> str:
    """From root cause and threat event to an incident report of the portal, noticed, fetched and shown.

    Needs an appliance that is connected.
    """
    name = f"incident-{datetime.now(UTC):%H%M%S%f}"
    known = {report.number for report in (await stage.client.reports()).reports}
    taken = await stage.client.add_events(lines_of(_events(name, datetime.now(UTC))))
    if taken.accepted != 2:
        raise TmError(f"{taken.accepted} of 2 events were accepted.", "See the agent's log.")
    reply = await stage.client.send_logs()
    while not reply.done:
        reply = await stage.client.sent(reply.number)
    if reply.failure is not None:
        raise TmError(f"Not delivered: {reply.failure.cause}", reply.failure.remedy)
    report = await _fetched(stage, known)
    document = await stage.client.report(report.number)
    shown = "\n".join(row.text for row in rows_of(document.text, 100))
    missing = [words for words in _SAID if words not in shown]
    if missing:
        raise TmError(f"The report does not say: {', '.join(missing)}.", "See `tm-tui report show latest`.")
    await stage.client.mark_reports(ReadMarks(numbers=(report.number,)))
    return f"{report.kind}, {report.title}: {document.info.bytes} bytes, {len(shown.splitlines())} lines"


async def _fetched(stage: "Stage", known: set[int]) -> "ReportInfo":
    """Wait for a beat to tell of it and for the agent to fetch it; the agent pushes each change."""
    try:
        async with asyncio.timeout(_WAIT_LIMIT):
            async for _ in stage.client.status_stream():
                for report in (await stage.client.reports()).reports:
                    if report.number not in known and report.title == _TITLE:
                        return report
    except TimeoutError:
        pass
    failure = (await stage.client.status()).reports.last_failure
    why = f" Last failure: {failure.cause}" if failure else ""
    raise TmError(f"No report came within {_WAIT_LIMIT:.0f} s.{why}", "See `tm-tui report list`.")

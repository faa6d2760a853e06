"""What `tm-tui portal endpoints` prints, piece by piece: there may be more endpoints than fit into memory."""

from collections.abc import Iterator

from sqlalchemy import Connection

from tm_tui.clock import SystemClock
from tm_tui.portal import endpoints
from tm_tui.portal.endpoints import Endpoint
from tm_tui.spoken import utc_time

__all__ = ["as_json_object", "as_lines"]


def _all(connection: Connection, *, every: bool) -> Iterator[Endpoint]:
    now, after = SystemClock().now(), ""
    while found := endpoints.listed(connection, now, every=every, after=after):
        yield from found
        after = found[-1].cursor


def as_json_object(connection: Connection, *, every: bool) -> Iterator[str]:
    """One JSON object on a line: `{"unread_batches": n, "endpoints": [...]}`."""
    yield f'{{"unread_batches": {endpoints.unread_batches(connection)}, "endpoints": ['
    comma = ""
    for one in _all(connection, every=every):
        yield comma + one.model_dump_json()
        comma = ", "
    yield "]}\n"


def as_lines(connection: Connection, *, every: bool) -> Iterator[str]:
    """One line an endpoint, and what is missing in the list."""
    unread = endpoints.unread_batches(connection)
    known = False
    for one in _all(connection, every=every):
        known = True
        yield _line(one)
    if not known:
        yield "No endpoint is known.\n" if every else "No endpoint has a mitigation issue.\n"
    if unread:
        yield f"Threat event logs that are not read yet: {unread}. What they say is missing here.\n"


def _line(one: Endpoint) -> str:
    addresses = ", ".join(text for text in (one.ip, one.mac) if text) or "no address"
    threat = f"{one.threat} ({one.severity})"
    return (
        f"{one.hostname}  {one.status}  since {utc_time(one.since)} UTC  {threat}"
        f"  [{addresses}; {one.appliance}]\n"
    )

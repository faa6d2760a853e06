"""Getting reports from the status server: the list, then each text, within bounds of size and time."""

import hashlib
import re

from pydantic import ValidationError

from tm_tui.link.bandwidth import Bandwidth
from tm_tui.link.failures import LinkFailure, failure
from tm_tui.link.https import LinkClient, Reply, call
from tm_tui.reports.protocol import (
    MOST_REPORT_BYTES,
    REPORT_ID_PATTERN,
    REPORT_TYPE,
    ReportEntry,
    ReportList,
)

__all__ = ["fetch_report", "list_reports"]

_ID = re.compile(REPORT_ID_PATTERN)
_MOST_LIST_BYTES = 1 << 20


async def list_reports(client: LinkClient, appliance: str, bandwidth: Bandwidth) -> tuple[ReportEntry, ...]:
    """Ask what there is, the newest first; what is named or sized otherwise than allowed is left out.

    Raises LinkFailure.
    """
    path = f"/v1/reports?appliance={appliance}"
    patience = _patience(client, _MOST_LIST_BYTES, bandwidth)
    reply = await call(client, "GET", path, most_bytes=_MOST_LIST_BYTES, accept=(200,), seconds=patience)
    try:
        told = ReportList.model_validate_json(reply.body)
    except ValidationError:
        raise _not_understood(client) from None
    return tuple(one for one in told.reports if _ID.fullmatch(one.id) and 0 < one.bytes <= MOST_REPORT_BYTES)


async def fetch_report(client: LinkClient, entry: ReportEntry, bandwidth: Bandwidth) -> str | None:
    """Fetch one report, exactly as it was listed; None if it is there no longer. Raises LinkFailure."""
    patience = _patience(client, entry.bytes, bandwidth)
    reply = await call(
        client,
        "GET",
        f"/v1/reports/{entry.id}",
        most_bytes=MOST_REPORT_BYTES,
        accept=(200, 404),
        seconds=patience,
    )
    if reply.status == 404:
        return None
    if not _is_markdown(reply) or hashlib.sha256(reply.body).hexdigest() != entry.sha256:
        raise _not_understood(client)
    try:
        return reply.body.decode()
    except UnicodeDecodeError:
        raise _not_understood(client) from None


def _is_markdown(reply: Reply) -> bool:
    return reply.headers.get("content-type", "").partition(";")[0].strip().lower() == REPORT_TYPE


def _patience(client: LinkClient, size: int, bandwidth: Bandwidth) -> float:
    """Seconds that an answer of this size may take: twice what the download limit makes it take, and more."""
    rate = bandwidth.download.rate
    return client.link.limits.transfer + (2 * size / rate if rate else 0.0)


def _not_understood(client: LinkClient) -> LinkFailure:
    return failure("reply-not-understood", "service", client.link.endpoint, client.link.proxy)

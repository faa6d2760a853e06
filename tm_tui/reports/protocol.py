"""The JSON body of GET /v1/reports (docs/protocol.md, "Reports"), shared with the portal."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, FailFast, Field

from tm_tui.text import SafeText
from tm_tui.values import Count, Moment

__all__ = [
    "MOST_LISTED",
    "MOST_REPORT_BYTES",
    "NOTICE_KIND",
    "REPORT_ID_PATTERN",
    "REPORT_TYPE",
    "ReportEntry",
    "ReportList",
]

NOTICE_KIND = "report"
REPORT_TYPE = "text/markdown"
REPORT_ID_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"
"""How a report may be named. It is a key, and on no side a path."""
MOST_REPORT_BYTES = 256 << 10
MOST_LISTED = 200


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class ReportEntry(_Body):
    """One report as it is listed. It never changes under its id."""

    id: SafeText
    kind: SafeText
    title: SafeText
    made_at: Moment
    bytes: Count
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}\z")]


class ReportList(_Body):
    """200. The newest first."""

    server_time: Moment
    reports: Annotated[tuple[ReportEntry, ...], Field(max_length=MOST_LISTED), FailFast()]
    """The first that is wrong ends the reading: half a million of them took seconds."""

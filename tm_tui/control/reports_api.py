"""What TMSP's reports say over the control socket: frozen shapes, beside those of control/api.py."""

from datetime import datetime

from pydantic import Field

from tm_tui.control.shapes import LastFailure, Shape
from tm_tui.text import SafeText

__all__ = ["ReadMarks", "ReportDocument", "ReportInfo", "ReportsDocument", "ReportsStatus"]


class ReportInfo(Shape):
    """One report that was fetched. `number` is this appliance's own and never comes again, `id` is TMSP's."""

    number: int
    id: SafeText
    kind: SafeText
    """incident, daily, weekly, monthly, or another word of a newer portal."""
    title: SafeText
    made_at: datetime
    fetched_at: datetime
    bytes: int
    read: bool


class ReportsStatus(Shape):
    """How reports stand, as a part of the snapshot."""

    enabled: bool = False
    """False while sending to TMSP is switched off: nothing is fetched then."""
    unread: int = 0
    kept: int = 0
    newest: ReportInfo | None = None
    checked_at: datetime | None = None
    """When the portal's list was last compared with what is kept."""
    fetching: bool = False
    last_failure: LastFailure | None = None


class ReportsDocument(Shape):
    """The answer to GET /v1/reports and to POST /v1/reports/read. The newest first."""

    status: ReportsStatus
    reports: tuple[ReportInfo, ...] = Field(max_length=1000)


class ReportDocument(Shape):
    """The answer to GET /v1/reports/NUMBER. The text is Markdown, safe to show, with its line breaks."""

    info: ReportInfo
    text: str


class ReadMarks(Shape):
    """The body of POST /v1/reports/read: these numbers become read, or unread again."""

    numbers: tuple[int, ...] = Field(min_length=1, max_length=1000)
    read: bool = True

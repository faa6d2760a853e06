"""What TMSP's reports say over the control socket: frozen shapes, beside those of api/agent.py."""

from typing import Annotated

from pydantic import Field

from tm_tui.api.shapes import LastFailure, Shape, Unreadable
from tm_tui.text import SafeLines, SafeText
from tm_tui.values import Count, Moment

MOST_TEXT = 1 << 20
"""Characters of a report; the portal may send a quarter of that."""

__all__ = ["ReadMarks", "ReportDocument", "ReportInfo", "ReportsDocument", "ReportsStatus"]


class ReportInfo(Shape):
    """One report that was fetched. `number` is this appliance's own and never comes again, `id` is TMSP's."""

    number: Count
    id: SafeText
    kind: SafeText
    """incident, daily, weekly, monthly, or another word of a newer portal."""
    title: SafeText
    made_at: Moment
    fetched_at: Moment
    bytes: Count
    read: bool


class ReportsStatus(Shape):
    """How reports stand, as a part of the snapshot."""

    enabled: bool = False
    """False while sending to TMSP is switched off: nothing is fetched then."""
    unread: Count = 0
    kept: Count = 0
    newest: ReportInfo | None = None
    checked_at: Moment | None = None
    """When the portal's list was last compared with what is kept."""
    fetching: bool = False
    last_failure: LastFailure | None = None


class ReportsDocument(Shape):
    """The answer to GET /v1/reports and to POST /v1/reports/read. The newest first."""

    status: ReportsStatus
    reports: tuple[ReportInfo, ...] = Field(max_length=1000)
    unreadable: tuple[Unreadable, ...] = Field((), max_length=1000)


class ReportDocument(Shape):
    """The answer to GET /v1/reports/NUMBER. The text is Markdown, safe to show, with its line breaks."""

    info: ReportInfo
    text: Annotated[SafeLines, Field(max_length=MOST_TEXT)]


class ReadMarks(Shape):
    """The body of POST /v1/reports/read: these numbers become read, or unread again."""

    numbers: tuple[Count, ...] = Field(min_length=1, max_length=1000)
    read: bool = True

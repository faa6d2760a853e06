"""What TMSP's reports say over the control socket: frozen shapes, beside those of api/agent.py."""

from typing import Annotated

from tm_tui.api.shapes import LastFailure, Shape, Unreadable
from tm_tui.text import SafeLines, SafeText
from tm_tui.values import Bounds, Count, Moment

MOST_TEXT = 1 << 20
"""Characters of a report; the portal may send a quarter of that."""

__all__ = ["ReportDocument", "ReportInfo", "ReportsDocument", "ReportsStatus"]


class ReportInfo(Shape, kw_only=True):
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


class ReportsStatus(Shape, kw_only=True):
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


class ReportsDocument(Shape, kw_only=True):
    """The answer to GET /v1/reports and to POST /v1/reports/read. The newest first."""

    status: ReportsStatus
    reports: Annotated[tuple[ReportInfo, ...], Bounds(0, 1000)]
    unreadable: Annotated[tuple[Unreadable, ...], Bounds(0, 1000)] = ()


class ReportDocument(Shape, kw_only=True):
    """The answer to GET /v1/reports/NUMBER. The text is Markdown, safe to show, with its line breaks."""

    info: ReportInfo
    text: Annotated[SafeLines, Bounds(0, MOST_TEXT)]

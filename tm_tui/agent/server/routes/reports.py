"""Reports on the control socket: GET /v1/reports and /v1/reports/NUMBER, POST /v1/reports/read."""

from typing import TYPE_CHECKING

from starlette.requests import Request

from tm_tui.agent.server.binding import Bound, bind, bind_order
from tm_tui.api import calls, orders
from tm_tui.api.reports import ReportDocument, ReportsDocument
from tm_tui.api.requests import ReadMarks
from tm_tui.serving.refusals import Refused

if TYPE_CHECKING:
    from tm_tui.reports.service import ReportService

__all__ = ["report_routes"]


def report_routes(reports: "ReportService") -> list[Bound]:
    """Make the routes."""

    async def listed(_request: Request) -> ReportsDocument:
        return _document(reports)

    async def one(request: Request) -> ReportDocument:
        number = request.path_params["number"]
        info = next((report for report in reports.reports() if report.number == number), None)
        text = await reports.text(number) if info else None
        if info is None or text is None:
            raise Refused(404, "not-found", "There is no report of this number.", "See GET /v1/reports.")
        return ReportDocument(info=info, text=text)

    async def read(_request: Request, marks: ReadMarks) -> ReportsDocument:
        await reports.mark(marks.numbers, read=marks.read)
        return _document(reports)

    return [
        bind(calls.REPORTS, listed),
        bind_order(orders.MARK_REPORTS, read),
        bind(calls.REPORT, one),
    ]


def _document(reports: "ReportService") -> ReportsDocument:
    return ReportsDocument(
        status=reports.status(), reports=reports.reports(), unreadable=reports.unreadable()
    )

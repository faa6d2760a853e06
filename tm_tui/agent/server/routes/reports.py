"""Reports on the control socket: GET /v1/reports and /v1/reports/NUMBER, POST /v1/reports/read."""

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tm_tui.agent.server.http import body_of
from tm_tui.api.reports import ReadMarks, ReportDocument, ReportsDocument
from tm_tui.serving.refusals import Refused, answer

if TYPE_CHECKING:
    from tm_tui.reports.service import ReportService

__all__ = ["report_routes"]


def report_routes(reports: "ReportService") -> list[Route]:
    """Make the routes."""

    async def listed(_request: Request) -> Response:
        return answer(_document(reports))

    async def one(request: Request) -> Response:
        number = request.path_params["number"]
        info = next((report for report in reports.reports() if report.number == number), None)
        text = await reports.text(number) if info else None
        if info is None or text is None:
            raise Refused(404, "not-found", "There is no report of this number.", "See GET /v1/reports.")
        return answer(ReportDocument(info=info, text=text))

    async def read(request: Request) -> Response:
        marks = await body_of(request, ReadMarks)
        await reports.mark(marks.numbers, read=marks.read)
        return answer(_document(reports))

    return [
        Route("/v1/reports", listed, methods=["GET"]),
        Route("/v1/reports/read", read, methods=["POST"]),
        Route("/v1/reports/{number:int}", one, methods=["GET"]),
    ]


def _document(reports: "ReportService") -> ReportsDocument:
    return ReportsDocument(
        status=reports.status(), reports=reports.reports(), unreadable=reports.unreadable()
    )

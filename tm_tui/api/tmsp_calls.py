"""The client's calls about cases, custom patterns and reports."""

from typing import TYPE_CHECKING

from tm_tui.api import calls
from tm_tui.api.asking import Asking
from tm_tui.api.cases import CaseInfo, CasesDocument
from tm_tui.api.patterns import DeploymentInfo, PatternsDocument, RootForgotten
from tm_tui.api.reports import ReportDocument, ReportsDocument

if TYPE_CHECKING:
    from tm_tui.api.requests import DeployRequest, ReadMarks, SubmitRequest

__all__ = ["TmspCalls"]


class TmspCalls(Asking):
    """What goes to TMSP beside logs, and what comes back."""

    async def cases(self) -> CasesDocument:
        """All cases, the newest first, and what lies in the inbox."""
        return await self._ask(calls.CASES)

    async def case(self, number: int) -> CaseInfo:
        """One case (404 when there is none)."""
        return await self._ask(calls.CASE, number)

    async def submit_case(self, request: "SubmitRequest") -> CaseInfo:
        """Hand a case in; 422 names each wrong field, and paths that cannot be part of a case."""
        from tm_tui.api import orders

        return await self._ask(orders.SUBMIT_CASE, body=request)

    async def submit_diagnostics(self) -> CaseInfo:
        """Hand the bundle for support in as a case."""
        return await self._ask(calls.SUBMIT_DIAGNOSTICS)

    async def cancel_case(self, number: int) -> CaseInfo:
        """Give a case up (409 when the portal has it already)."""
        return await self._ask(calls.CANCEL_CASE, number)

    async def send_cases(self) -> CasesDocument:
        """Try again at once what waits or is paused (409 while sending is switched off)."""
        return await self._ask(calls.SEND_CASES)

    async def patterns(self) -> PatternsDocument:
        """The custom patterns, the endpoints that need one, and the deployments."""
        return await self._ask(calls.PATTERNS)

    async def check_patterns(self) -> PatternsDocument:
        """Have the portal's patterns looked at now (409 while sending is switched off); see `checks`."""
        return await self._ask(calls.CHECK_PATTERNS)

    async def deploy_pattern(self, request: "DeployRequest") -> DeploymentInfo:
        """Begin a deployment (409 when there is no such pattern, no deployer, or no endpoint)."""
        from tm_tui.api import orders

        return await self._ask(orders.DEPLOY, body=request)

    async def deployment(self, number: int, *, wait: bool = False) -> DeploymentInfo:
        """One deployment; with `wait` when it is done, or after 25 s."""
        if wait:
            return await self._ask(calls.DEPLOYMENT, number, wait="1")
        return await self._ask(calls.DEPLOYMENT, number)

    async def forget_pattern_root(self) -> RootForgotten:
        """Trust the keys that the portal names at the next registration or check, instead of the old ones."""
        return await self._ask(calls.FORGET_ROOT)

    async def reports(self) -> ReportsDocument:
        """The reports that were fetched, the newest first, and how that stands."""
        return await self._ask(calls.REPORTS)

    async def report(self, number: int) -> ReportDocument:
        """One report with its Markdown (404 when there is none of this number)."""
        return await self._ask(calls.REPORT, number)

    async def mark_reports(self, marks: "ReadMarks") -> ReportsDocument:
        """Mark reports as read or unread."""
        from tm_tui.api import orders

        return await self._ask(orders.MARK_REPORTS, body=marks)

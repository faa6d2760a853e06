"""The Reports page: what TMSP reported, with marks for what was not read; Enter reads."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.content import Content
from textual.widget import Widget

from screens.desk.ages import clock_time
from screens.desk.messages import ForAgent
from screens.desk.seen import Seen
from screens.pages.reader import Reader
from screens.widgets.block import Block
from screens.widgets.page import Page, beside
from screens.widgets.pick_list import PickList, Row
from screens.widgets.rows import doubt_rows
from tm_tui.api.registration_words import off
from tm_tui.api.reports import ReportInfo, ReportsDocument, ReportsStatus
from tm_tui.api.requests import ReadMarks
from tm_tui.spoken import count, local_time

if TYPE_CHECKING:
    from screens.desk.desk import Desk

__all__ = ["ReportsPage"]


_NONE = "None is here. TMSP makes them of the logs: each day, week and month."


class ReportsPage(Page):
    """It follows the snapshot: the list is asked for again when that says something new."""

    DEFAULT_CSS = beside(__file__)
    HELP = "reports"
    HINT = "Enter Read"

    def __init__(self) -> None:
        super().__init__()
        self._about = Block(classes="about")
        self._list = PickList(nothing=_NONE, heads=("  Made", "Kind", "Report"), least=(13, 8))
        self._reports: dict[str, ReportInfo] = {}
        self._known: tuple[object, ...] | None = None
        self._read_only = True

    def compose(self) -> ComposeResult:
        """How it stands, and the list."""
        yield self._about
        yield self._list

    def first(self) -> Widget | None:
        """The list."""
        return self._list

    def told_role(self, *, read_only: bool) -> None:
        """Who may only look reads too, and leaves the marks alone."""
        self._read_only = read_only

    def told_status(self, seen: Seen, now: float) -> None:
        """Show how it stands; ask for the list when it is not the one that is shown."""
        if seen.status is None:
            self._about.show(Content(seen.cause))
            return
        status = seen.status.reports
        lines = list(doubt_rows(seen, now))
        self._about.show(Content("\n").join([*lines, *_about(status, off(seen.status.status_server))]))
        newest = status.newest.number if status.newest else None
        known = (seen.status.pid, status.kept, status.unread, newest)
        if known != self._known and not seen.stale:
            self._known = known
            self.post_message(ForAgent(self._ask, "reports"))

    async def _ask(self, desk: "Desk") -> None:
        self._told(await desk.agent.reports())

    def _told(self, document: ReportsDocument) -> None:
        self._reports = {str(report.number): report for report in document.reports}
        damaged = [Row(f"damaged {n}", f"! {one.words}") for n, one in enumerate(document.unreadable)]
        self._list.tell([*(_row(key, report) for key, report in self._reports.items()), *damaged])

    def on_pick_list_chosen(self, event: PickList.Chosen) -> None:
        """Read it, if it can be."""
        report = self._reports.get(event.pick_list.chosen or "")
        if report is None:
            return

        async def read(desk: "Desk") -> None:
            document = await desk.agent.report(report.number)
            self.app.push_screen(Reader(document.info.title, document.text))
            if not document.info.read and not self._read_only:
                self._told(await desk.agent.mark_reports(ReadMarks(numbers=(report.number,))))

        self.post_message(ForAgent(read, "report"))


def _row(key: str, report: ReportInfo) -> Row:
    made = local_time(report.made_at, "%m-%d %H:%M")
    mark = " " if report.read else "*"
    return Row(key, "", not report.read, (f"{mark} {made}", report.kind, report.title))


def _about(status: ReportsStatus, why_off: str) -> Iterator[Content]:
    kept = f"{count(status.kept, 'report')}, {status.unread} not read (*)"
    if not status.enabled:
        words = f"{why_off}: no reports are fetched, and those made now hold no data."
        yield Content.styled(words, "bold")
        yield Content(kept)
        return
    when = (
        f"looked at the portal {clock_time(status.checked_at)[11:19]}"
        if status.checked_at
        else "not looked at the portal yet"
    )
    yield Content(f"{kept}, {'being fetched now' if status.fetching else when}")
    if status.last_failure is not None:
        failure = status.last_failure
        times = f", {failure.count} times" if failure.count > 1 else ""
        yield Content.assemble("Not fetched: ", (failure.code, "bold"), times)
        yield Content(f"{failure.cause} {failure.remedy}")

"""The Reports page: what TMSP reported, with marks for what was not read; Enter reads."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Blur, Focus, Resize
from textual.geometry import Offset
from textual.message import Message
from textual.widget import Widget

from screens.messages import ForAgent
from screens.reader import Reader
from screens.seen import Seen
from screens.widgets.ages import clock_time
from screens.widgets.block import Block
from screens.widgets.page import Page, beside
from screens.widgets.painted import BOLD, PLAIN, REVERSE, Painted, Parts
from screens.widgets.rows import old_row
from screens.widgets.tail import fitted
from tm_tui.control.reports_api import ReadMarks, ReportInfo, ReportsDocument, ReportsStatus

if TYPE_CHECKING:
    from screens.desk import Desk

__all__ = ["ReportList", "ReportsPage"]


class ReportList(Painted):
    """One row a report, the newest first; Up and Down choose, Enter reads."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "turn(-1)", show=False),
        Binding("pagedown", "turn(1)", show=False),
        Binding("home", "move(-9999)", show=False),
        Binding("end", "move(9999)", show=False),
        Binding("enter,space", "read", show=False),
    ]

    @dataclass
    class Chosen(Message):
        """This one shall be read."""

        report: ReportInfo

    def __init__(self) -> None:
        super().__init__()
        self._reports: tuple[ReportInfo, ...] = ()
        self._at = self._top = 0

    def tell(self, reports: Sequence[ReportInfo]) -> None:
        """Show these; a marker that was moved stays on its report while newer ones come above it."""
        chosen = self._reports[self._at].number if self._at else None
        self._reports = tuple(reports)
        numbers = [report.number for report in self._reports]
        self._at = numbers.index(chosen) if chosen in numbers else 0
        self._draw()

    def _draw(self) -> None:
        height = max(1, self.size.height)
        self._at = max(0, min(self._at, len(self._reports) - 1))
        self._top = max(0, min(self._top, self._at), self._at - height + 1)
        self._top = max(0, min(self._top, len(self._reports) - height))
        shown = self._reports[self._top : self._top + height]
        self.paint([self._row(report, number) for number, report in enumerate(shown, self._top)])

    def _row(self, report: ReportInfo, number: int) -> Parts:
        chosen = number == self._at
        made = report.made_at.astimezone()
        words = f"{made:%m-%d %H:%M}  {report.kind[:8]:<8}  {report.title}"
        text = f"{'>' if chosen else ' '}{' ' if report.read else '*'} {words}"
        style = REVERSE if chosen and self.has_focus else PLAIN if report.read else BOLD
        return ((fitted(text, self.size.width), style),)

    def on_resize(self, _: Resize) -> None:
        """Fill the rows that it has now."""
        self._draw()

    def on_focus(self, _: Focus) -> None:
        """Show the marker in reverse."""
        self._draw()

    def on_blur(self, _: Blur) -> None:
        """Show it plain."""
        self._draw()

    @property
    def terminal_cursor(self) -> Offset | None:
        """Where the terminal's own cursor belongs."""
        return self.region.offset + Offset(0, self._at - self._top)

    def action_move(self, by: int) -> None:
        """Choose a neighbour."""
        self._at += by
        self._draw()

    def action_turn(self, by: int) -> None:
        """As many as are in sight."""
        self.action_move(by * max(1, self.size.height - 1))

    def action_read(self) -> None:
        """Read the chosen one."""
        if self._reports:
            self.post_message(self.Chosen(self._reports[self._at]))


class ReportsPage(Page):
    """It follows the snapshot: the list is asked for again when that says something new."""

    DEFAULT_CSS = beside(__file__)
    HELP = "reports"
    HINT = "Enter Read"

    def __init__(self) -> None:
        super().__init__()
        self._about = Block(classes="about")
        self._list = ReportList()
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
            self._about.show(Content(seen.cause or "Looking for the agent ..."))
            return
        status = seen.status.reports
        lines = [old_row(seen, now)] if seen.stale else []
        self._about.show(Content("\n").join([*lines, *_about(status)]))
        newest = status.newest.number if status.newest else None
        known = (seen.status.pid, status.kept, status.unread, newest)
        if known != self._known and not seen.stale:
            self._known = known
            self.post_message(ForAgent(self._ask, "reports"))

    async def _ask(self, desk: "Desk") -> None:
        self._told(await desk.agent.reports())

    def _told(self, document: ReportsDocument) -> None:
        self._list.tell(document.reports)

    def on_report_list_chosen(self, event: ReportList.Chosen) -> None:
        """Read it."""
        report = event.report

        async def read(desk: "Desk") -> None:
            document = await desk.agent.report(report.number)
            self.app.push_screen(Reader(document.info.title, document.text))
            if not document.info.read and not self._read_only:
                self._told(await desk.agent.mark_reports(ReadMarks(numbers=(report.number,))))

        self.post_message(ForAgent(read, "report"))


def _about(status: ReportsStatus) -> Iterator[Content]:
    kept = f"{status.kept} report{'' if status.kept == 1 else 's'}, {status.unread} not read (*)"
    if not status.enabled:
        off = "Sending to TMSP is switched off: no reports are fetched, and those made now hold no data."
        yield Content.styled(off, "bold")
        yield Content(kept)
        return
    when = (
        f"list compared {clock_time(status.checked_at)[11:19]}" if status.checked_at else "not compared yet"
    )
    yield Content(f"{kept}, {'being fetched now' if status.fetching else when}")
    if status.last_failure is not None:
        failure = status.last_failure
        times = f", {failure.count} times" if failure.count > 1 else ""
        yield Content.assemble("Not fetched: ", (failure.code, "bold"), times)
        yield Content(f"{failure.cause} {failure.remedy}")

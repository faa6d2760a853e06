"""One case in the list: what it is about, and how it stands, in one row, or two with a failure."""

from collections.abc import Callable
from typing import ClassVar

from rich.cells import set_cell_size
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Blur, Focus
from textual.geometry import Offset
from textual.widget import Widget

from screens.desk.ages import span
from screens.widgets.painted import fitted
from tm_tui.api.case_words import CASE_STATUS
from tm_tui.api.cases import CaseInfo, CaseProgress
from tm_tui.spoken import bar, percent, size

__all__ = ["CaseRow", "heads", "progress_bar"]

_BAR = 10
_LEAST_NAME, _MOST_NAME, _REST = 12, 40, 58
"""Cells of an endpoint's name at least and at most, and those of all that stands beside it."""


class CaseRow(Widget, can_focus=True):
    """Enter shows all of it, Delete asks to cancel it. It repaints only when its words differ."""

    DEFAULT_CSS = "CaseRow { height: auto; text-wrap: wrap; }"
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("delete,ctrl+d", "cancel", show=False),
        Binding("enter", "look", show=False),
    ]

    def __init__(
        self, case: CaseInfo, cancel: Callable[[int], None], look: Callable[[CaseInfo], None]
    ) -> None:
        super().__init__(markup=False)
        self._case, self._look = case, look
        self._cancel = cancel
        self._progress: CaseProgress | None = None
        self._words = ""

    def put(self, case: CaseInfo) -> None:
        """What is known of it now."""
        self._case = case
        self._draw()

    def told(self, progress: CaseProgress | None) -> None:
        """How far it is, from the newest snapshot."""
        self._progress = progress
        self._draw()

    def _draw(self) -> None:
        words = self._said()
        if words != self._words:
            taller = words.count("\n") != self._words.count("\n")
            self._words = words
            self.refresh(layout=taller)

    def _said(self) -> str:
        case, room = self._case, room_of(self)
        endpoint = set_cell_size(fitted(case.endpoint, room), room)
        names = f"{case.number:>3} {case.case_id or '-':<9} {endpoint} "
        lines = [names + self._standing()]
        if case.pattern_id:
            lines[0] += f", pattern {case.pattern_id}"
        failure = case.last_failure
        if failure is not None and case.state != "submitted":
            lines.append(f"    {failure.code}: {failure.cause} {failure.remedy}")
        if self.has_focus:
            lines += [f"    {note}" for note in (case.threat, case.description, *case.notes[:3]) if note]
        return "\n".join(lines)

    def _standing(self) -> str:
        case = self._case
        if self._progress is not None:
            return progress_bar(self._progress)
        if case.state == "submitted":
            return CASE_STATUS[case.status] if case.status else "is at the portal"
        if case.state == "waiting" and case.next_try_in_seconds is not None:
            return "waits for another try"
        return {"packing": "is being packed", "failed": "FAILED"}.get(case.state, case.state)

    def render(self) -> Content:
        """Mark the focus."""
        self._words = self._said()
        return Content.assemble(">" if self.has_focus else " ", self._words)

    def on_focus(self, _: Focus) -> None:
        """Show the details."""
        self.refresh(layout=True)

    def on_blur(self, _: Blur) -> None:
        """One row again."""
        self.refresh(layout=True)

    @property
    def terminal_cursor(self) -> Offset | None:
        """Where the terminal's own cursor belongs."""
        return self.region.offset + Offset(1, 0)

    def action_look(self) -> None:
        """Show all that is known of it."""
        self._look(self._case)

    def action_cancel(self) -> None:
        """Ask, if there is something to cancel."""
        if self._case.state not in {"submitted", "cancelled"}:
            self._cancel(self._case.number)


def room_of(widget: Widget) -> int:
    """Cells of an endpoint's name: all of a usual one where the terminal is wide."""
    return max(_LEAST_NAME, min(_MOST_NAME, widget.size.width - _REST))


def heads(widget: Widget) -> str:
    """What the columns of the rows are."""
    return f" {'No.':>3} {'Case ID':<9} {'Endpoint':<{room_of(widget)}} Status"


def progress_bar(progress: CaseProgress) -> str:
    """`[####......] 40 % 3 min left`: in steps that do not keep a slow line busy."""
    if not progress.bytes:
        return f"packing, {size(progress.done_bytes)} read"
    left = "" if progress.seconds_left is None else f" {span(_rough(progress.seconds_left))} left"
    done = progress.done_bytes, progress.bytes
    return f"{bar(*done, _BAR)} {percent(*done)} %{left}"


def _rough(seconds: float) -> float:
    """Below a minute in steps of five seconds: nobody can say it better."""
    return seconds if seconds >= 60 else 5.0 * -(-seconds // 5)

"""What the Status page says of a snapshot; imported with the first one, behind the first picture."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from textual.content import Content

from screens.desk.private import PRIVATE
from screens.widgets.painted import fitted
from screens.widgets.pick_list import Row
from screens.widgets.rows import doubt_rows, hung, row, state_word
from tm_tui.api.past import coarser
from tm_tui.api.registration_words import NEVER_REGISTERED, checklist, is_fresh, short_checklist
from tm_tui.api.status_words import Line, Told, attention, overview

if TYPE_CHECKING:
    from screens.desk.seen import Seen
    from tm_tui.api.agent import AgentStatus

__all__ = ["REGISTER", "pressing", "rows"]

REGISTER = "register"
"""The key of the row that begins the first registration."""
_LABEL = 15
_SMALL = 42
"""Cells beside the labels below which the checklist is short: 43 at 80 columns."""
_GAP = 4
"""Cells around the words beside a strip."""
_ENTER = "    Enter"
"""The key that goes there, in sight also where the words before it are cut."""


def pressing(status: "AgentStatus", width: int, *, read_only: bool) -> Iterator[Row]:
    """What Enter leads to: what needs attention, or the first registration."""
    if is_fresh(status) and not read_only:
        yield Row(REGISTER, "[ Register this appliance ]    Enter", bold=True)
    for one in attention(status):
        words = fitted(f"! {one.words}", max(1, width - len(_ENTER) - 1))
        yield Row(one.entry, f"{words}{_ENTER}", bold=True)


def rows(width: int, seen: "Seen", status: "AgentStatus", now: float) -> Iterator[Content]:
    """How everything stands as of now, in rows of `width` cells."""
    width = max(1, width - _LABEL)
    yield from doubt_rows(seen, now)
    for alert in status.alerts:
        yield Content.assemble(("! ", "bold"), alert)
    if seen.private:
        yield Content.styled(PRIVATE, "bold")
    if is_fresh(status):
        small = width < _SMALL
        lines = short_checklist() if small else ("", NEVER_REGISTERED, "", *checklist(), "")
        yield from map(Content, lines)
        yield Content("F1 tells more.")
    else:
        yield from _overview(width, seen, status, now)


def _overview(width: int, seen: "Seen", status: "AgentStatus", now: float) -> Iterator[Content]:
    told = Told(status, now - seen.arrived, known=not seen.stale, overdue=seen.overdue(now) is not None)
    for line in overview(told):
        yield _row(seen, line, now, width)


def _row(seen: "Seen", line: Line, now: float, width: int) -> Content:
    if line.state is not None:
        return row(line.label, state_word(seen, line.state, now), f"  {line.words}" if line.words else "")
    if line.day is None:
        return row(line.label, hung(line.words, width, _LABEL))
    strip = coarser(line.day.marks, width - len(line.words) - _GAP)
    return row(line.label, strip, f"  {line.words}")

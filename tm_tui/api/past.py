"""What the snapshot says of the last 24 hours: a mark for each ten minutes, and what they come to."""

from typing import Annotated

from tm_tui.api.shapes import Shape
from tm_tui.text import SafeText
from tm_tui.values import Bounds, Count, Moment

__all__ = ["BAD", "GOOD", "NOTHING", "SLOTS", "SLOT_SECONDS", "LastDay", "Marked", "coarser"]

SLOTS, SLOT_SECONDS = 144, 600.0
GOOD, BAD, NOTHING = "|", ".", "-"
"""All went well; something did not; there was nothing to do, or nobody to do it."""


class Marked(Shape, kw_only=True):
    """One kind of thing over 24 hours. `marks` has a character for each slot, the newest last."""

    marks: Annotated[SafeText, Bounds(0, SLOTS)] = ""
    """Empty: nothing is known yet."""
    done: Count = 0
    """Beats that were accepted, or events that were delivered."""
    failed: Count = 0
    """Beats that were missed, or tries to deliver that failed."""
    last_failed_at: Moment | None = None


class LastDay(Shape, kw_only=True):
    """The last 24 hours, by a clock that no step of the wall clock moves, through restarts of the agent."""

    beats: Marked = Marked()
    deliveries: Marked = Marked()


_EACH = tuple(each for each in range(1, SLOTS + 1) if SLOTS % each == 0)


def coarser(marks: str, width: int) -> str:
    """The same in at most `width` characters, each for as many slots; what went wrong is never lost."""
    each = next(size for size in _EACH if SLOTS // size <= max(1, width))
    whole = marks.rjust(SLOTS, NOTHING)
    return "".join(_worst(whole[at : at + each]) for at in range(0, SLOTS, each))


def _worst(marks: str) -> str:
    return BAD if BAD in marks else GOOD if GOOD in marks else NOTHING

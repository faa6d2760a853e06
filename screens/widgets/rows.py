"""Rows of a page that only shows: a label, a value with its age, a failure with its cause and remedy."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from textwrap import wrap
from typing import TYPE_CHECKING

from textual.content import Content

from screens.desk.ages import age, clock_time, span
from screens.widgets.theme import state_style
from tm_tui.spoken import local_time

if TYPE_CHECKING:
    from screens.desk.seen import Seen
    from tm_tui.api.agent import ActivityLine, AgentStatus, LastFailure, ServerState

__all__ = [
    "activity_rows",
    "doubt_rows",
    "failure_rows",
    "hung",
    "next_in",
    "no_snapshot",
    "row",
    "snapshot",
    "state_word",
    "when",
]

_LABEL = 15
_MARKS = {"info": " ", "warning": "!", "error": "!"}


def snapshot(
    seen: "Seen", now: float, rows: Callable[["Seen", "AgentStatus", float], Iterator[Content]]
) -> Content:
    """The rows of the newest snapshot as of `now`, or why there is none."""
    if seen.status is None:
        return no_snapshot(seen)
    return Content("\n").join(rows(seen, seen.status, now))


def no_snapshot(seen: "Seen") -> Content:
    """Why there is none; nothing while the agent is looked for."""
    return Content(seen.cause and f"{seen.cause}\n{seen.remedy}")


def hung(words: str, width: int, indent: int) -> str:
    """Words in rows of `width` cells; from the second on they stand below those of the first."""
    return f"\n{'':{indent}}".join(wrap(words, max(1, width)))


def row(label: str, *parts: str | tuple[str, str] | Content) -> Content:
    """A label and what belongs to it."""
    return Content.assemble(f"{label:<{_LABEL}}", *parts)


def state_word(seen: "Seen", state: "ServerState", now: float) -> tuple[str, str]:
    """A server's state; one that was known before the agent went, or fell silent, is told as such."""
    word = state.value.upper()
    old = seen.stale or seen.overdue(now) is not None
    return (f"was {word}", "bold") if old else (word, state_style(state.value))


def when(moment: datetime | None, seconds: float | None) -> str:
    """How long ago, and the absolute time."""
    return "never" if moment is None or seconds is None else f"{age(seconds)}, {clock_time(moment)}"


def next_in(seen: "Seen", seconds: float | None, now: float) -> str:
    """How long until then; unknown once the agent is gone."""
    wait = seen.left(seconds, now)
    if wait == 0.0 and seen.overdue(now) is not None:
        return "overdue"
    return f"in {span(wait)}" if wait is not None else "unknown" if seen.stale else "none"


def doubt_rows(seen: "Seen", now: float) -> Iterator[Content]:
    """Above values that nobody keeps up any more, or may not."""
    old = span(now - seen.arrived)
    if seen.stale:
        yield Content.styled(f"OLD: the agent does not answer; these values are {old} old.", "reverse bold")
    elif (late := seen.overdue(now)) is not None:
        words = f"OVERDUE: a beat was due {age(late)}; no word for {old}."
        yield Content.styled(words, "reverse bold")


def failure_rows(failure: "LastFailure | None") -> Iterator[Content]:
    """The newest failure, if there is one."""
    if failure is not None:
        times = f", {failure.count} times" if failure.count > 1 else ""
        yield row("  Last failure", (failure.code, "bold"), times)
        yield Content(f"    {clock_time(failure.at)}: {failure.cause} {failure.remedy}")


def activity_rows(lines: Iterable["ActivityLine"]) -> Iterator[str]:
    """Time of day, a mark, the text; a row of its own where another day begins."""
    day = ""
    for line in lines:
        before, day = day, local_time(line.at, "%Y-%m-%d")
        if before not in {"", day}:
            yield f"-- {day} --"
        yield f"{local_time(line.at, '%H:%M:%S')} {_MARKS[line.level]} {line.text}"

"""The status panel: two lines that tell how TMSP and logs stand, how old that is, and what is next."""

from typing import TYPE_CHECKING

from textual.content import Content

from screens.desk.ages import age, span
from screens.widgets.block import Block
from screens.widgets.theme import state_style

if TYPE_CHECKING:
    from screens.desk.seen import Seen
    from tm_tui.api.agent import LastFailure, LogServerStatus, ServerState, StatusServerStatus

__all__ = ["StatusPanel"]

_WORD = 11
"""Cells of a state; with so many the values that tick stand close to tab stops."""

_SOON = 0.5
"""Seconds in which an agent usually answers: no words flash by."""


class StatusPanel(Block):
    """Always in sight. Nothing in it looks new when it is old."""

    DEFAULT_CSS = "StatusPanel { height: 2; }"

    def __init__(self) -> None:
        super().__init__()
        self._asked_at: float | None = None

    def tell(self, seen: "Seen", now: float) -> None:
        """Show what is known as of the monotonic second `now`."""
        if seen.lost_at is not None:
            self.show(_lost(seen, now))
        elif seen.status is None:
            self._asked_at = now if self._asked_at is None else self._asked_at
            late = now - self._asked_at > _SOON
            self.show(Content.assemble(" ", ("LOOKING FOR THE AGENT", "bold")) if late else Content(""))
        else:
            server, logs = seen.status.status_server, seen.status.log_server
            width = max(_WORD, len(server.state.value) + 1, len(logs.state.value) + 1)
            due = seen.overdue(now)
            word = _known(server.state, due) if due is None else ("OVERDUE", "reverse bold")
            first = _line("TMSP", word, width, _beats(seen, server, now))
            second = _line("LOGS", _known(logs.state, due), width, _logs(seen, logs, now))
            self.show(first + "\n" + second)


def _known(state: "ServerState", late: float | None) -> tuple[str, str]:
    """The word for it, in its colour while the agent tells what becomes of its beats."""
    return state.value.upper(), state_style(state.value) if late is None else "bold"


def _line(name: str, state: tuple[str, str], width: int, words: str) -> Content:
    return Content.assemble(f" {name}  ", state, " " * (width - len(state[0])), words)


def _lost(seen: "Seen", now: float) -> Content:
    since = span(now - (seen.lost_at or 0.0))
    first = Content.assemble(
        " ", (f" {seen.headline} ", "reverse bold"), f" for {since}; the console looks for it."
    )
    if seen.status is None:
        return Content.assemble(first, f"\n {seen.cause} {seen.remedy}")
    beat = seen.aged(seen.status.status_server.last_beat_age_seconds, now)
    known = f"was {seen.status.state.value}" + (f", last beat {age(beat)}" if beat is not None else "")
    return Content.assemble(first, f"\n OLD: {known}. {seen.remedy}")


def _beats(seen: "Seen", server: "StatusServerStatus", now: float) -> str:
    if server.removed_at is not None and server.state.value != "disabled":
        return "removed at the portal; saving the settings registers again"
    beat, wait = seen.aged(server.last_beat_age_seconds, now), seen.left(server.next_beat_in_seconds, now)
    parts = []
    if beat is not None:
        trip = f" {server.round_trip_ms:.0f} ms" if server.round_trip_ms is not None else ""
        parts.append(f"beat {age(beat)}{trip}")
    if server.state.value == "failing" and server.last_failure:
        parts.append(_failure(server.last_failure))
    elif server.beats_missed:
        parts.append(f"{server.beats_missed} missed")
    if (late := seen.overdue(now)) is not None:
        parts.append(f"next was due {age(late)}")
    elif wait is not None:
        parts.append(f"next in {span(wait)}")
    return ", ".join(parts) or _idle(server.state)


def _logs(seen: "Seen", server: "LogServerStatus", now: float) -> str:
    spool = seen.status.spool if seen.status else None
    parts = [f"{spool.events} waiting"] if spool else []
    sent, wait = (
        seen.aged(server.last_delivery_age_seconds, now),
        seen.left(server.next_delivery_in_seconds, now),
    )
    if server.state.value == "failing" and server.last_failure:
        parts.append(_failure(server.last_failure))
    elif sent is not None:
        parts.append(f"sent {age(sent)}")
    if server.delivery == "sending" and server.progress is not None:
        parts.append(f"sending {server.progress.batches_done} / {server.progress.batches}")
    elif server.delivery == "paused":
        parts.append("paused")
    elif wait is not None:
        parts.append(f"next in {span(wait)}")
    return ", ".join(parts)


def _failure(failure: "LastFailure") -> str:
    times = f" {failure.count} times" if failure.count > 1 else ""
    return f"{failure.code}{times}"


def _idle(state: "ServerState") -> str:
    if state.value == "disabled":
        return "nothing is sent or fetched (Services > TMSP)"
    return "no beat accepted yet"

"""The Status page: everything the agent's snapshot tells, each value with its age and its absolute time."""

from collections.abc import Iterator
from datetime import datetime

from textual.app import ComposeResult
from textual.content import Content

from screens.seen import Seen
from screens.theme import state_style
from screens.widgets.ages import age, clock_time, span
from screens.widgets.block import Block
from screens.widgets.page import Page, beside
from tm_tui.control.api import AgentStatus, LastFailure, ServerState

__all__ = ["StatusPage"]

_LABEL = 15


class StatusPage(Page):
    """Nothing to edit; it is there as soon as it is highlighted."""

    DEFAULT_CSS = beside(__file__)
    HELP = "status"

    def __init__(self) -> None:
        super().__init__()
        self._view = Block(classes="view")

    def compose(self) -> ComposeResult:
        """One text."""
        yield self._view

    def told_status(self, seen: Seen, now: float) -> None:
        """Show the snapshot as of now."""
        if seen.status is None:
            words = seen.cause and f"{seen.cause}\n{seen.remedy}"
            self._view.show(Content(words or "Looking for the agent ..."))
        else:
            self._view.show(Content("\n").join(_lines(seen, seen.status, now)))


def _row(label: str, *parts: str | tuple[str, str] | Content) -> Content:
    return Content.assemble(f"{label:<{_LABEL}}", *parts)


def _state(seen: Seen, state: ServerState) -> tuple[str, str]:
    word = state.value.upper()
    return (f"was {word}", "bold") if seen.stale else (word, state_style(state.value))


def _when(moment: datetime | None, seconds: float | None) -> str:
    return "never" if moment is None or seconds is None else f"{age(seconds)}, {clock_time(moment)}"


def _lines(seen: Seen, status: AgentStatus, now: float) -> Iterator[Content]:
    if seen.stale:
        old = span(now - seen.arrived)
        yield Content.styled(f"OLD: the agent does not answer; these values are {old} old.", "reverse bold")
    for alert in status.alerts:
        yield Content.assemble(("! ", "bold"), alert)
    yield from _status_server(seen, status, now)
    yield Content("")
    yield from _log_server(seen, status, now)
    yield Content("")
    up = span(seen.aged(status.uptime_seconds, now) or 0) if not seen.stale else "unknown"
    yield _row("Appliance", f"{status.appliance}, {status.edition} edition, revision {status.revision}")
    yield _row("Agent", f"version {status.version}, process {status.pid}, up {up}")


def _status_server(seen: Seen, status: AgentStatus, now: float) -> Iterator[Content]:
    server = status.status_server
    yield _row("Status server", _state(seen, server.state))
    yield _row("  Registered", clock_time(server.registered_at))
    yield _row("  Last beat", _when(server.last_beat_at, seen.aged(server.last_beat_age_seconds, now)))
    wait = seen.left(server.next_beat_in_seconds, now)
    due = f"in {span(wait)}" if wait is not None else "unknown" if seen.stale else "none"
    yield _row("  Next beat", f"{due}; {server.beats_accepted} accepted, {server.beats_missed} missed")
    if server.round_trip_ms is not None:
        yield _row("  Round trip", f"{server.round_trip_ms:.0f} ms, {_skew(server.clock_skew_seconds)}")
    yield from _failure(server.last_failure)


def _log_server(seen: Seen, status: AgentStatus, now: float) -> Iterator[Content]:
    server, spool = status.log_server, status.spool
    yield _row("Log server", _state(seen, server.state))
    yield _row(
        "  Last sent", _when(server.last_delivery_at, seen.aged(server.last_delivery_age_seconds, now))
    )
    wait = seen.left(server.next_delivery_in_seconds, now)
    yield _row("  Next", f"in {span(wait)}" if wait is not None else "unknown" if seen.stale else "none")
    oldest = seen.aged(spool.oldest_age_seconds, now)
    since = f", oldest {age(oldest)}" if oldest is not None else ""
    yield _row(
        "  Waiting",
        f"{spool.events} events{since}; spool {spool.full_percent}% full",
    )
    yield from _failure(server.last_failure)


def _skew(seconds: float | None) -> str:
    if seconds is None:
        return "clock difference unknown"
    if abs(seconds) < 0.5:
        return "clocks agree"
    return f"clock {abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} the server's"


def _failure(failure: LastFailure | None) -> Iterator[Content]:
    if failure is not None:
        times = f", {failure.count} times" if failure.count > 1 else ""
        yield _row("  Last failure", (failure.code, "bold"), times)
        yield Content(f"    {clock_time(failure.at)}: {failure.cause} {failure.remedy}")

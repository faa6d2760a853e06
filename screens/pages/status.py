"""The Status page: everything the agent's snapshot tells, each value with its age and its absolute time."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.content import Content

from screens.desk.ages import age, span
from screens.widgets.block import Block
from screens.widgets.page import Page, beside
from screens.widgets.rows import doubt_rows, failure_rows, next_in, row, snapshot, state_word, when
from tm_tui.api.registration_words import portal, registration
from tm_tui.spoken import apart

if TYPE_CHECKING:
    from screens.desk.seen import Seen
    from tm_tui.api.agent import AgentStatus

__all__ = ["StatusPage"]


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

    def told_status(self, seen: "Seen", now: float) -> None:
        """Show the snapshot as of now."""
        self._view.show(snapshot(seen, now, _lines))


def _lines(seen: "Seen", status: "AgentStatus", now: float) -> Iterator[Content]:
    yield from doubt_rows(seen, now)
    for alert in status.alerts:
        yield Content.assemble(("! ", "bold"), alert)
    yield from _status_server(seen, status, now)
    yield Content("")
    yield from _log_server(seen, status, now)
    yield Content("")
    up = _uptime(seen.aged(status.uptime_seconds, now) or 0) if not seen.stale else "unknown"
    yield row("Appliance", f"{status.appliance}, {status.edition} edition")
    yield row("Settings", f"revision {status.revision}")
    yield row("Agent", f"version {status.version}, process {status.pid}, up {up}")


def _status_server(seen: "Seen", status: "AgentStatus", now: float) -> Iterator[Content]:
    server = status.status_server
    yield row("Status server", state_word(seen, server.state, now))
    yield row("  Registered", registration(server))
    if server.portal is not None:
        yield row("  Portal", portal(server))
    yield row("  Last beat", when(server.last_beat_at, seen.aged(server.last_beat_age_seconds, now)))
    due = next_in(seen, server.next_beat_in_seconds, now)
    yield row("  Next beat", f"{due}; {server.beats_accepted} accepted, {server.beats_missed} missed")
    if server.round_trip_ms is not None:
        yield row("  Round trip", f"{server.round_trip_ms:.0f} ms, {_skew(server.clock_skew_seconds)}")
    yield from failure_rows(server.last_failure)


def _log_server(seen: "Seen", status: "AgentStatus", now: float) -> Iterator[Content]:
    server, spool = status.log_server, status.spool
    yield row("Log server", state_word(seen, server.state, now))
    yield row("  Last sent", when(server.last_delivery_at, seen.aged(server.last_delivery_age_seconds, now)))
    yield row("  Next", next_in(seen, server.next_delivery_in_seconds, now))
    oldest = seen.aged(spool.oldest_age_seconds, now)
    since = f", oldest {age(oldest)}" if oldest is not None else ""
    yield row(
        "  Waiting",
        f"{spool.events} events{since}; spool {spool.full_percent}% full",
    )
    yield from failure_rows(server.last_failure)


def _uptime(seconds: float) -> str:
    """In steps of minutes: nobody waits for the next second of it, and each would be painted."""
    return span(seconds) if seconds >= 60 else "less than a minute"


def _skew(seconds: float | None) -> str:
    if seconds is None:
        return "clock difference unknown"
    if abs(seconds) < 0.5:
        return "clocks agree"
    return f"clock {apart(seconds)} the server's"

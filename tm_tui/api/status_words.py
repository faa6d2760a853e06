"""The snapshot in words: one order and one wording for the Status page, plain lines and `tm-tui status`."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from tm_tui.api.agent import AgentStatus, ServerState
from tm_tui.api.past import Marked
from tm_tui.api.registration_words import portal, registration
from tm_tui.api.shapes import LastFailure
from tm_tui.spoken import apart, count, local_time, rough, size

__all__ = ["Attention", "Line", "Told", "attention", "overview"]

_FULL = 80
"""Percent of the log queue from which on somebody should look."""
_PATTERNS = {
    "disabled": "not fetched",
    "waiting": "waiting for the first beat",
    "checking": "looking at the portal",
    "current": "up to date",
    "failing": "NOT UP TO DATE",
}
_CASES = {
    "disabled": "not sent",
    "idle": "none is on its way",
    "sending": "being sent",
    "retrying": "tried again soon",
    "paused": "PAUSED",
}


class Line(NamedTuple):
    """A label and what holds of it. `state` stands before the words where the line is about a server."""

    label: str
    words: str
    state: ServerState | None = None
    day: Marked | None = None
    """The last 24 hours of what the line is about; `words` say what they come to."""


class Attention(NamedTuple):
    """What somebody should look at, and the menu's entry that leads there."""

    words: str
    entry: str


class Told(NamedTuple):
    """A snapshot as of now: `passed` seconds later, and whether the agent still keeps it up."""

    status: AgentStatus
    passed: float = 0.0
    known: bool = True
    overdue: bool = False
    """A beat was due of which the agent has said nothing."""

    def ago(self, seconds: float | None) -> str:
        """Say an age of the snapshot."""
        return "never" if seconds is None else f"{rough(max(0.0, seconds + self.passed))} ago"

    def when(self, at: datetime | None, seconds: float | None) -> str:
        """Say an age, and the moment."""
        return "never" if at is None or seconds is None else f"{self.ago(seconds)}, {local_time(at)}"

    def due(self, seconds: float | None) -> str:
        """Say how long until then."""
        if not self.known:
            return "unknown"
        if seconds is None:
            return "none"
        left = max(0.0, seconds - self.passed)
        return "overdue" if left == 0 and self.overdue else f"in {rough(left)}"


def attention(status: AgentStatus) -> Iterator[Attention]:
    """What needs somebody, the most pressing first."""
    beats, logs, spool = status.status_server, status.log_server, status.spool
    if beats.removed_at is not None:
        yield Attention("removed at the portal; saving registers again", "TMSP")
    elif beats.last_failure is not None and beats.state is not ServerState.DISABLED:
        yield Attention(f"status server: {_failed(beats.last_failure)}", "TMSP")
    if logs.last_failure is not None and logs.state is not ServerState.DISABLED:
        paused = ", PAUSED" if logs.delivery == "paused" else ""
        yield Attention(f"log server: {_failed(logs.last_failure)}{paused}", "Log Queue")
    if spool.full_percent >= _FULL:
        yield Attention(f"the log queue is {spool.full_percent} % full", "Log Queue")
    if (case := status.cases.last_failure) is not None:
        yield Attention(f"cases: {_failed(case)}", "Submit a Case")
    if (pattern := status.patterns.last_failure) is not None:
        yield Attention(f"patterns: {_failed(pattern)}", "Pattern Deploy")
    elif (run := status.patterns.deployment) is not None and run.retrying:
        what = "cleanup" if run.action == "cleanup" else "deployment"
        missing = f"{run.retrying} of {count(run.endpoints, 'endpoint')}"
        yield Attention(f"{what} {run.number}: tried again at {missing}", "Pattern Deploy")
    elif status.patterns.new:
        yield Attention(f"{count(status.patterns.new, 'pattern')} not deployed yet", "Pattern Deploy")
    if (report := status.reports.last_failure) is not None:
        yield Attention(f"reports: {_failed(report)}", "Reports")


def _failed(failure: LastFailure) -> str:
    times = f", {failure.count} times" if failure.count > 1 else ""
    return f"{failure.code}{times}, {local_time(failure.at, '%H:%M')}"


def overview(told: Told) -> Iterator[Line]:
    """How everything stands, in the order in which an admin asks."""
    yield from _beats(told)
    yield from _logs(told)
    yield from _tmsp(told.status)
    status = told.status
    up = told.ago(status.uptime_seconds).removesuffix(" ago") if told.known else "unknown"
    up = "less than a minute" if up.endswith(" s") else up  # nobody waits for each second of it
    yield Line("Appliance", f"{status.appliance}, {status.edition} edition, revision {status.revision}")
    yield Line("Agent", f"version {status.version}, process {status.pid}, up {up}")


def _beats(told: Told) -> Iterator[Line]:
    server = told.status.status_server
    trip = "" if server.round_trip_ms is None else f"{server.round_trip_ms:.0f} ms"
    clocks = "" if server.clock_skew_seconds is None else _clocks(server.clock_skew_seconds)
    yield Line("Status server", ", ".join(part for part in (trip, clocks) if part), server.state)
    yield Line("  Registered", registration(server))
    if server.portal is not None:
        yield Line("  Portal", portal(server))
    yield Line("  Last beat", told.when(server.last_beat_at, server.last_beat_age_seconds))
    if server.state is not ServerState.DISABLED:
        yield Line("  Next beat", told.due(server.next_beat_in_seconds))
    yield from _day("  Beats", told.status.last_day.beats, "missed")
    yield from _failure(server.last_failure)


def _clocks(skew: float) -> str:
    return "clocks agree" if abs(skew) < 0.5 else f"clock {apart(skew)} the server's"


def _logs(told: Told) -> Iterator[Line]:
    server, spool = told.status.log_server, told.status.spool
    yield Line("Log server", "PAUSED" if server.delivery == "paused" else "", server.state)
    yield Line("  Last sent", told.when(server.last_delivery_at, server.last_delivery_age_seconds))
    if server.state is not ServerState.DISABLED:
        yield Line("  Next", told.due(server.next_delivery_in_seconds))
    day = told.status.last_day.deliveries
    yield from _day("  Events", day, "failed", f", {day.done:,} sent")
    oldest = "" if spool.oldest_age_seconds is None else f", {told.ago(spool.oldest_age_seconds)}"
    what = f"{count(spool.events, 'event')}, {size(spool.bytes)}, {spool.full_percent} % full"
    yield Line("  Waiting", f"{what}{oldest}")
    yield from _failure(server.last_failure)


def _day(label: str, day: Marked, failed: str, done: str = "") -> Iterator[Line]:
    if day.marks:
        amiss = _amiss(day, failed) if day.failed or not done else ""
        yield Line(label, f"24 h{done}{', ' if amiss else ''}{amiss}", day=day)


def _amiss(day: Marked, failed: str) -> str:
    """What went wrong in 24 hours, and when last: `1 missed, 03:10`."""
    if not day.failed:
        return f"none {failed}"
    at = "" if day.last_failed_at is None else f", {local_time(day.last_failed_at, '%H:%M')}"
    return f"{day.failed:,} {failed}{at}"


def _failure(failure: LastFailure | None) -> Iterator[Line]:
    if failure is not None:
        times = f", {failure.count} times" if failure.count > 1 else ""
        yield Line("  Last failure", f"{failure.code}{times}, {local_time(failure.at, '%m-%d %H:%M')}")
        yield Line("", f"{failure.cause} {failure.remedy}")


def _tmsp(status: AgentStatus) -> Iterator[Line]:
    cases, patterns, reports = status.cases, status.patterns, status.reports
    waiting = f"{count(cases.waiting, 'case')} not at the portal yet, " if cases.waiting else ""
    yield Line("Cases", f"{waiting}{_CASES[cases.state]}")
    newest = "none is here"
    if patterns.newest_id is not None:
        newest = f"newest {patterns.newest_id}, {patterns.new} not deployed yet"
    yield Line("Patterns", f"{_PATTERNS[patterns.state]}, {newest}")
    if (running := patterns.deployment) is not None:
        done = f"{running.deployed + running.failed} of {count(running.endpoints, 'endpoint')}"
        words = f"{running.number} of pattern {running.pattern}: {running.state}, {done}"
        what = "  Cleanup" if running.action == "cleanup" else "  Deployment"
        yield Line(what, f"{words}, {running.failed} failed")
    yield Line("Reports", f"{count(reports.kept, 'report')}, {reports.unread} not read")

"""How the appliance stands in a dozen short lines: for the phone, the diagnostics page, the bundle."""

from collections.abc import Iterator

from tm_tui.api.agent import AgentStatus, LastFailure
from tm_tui.diagnostics.last_test import KeptProbe
from tm_tui.spoken import ago, apart, count, size, span

__all__ = ["summary"]


def summary(status: AgentStatus, test: KeptProbe | None) -> tuple[str, ...]:
    """Return one line for each subject: a label, then how it stands."""
    return tuple(f"{label + ':':<15} {words}" for label, words in _rows(status, test))


def _rows(status: AgentStatus, test: KeptProbe | None) -> Iterator[tuple[str, str]]:
    beats, logs, spool = status.status_server, status.log_server, status.spool
    yield "Appliance", f"{status.appliance}, {status.edition} edition"
    yield "Version", f"{status.version}, revision {status.revision}, up {span(status.uptime_seconds)}"
    yield "State", status.state
    yield "Status server", f"{beats.state}, last beat {ago(beats.last_beat_age_seconds)}"
    yield from _failure(beats.last_failure)
    yield "Beats", f"{beats.beats_accepted} accepted, {beats.beats_missed} missed"
    if beats.clock_skew_seconds is not None:
        yield "Clock", f"{apart(beats.clock_skew_seconds)} the status server's"
    yield "Log server", f"{logs.state}, {logs.delivery}, last delivery {ago(logs.last_delivery_age_seconds)}"
    yield from _failure(logs.last_failure)
    yield "Waiting", f"{count(spool.events, 'event')}, {size(spool.bytes)}, {spool.full_percent} % full"
    yield "Alerts", str(len(status.alerts))
    yield "Last test", _tested(status, test)


def _failure(failure: LastFailure | None) -> Iterator[tuple[str, str]]:
    if failure is not None:
        yield "  Code", f"{failure.code}, in step {failure.stage}, {failure.count} in a row"


def _tested(status: AgentStatus, test: KeptProbe | None) -> str:
    if test is None:
        return "none since the agent started"
    when = ago((status.taken_at - test.at).total_seconds())
    if test.report is None:
        return f"{when}, without an end"
    if test.report.passed:
        return f"{when}, passed"
    return f"{when}, " + ", ".join(f"{failed.step} {failed.code}" for failed in test.report.failures)

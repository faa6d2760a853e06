"""A day for the administrator, a week for the executive, a month for both: counts, issues and trends."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import Connection

from tm_tui.clock import moment_of
from tm_tui.portal.reports import words
from tm_tui.portal.reports.figures import Figures, figures_of, trend
from tm_tui.portal.reports.markdown import bold, code, plain, table
from tm_tui.portal.reports.periods import Kind, Period, current

__all__ = ["summary_text"]

_NAMES: dict[Kind, str] = {
    "daily": "Daily administrative report",
    "weekly": "Weekly executive report",
    "monthly": "Monthly report",
}
_TREND = {"daily": 7, "weekly": 4, "monthly": 3}
_BAR = 20


def summary_text(
    connection: Connection, appliance: str, last_beat: float | None, period: Period, now: datetime
) -> str:
    """The Markdown of one period, as far as the logs received until `now` tell."""
    figures = figures_of(connection, appliance, period, now)
    lines = [
        f"# {_NAMES[period.kind]}: {period.words}, {plain(appliance)}",
        "",
        *table(("", ""), _head(appliance, period, now)),
        "",
    ]
    if not figures.events and not figures.root_causes:
        lines += _empty(last_beat, period)
    before = trend(connection, appliance, [period.before()])[0][0]
    lines += [*_in_short(figures, before, period), ""]
    if figures.events:
        lines += _counts(figures, period)
    lines += [*_issues(figures, now), *_incidents(figures), *_trends(connection, appliance, period)]
    return "\n".join(lines)


def _head(appliance: str, period: Period, now: datetime) -> Iterator[tuple[str, str]]:
    zone = now.astimezone(period.zone)
    yield "Appliance", bold(appliance)
    yield "From", f"{period.begins:%Y-%m-%d %H:%M %Z}"
    if now < period.ends:
        yield "To", f"{zone:%Y-%m-%d %H:%M %Z}, when this was made: **the period is not over**"
    else:
        yield "To", f"{period.ends - timedelta(minutes=1):%Y-%m-%d %H:%M %Z}, its last minute included"
    yield "Days", f"of the portal's zone, {zone:%Z} (UTC{zone:%z})"
    yield "Made", f"{zone:%Y-%m-%d %H:%M:%S %Z}"


def _empty(last_beat: float | None, period: Period) -> Iterator[str]:
    """Nothing came: because nothing happened, or because TMSP is switched off there."""
    if last_beat is not None and last_beat >= period.begins.timestamp():
        yield from ("**No threat events.** The appliance sent beats, and nothing to report.", "")
        return
    when = "never" if last_beat is None else _moment(last_beat, period)
    yield "**There is no data of this appliance.** Neither logs nor beats came in this period, the last beat:"
    yield f"{when}. Sending to TMSP may be switched off there, or the appliance is out of reach."
    yield ""


def _in_short(figures: Figures, before: int, period: Period) -> Iterator[str]:
    yield from ("## In short", "")
    change = _change(figures.events, before)
    yield f"- **{figures.events}** threat events on **{figures.hosts}** endpoints ({change})"
    yield f"- **{figures.root_causes}** root causes traced"
    grave = sum(number for word, number in figures.severities if word in {"critical", "high"})
    yield f"- **{grave}** of severity critical or high"
    yield f"- **{len(figures.issues) + figures.more_issues}** endpoints have mitigation issues now"
    if figures.late:
        stretch = {"daily": "days", "weekly": "weeks", "monthly": "months"}[period.kind]
        yield f"- {figures.late} events of earlier {stretch} arrived late; they are not counted here"


def _change(now: int, before: int) -> str:
    if now == before:
        return "as many as in the period before"
    if not before:
        return "none in the period before"
    return f"{(now - before) / before:+.0%} against {before} in the period before"


def _counts(figures: Figures, period: Period) -> Iterator[str]:
    severities = sorted(figures.severities, key=lambda one: words.severity_order(one[0]))
    yield from ("## By severity", "")
    yield from table(("Severity", ">Events"), ((plain(w), str(n)) for w, n in severities))
    yield from ("", "## By status", "")
    yield from table(("Status", ">Events"), ((words.status(w), str(n)) for w, n in figures.statuses))
    if period.kind != "weekly":  # executives need no types
        yield from ("", "## By event type", "")
        yield from table(("Event type", ">Events"), ((words.event_type(w), str(n)) for w, n in figures.types))
    yield from ("", "## Most frequent threats", "")
    rows = (
        (plain(threat), plain(severity), str(n), str(hosts)) for threat, severity, n, hosts in figures.threats
    )
    yield from table(("Threat", "Severity", ">Events", ">Endpoints"), rows)
    yield ""


def _issues(figures: Figures, now: datetime) -> Iterator[str]:
    yield from ("## Endpoints with mitigation issues", "")
    if not figures.issues:
        yield from ("None, when this was made.", "")
        return
    rows = (
        (
            bold(one.hostname),
            words.status(one.status),
            f"{plain(one.threat)} ({plain(one.severity)})",
            _age((now - one.since).total_seconds()),
        )
        for one in figures.issues
    )
    yield from table(("Endpoint", "Status", "Threat", "Since"), rows)
    yield ""
    if figures.more_issues:
        yield from (f"And {figures.more_issues} more; the portal's list of endpoints has them all.", "")


def _incidents(figures: Figures) -> Iterator[str]:
    if figures.incidents:
        yield from ("## Incident reports", "")
        yield from (f"- {plain(title)}: {code(name)}" for name, title in figures.incidents)
        yield ""


def _trends(connection: Connection, appliance: str, period: Period) -> Iterator[str]:
    """The days of a week, or the periods that led here, the newest last."""
    if period.kind == "weekly":
        noon = (datetime(day.year, day.month, day.day, 12, tzinfo=period.zone) for day in period.days())
        stretches = [current("daily", moment, period.zone) for moment in noon]
    else:
        stretches = [period]
        while len(stretches) < _TREND[period.kind]:
            stretches.insert(0, stretches[0].before())
    counted = trend(connection, appliance, stretches)
    most = max(1, *(events for events, _ in counted))
    rows = (
        (one.words, str(events), str(grave), code("#" * round(_BAR * events / most)) if events else "")
        for one, (events, grave) in zip(stretches, counted, strict=True)
    )
    yield from ("## Trend", "")
    yield from table(("Period", ">Events", ">Critical, high", ""), rows)
    yield ""


def _moment(seconds: float, period: Period) -> str:
    return f"{moment_of(seconds).astimezone(period.zone):%Y-%m-%d %H:%M %Z}"


def _age(seconds: float) -> str:
    hours = max(0.0, seconds) / 3600
    return f"{hours / 24:.0f} days" if hours >= 48 else f"{hours:.0f} hours" if hours >= 1 else "under 1 hour"

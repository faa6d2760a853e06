"""`tm-tui status`: the agent's snapshot, once or at each change."""

import json
from collections.abc import Iterator
from contextlib import aclosing
from datetime import datetime
from pathlib import Path

import click

from tm_tui.api.agent import AgentStatus, LastFailure
from tm_tui.api.client import ControlClient
from tm_tui.api.registration_words import portal, registration
from tm_tui.cli.asking import ask
from tm_tui.cli.monitoring import check_agent, tell_metrics
from tm_tui.cli.output import ago, count, emit, json_option, show, span, table, who
from tm_tui.cli.writing import tell
from tm_tui.spoken import apart, local_time

__all__ = ["one_line", "status"]


@click.command()
@click.option("--watch", is_flag=True, help="Go on and print at each change, until Ctrl+C.")
@click.option(
    "--check", is_flag=True, help="Exit as monitoring wants: 0 ok, 1 warning, 2 critical, 3 unknown."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "openmetrics"]),
    default="text",
    help="For people, for programs, for Prometheus.",
)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write a file, whole or not at all."
)
@json_option
def status(*, watch: bool, check: bool, form: str, output: Path | None, as_json: bool) -> int:
    """Show how the servers stand, and since when.

    For monitoring: `--format openmetrics`, with `--output` for node-exporter's textfiles; `--check`.
    """
    form = "json" if as_json else form
    if (watch and (check or output or form == "openmetrics")) or (check and (output or form != "text")):
        raise click.UsageError("--watch and --check stand alone.")
    if check:
        return check_agent()
    if form == "openmetrics":
        return tell_metrics(output)
    if watch:
        ask(lambda client: _always(client, as_json=form == "json"))
        return 0
    snapshot = ask(lambda client: client.status())
    shown = json.dumps(snapshot.model_dump(mode="json")) if form == "json" else "\n".join(_page(snapshot))
    tell(shown + "\n", output)
    return 0


async def _always(client: ControlClient, *, as_json: bool) -> None:
    async with aclosing(client.status_stream()) as snapshots:
        async for snapshot in snapshots:
            emit(snapshot.model_dump(mode="json")) if as_json else show([one_line(snapshot)])


def one_line(status: AgentStatus) -> str:
    """The snapshot on one line."""
    servers = status.status_server, status.log_server
    failure = next((server.last_failure for server in servers if server.last_failure), None)
    parts = [
        local_time(status.taken_at, "%H:%M:%S"),
        f"{status.state:<12}",
        f"beat {ago(servers[0].last_beat_age_seconds)}",
        f"{servers[0].beats_accepted} accepted, {servers[0].beats_missed} missed",
        f"{count(status.spool.events, 'event')} waiting",
    ]
    if status.trial is not None:
        parts.append(f"revision {status.trial.revision} on trial, {span(status.trial.left_seconds)} left")
    if failure and status.state not in {"connected", "disabled"}:
        parts.append(failure.code)
    return "  ".join(parts)


def _page(status: AgentStatus) -> Iterator[str]:
    yield from table(_rows(status))
    for alert in status.alerts:
        yield f"! {alert}"


def _rows(status: AgentStatus) -> Iterator[tuple[str, str]]:
    agent = f"version {status.version}, pid {status.pid}, up {span(status.uptime_seconds)}"
    yield "State", status.state
    yield "Appliance", f"{status.appliance}, {status.edition} edition, revision {status.revision}"
    yield "Agent", agent
    if (trial := status.trial) is not None:
        yield "On trial", f"revision {trial.revision} by {trial.started_by}, {span(trial.left_seconds)} left"
        yield "", f"then revision {trial.previous}; `tm-tui config confirm` keeps it"
    for console in status.sessions:
        edits = f", edits {', '.join(console.editing)}" if console.editing else ""
        name = who(console.user, console.tty, console.ssh_from)
        yield "Console", f"{name}, on for {span(console.seconds)}{edits}"
    yield from _status_server(status)
    yield from _log_server(status)
    spool = status.spool
    oldest = "" if spool.oldest_age_seconds is None else f", oldest {ago(spool.oldest_age_seconds)}"
    yield (
        "Waiting",
        f"{count(spool.events, 'event')}, {spool.bytes} bytes, {spool.full_percent} % full{oldest}",
    )
    yield from _patterns(status)
    yield "Reports", f"{status.reports.kept} kept, {status.reports.unread} not read"


def _patterns(status: AgentStatus) -> Iterator[tuple[str, str]]:
    seen = status.patterns
    newest = (
        "none here" if seen.newest_id is None else f"newest {seen.newest_id}, {seen.new} not deployed yet"
    )
    yield "Patterns", f"{seen.state}, {newest}"
    if (running := seen.deployment) is not None:
        done = running.deployed + running.failed
        of = f"{done} of {count(running.endpoints, 'endpoint')}, {running.failed} failed"
        what = "Cleanup" if running.action == "cleanup" else "Deployment"
        yield f"  {what}", f"{running.number} of pattern {running.pattern}: {running.state}, {of}"
    yield from _failure(seen.last_failure, status.taken_at)


def _status_server(status: AgentStatus) -> Iterator[tuple[str, str]]:
    server = status.status_server
    yield "Status server", server.state
    yield "  Registered", registration(server)
    yield "  Portal", portal(server)
    trip = "" if server.round_trip_ms is None else f", round trip {server.round_trip_ms:.0f} ms"
    yield "  Last beat", ago(server.last_beat_age_seconds) + trip
    if server.next_beat_in_seconds is not None:
        yield "  Next beat", f"in {span(server.next_beat_in_seconds)}"
    yield "  Beats", f"{server.beats_accepted} accepted, {server.beats_missed} missed"
    if (skew := server.clock_skew_seconds) is not None:
        yield "  Clock", f"{apart(skew)} the server's"
    yield from _failure(server.last_failure, status.taken_at)


def _log_server(status: AgentStatus) -> Iterator[tuple[str, str]]:
    server = status.log_server
    yield "Log server", server.state
    yield "  Last delivery", ago(server.last_delivery_age_seconds)
    if server.next_delivery_in_seconds is not None:
        yield "  Next delivery", f"in {span(server.next_delivery_in_seconds)}"
    yield from _failure(server.last_failure, status.taken_at)


def _failure(failure: LastFailure | None, now: datetime) -> Iterator[tuple[str, str]]:
    if failure is None:
        return
    times = "" if failure.count == 1 else f", {failure.count} times"
    age = ago((now - failure.at).total_seconds())
    yield "  Last failure", f"{failure.code} ({failure.stage}), {age}{times}"
    yield "", failure.cause
    yield "", failure.remedy

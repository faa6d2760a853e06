"""`tm-tui status`: the agent's snapshot, once or at each change; for monitoring as a check or as metrics."""

import json
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import click

from tm_tui.api.agent import AgentStatus
from tm_tui.api.client import ControlClient
from tm_tui.api.failures import AgentAbsent
from tm_tui.api.past import coarser
from tm_tui.api.registration_words import NEVER_REGISTERED, checklist, is_fresh
from tm_tui.api.status_words import Told, attention, overview
from tm_tui.cli.asking import ask
from tm_tui.cli.metrics import ABSENT, openmetrics
from tm_tui.cli.output import ago, count, emit, json_option, show, span, table
from tm_tui.cli.verdict import UNKNOWN, check_line, checked
from tm_tui.cli.writing import tell
from tm_tui.errors import TmError
from tm_tui.spoken import local_time, person

__all__ = ["check_agent", "one_line", "status", "tell_metrics"]

_STRIP = 48
"""Characters of 24 hours."""


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
    shown = json.dumps(snapshot.plain()) if form == "json" else "\n".join(_page(snapshot))
    tell(shown + "\n", output)
    return 0


async def _always(client: ControlClient, *, as_json: bool) -> None:
    async with aclosing(client.status_stream()) as snapshots:
        async for snapshot in snapshots:
            emit(snapshot.plain()) if as_json else show([one_line(snapshot)])


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
    if is_fresh(status):
        yield from ("", NEVER_REGISTERED, *checklist())


def _rows(status: AgentStatus) -> Iterator[tuple[str, str]]:
    yield "State", status.state
    for one in attention(status):
        yield "!", f"{one.words} ({one.entry})"
    if (trial := status.trial) is not None:
        yield "On trial", f"revision {trial.revision} by {trial.started_by}, {span(trial.left_seconds)} left"
        said = [*(f"{name} ok" for name in trial.answered), *(f"{name} waiting" for name in trial.waiting)]
        yield "", ", ".join(said)
        yield "", f"then revision {trial.previous}; `tm-tui config confirm` keeps it"
    elif (ended := status.trial_ended) is not None:
        yield "Last trial", f"revision {ended.revision} at {local_time(ended.at)}, {ended.how}"
    for console in status.sessions:
        edits = f", edits {', '.join(console.editing)}" if console.editing else ""
        name = person(console.user, console.tty, console.ssh_from)
        yield "Console", f"{name}, on for {span(console.seconds)}{edits}"
    for line in overview(Told(status)):
        words = ", ".join(part for part in (line.state, line.words) if part)
        strip = f"  {coarser(line.day.marks, _STRIP)}" if line.day else ""  # after what can be read out
        yield line.label, f"{words}{strip}"


def tell_metrics(output: Path | None) -> int:
    """Print or write the metrics; without an agent that it is down, and the error goes on."""
    try:
        status = ask(lambda client: client.status())
    except AgentAbsent:
        tell(ABSENT, output)
        raise
    tell(openmetrics(status), output)
    return 0


def check_agent() -> int:
    """Print one line; 0 ok, 1 warning, 2 critical, 3 unknown: no agent, or it does not let us look."""
    try:
        code, line = checked(ask(lambda client: client.status()))
    except TmError as error:
        code, line = UNKNOWN, check_line(UNKNOWN, f"{error.cause} {error.remedy}")
    click.echo(line)
    return code

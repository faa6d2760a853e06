"""One incident: what the malware did, how it came in step by step, and what to do now."""

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo

from sqlalchemy import RowMapping

from tm_tui.clock import moment_of
from tm_tui.portal.reports import words
from tm_tui.portal.reports.markdown import bold, code, plain, table
from tm_tui.spool.log_line import LoggedStep, steps

__all__ = ["incident_text", "incident_title"]


def incident_title(cause: RowMapping) -> str:
    """`TROJ_X on pc-17`, as text."""
    return f"{cause['threat'] or 'Unnamed threat'} on {cause['hostname']}"


def incident_text(cause: RowMapping, others: Sequence[str], now: datetime, zone: tzinfo | None = None) -> str:
    """The Markdown of one root cause, joined with its threat event (whose columns may be NULL)."""
    chain = steps(cause["chain"])
    done = [(link.actor, link.action, link.object) for link in chain]
    lines = [
        f"# Incident: {plain(incident_title(cause))}, {plain(cause['appliance'])}",
        "",
        *table(("", ""), _facts(cause, now, zone)),
        "",
        "## Malicious behaviours",
        "",
        *words.behaviours(done),
        "",
        "## Chain of events that led to the infection",
        "",
        f"It began with {bold(chain[0].actor)}, which {plain(chain[0].action)} {code(chain[0].object)}.",
        "",
        *_steps(chain, zone),
        "",
        "## Recommended actions",
        "",
        *(f"{number}. {action}" for number, action in enumerate(_actions(cause, others, chain), 1)),
        "",
    ]
    return "\n".join(lines)


def _facts(cause: RowMapping, now: datetime, zone: tzinfo | None) -> Iterator[tuple[str, str]]:
    address = f", {plain(cause['address'])}" if cause["address"] else ""
    yield "Endpoint", f"{bold(cause['hostname'])}{address}"
    if cause["threat"] is None:
        yield "Threat", f"not known: the threat event {plain(cause['threat_event_id'])} has not been received"
    else:
        yield "Threat", f"{bold(cause['threat'])}, severity {bold(cause['severity'])}"
        yield "Status", f"**{words.status(cause['status'])}**"
        yield "Event type", words.event_type(cause["event_type"])
        yield "Source", words.source(cause["source"])
        yield "Threat event", plain(cause["threat_event_id"])
    yield "Root cause log", f"{plain(cause['id'])}, {_moment(cause['at'], zone)}"
    yield "Appliance", plain(cause["appliance"])
    yield "Made", f"{_shown(now, zone)}, from the logs received until then"


def _steps(chain: Sequence[LoggedStep], zone: tzinfo | None) -> Iterator[str]:
    for number, link in enumerate(chain, 1):
        parent = f", started by {plain(link.parent)}" if link.parent else ""
        digest = f", hash {code(link.hash)}" if link.hash else ""
        said = f"{bold(link.actor)} {plain(link.action)} {code(link.object)}"
        yield f"{number}. {_shown(link.moment, zone)}: {said}{parent}{digest}"


def _actions(cause: RowMapping, others: Sequence[str], chain: Sequence[LoggedStep]) -> Iterator[str]:
    hashes = list(dict.fromkeys(link.hash for link in chain if link.hash))
    if cause["threat"] is None:
        yield "Look up the threat event on the appliance: it names the threat and how its mitigation stands."
        return
    yield from words.actions(cause, others, hashes)


def _moment(seconds: float, zone: tzinfo | None) -> str:
    return _shown(moment_of(seconds).astimezone(zone), zone)


def _shown(moment: datetime, zone: tzinfo | None) -> str:
    try:
        return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"
    except (OverflowError, ValueError):  # the first and last days of the calendar
        return f"{moment:%Y-%m-%d %H:%M:%S} UTC"

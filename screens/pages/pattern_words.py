"""What the Pattern Deployment page says: lines, rows and questions, apart from how they are shown."""

from collections.abc import Iterator, Sequence
from typing import TypedDict

from msgspec.structs import replace
from textual.content import Content

from screens.desk.ages import span
from screens.desk.question import Question
from screens.widgets.pick_list import Row
from screens.widgets.rows import row
from tm_tui.api.agent import AgentStatus
from tm_tui.api.patterns import (
    DeploymentInfo,
    EndpointInfo,
    EndpointResult,
    PatternInfo,
    PatternsDocument,
    PatternsStatus,
)
from tm_tui.spoken import count, local_time

__all__ = [
    "ENDPOINTS",
    "PATTERNS",
    "RESULTS",
    "Columns",
    "about",
    "cleanup_question",
    "deploy_question",
    "deployment",
    "endpoint_row",
    "going",
    "known",
    "looked",
    "mode_question",
    "pattern_row",
    "refused",
    "result_question",
    "result_row",
    "unmarked",
]


class Columns(TypedDict):
    """How a list is laid out."""

    heads: tuple[str, ...]
    least: tuple[int, ...]


_STATES = {
    "waiting": "waiting for the first heartbeat",
    "checking": "looking at the portal ...",
    "current": "up to date",
    "failing": "NOT UP TO DATE",
}
_MOST_NAMED = 5
_HOST = 20

PATTERNS: Columns = {
    "heads": ("No.", "Type", "Version", "State", "Description"), "least": (5, 10, 6, 9)
}  # fmt: skip
ENDPOINTS: Columns = {"heads": ("Endpoint", "Status", "Threat"), "least": (_HOST, 14)}
RESULTS: Columns = {"heads": ("Endpoint", "Result", "What the deployer said"), "least": (_HOST, 8)}


def about(status: PatternsStatus, document: PatternsDocument | None, why_off: str) -> Iterator[Content]:
    """How downloading and deployment stand; `why_off` is said where nothing is downloaded."""
    looked = document.last_check_at if document else None
    at = (
        f", looked at {local_time(looked, '%m-%d %H:%M')}"
        if looked is not None and status.state != "disabled"
        else ""
    )
    yield row("Patterns", f"{_STATES.get(status.state, f'OFF. {why_off}.')}{at}")
    if (failure := status.last_failure) is not None:
        yield Content(f"  {failure.code}: {failure.cause} {failure.remedy}")
    if document is None:
        return
    how = "automatically, the newest one" if document.deploy == "automatic" else "by an admin"
    yield row("Deployed", how)
    if not document.deployer.ready:
        yield Content(f"  ! {document.deployer.cause} {document.deployer.remedy}")


def known(status: AgentStatus) -> object:
    """What of a snapshot tells that the lists may be others; ages and waits do not."""
    patterns = status.patterns
    running = patterns.deployment
    steady = None if running is None else replace(running, retry_in_seconds=None)
    seen = patterns.last_failure and (patterns.last_failure.code, patterns.last_failure.at)
    return (status.pid, status.revision, patterns.state, patterns.newest_id, patterns.new, steady, seen)


def pattern_row(one: PatternInfo) -> Row:
    """Number, type, version, state, description."""
    last = one.description if one.failure is None else one.failure.code
    cells = (str(one.id), one.type, one.version, one.state, last)
    return Row(str(one.id), "", one.state in {"new", "refused"}, cells)


def endpoint_row(one: EndpointInfo) -> Row:
    """Host name, status, threat. The key begins with the host name."""
    key = "\t".join((one.hostname, one.ip or "", one.mac or ""))
    return Row(key, "", cells=(one.hostname, one.status, one.threat))


def deployment(info: DeploymentInfo | None) -> str:
    """The newest deployment in one line."""
    if info is None:
        return "No deployment yet."
    left = info.endpoints - info.deployed - info.failed
    cleanup = info.action == "cleanup"
    parts = [f"{info.deployed} {'cleaned up' if cleanup else 'deployed'}", f"{info.failed} failed"]
    if left:
        again = f", again in {span(info.retry_in_seconds)}" if info.retry_in_seconds else ""
        parts.append(f"{left} to do{again}")
    what = f"Custom cleanup {info.number} by" if cleanup else f"Deployment {info.number} of"
    return f"{what} pattern {info.pattern}: {info.state}, {', '.join(parts)}"


def going(info: DeploymentInfo) -> str:
    """How a deployment goes on, for those who began it."""
    what = "Custom cleanup" if info.action == "cleanup" else "Deployment"
    done = "cleaned up" if info.action == "cleanup" else "deployed"
    left = info.endpoints - info.deployed - info.failed
    failed = f", {info.failed} failed" if info.failed else ""
    more = f", {left} to do" if left else ""
    word = "is over" if info.ended_at is not None else "goes on"
    return f"{what} {info.number} {word}: {info.deployed} of {info.endpoints} {done}{failed}{more}."


def looked(status: PatternsStatus) -> str:
    """What became of looking at the portal."""
    if status.state == "failing" and status.last_failure is not None:
        return f"Not looked at the portal: {status.last_failure.code}."
    if status.state == "current":
        new = f", {count(status.new, 'pattern')} to deploy" if status.new else ""
        return f"Looked at the portal: up to date{new}."
    return "Looking for new patterns at the portal."


def result_row(number: int, one: EndpointResult) -> Row:
    """Host name, what came of it, what the deployer said."""
    said = " ".join(part for part in (one.cleanup or one.code or "", one.detail) if part)
    return Row(str(number), "", one.state == "failed", (one.hostname, one.state, said))


def result_question(one: EndpointResult, *, may: bool) -> Question:
    """All that is known of one endpoint's result; who `may` is offered custom cleanup there."""
    known = {
        "Address": one.ip or "",
        "Result": one.state,
        "Cleanup": one.cleanup or "",
        "Code": one.code or "",
        "Deployer": one.detail,
        "Tries": str(one.attempts),
        "At": local_time(one.at) if one.at is not None else "",
    }
    lines = [f"{label:<9} {told}" for label, told in known.items() if told]
    answers = [("close", "Close"), *([("clean", "Clean up again")] if may else [])]
    return Question(f"Endpoint {one.hostname}", lines, answers)


def unmarked(total: int) -> str:
    """Why nothing is deployed: nobody said to whom."""
    if not total:
        return "No endpoint is named as unresolved: there is nothing to deploy to."
    return "No endpoint is marked: Tab, then Space, or a for all."


def refused(pattern: PatternInfo) -> str:
    """Why a pattern cannot be deployed."""
    why = f" {pattern.failure.cause} {pattern.failure.remedy}" if pattern.failure else ""
    return f"Pattern {pattern.id} is not on this appliance.{why}"


def deploy_question(pattern: PatternInfo, names: Sequence[str], number: int) -> Question:
    """Whether this is what shall be deployed."""
    endpoints = count(number, "endpoint")
    where = [f"  {name}" for name in names[:_MOST_NAMED]]
    if len(names) > _MOST_NAMED:
        where.append(f"  and {len(names) - _MOST_NAMED} more")
    lines = [
        f"Pattern {pattern.id}, {pattern.type} {pattern.version}: {pattern.description}",
        "",
        f"It goes to {endpoints}{':' if names else ', all that are named as unresolved.'}",
        *where,
        "Cleanup follows; each result is logged. Unreachable ones are tried for an hour.",
    ]
    return Question("Deploy this pattern?", lines, [("cancel", "Cancel"), ("deploy", "Deploy")])


def cleanup_question(pattern: int, names: Sequence[str]) -> Question:
    """Whether custom cleanup shall be run again at these endpoints."""
    where = [f"  {name}" for name in names[:_MOST_NAMED]]
    if len(names) > _MOST_NAMED:
        where.append(f"  and {len(names) - _MOST_NAMED} more")
    lines = [
        f"Custom cleanup by pattern {pattern} is run again on {count(len(names), 'endpoint')}:",
        *where,
        "The pattern stays as it is there; each result is logged. Unreachable ones are tried for an hour.",
    ]
    return Question("Run custom cleanup again?", lines, [("cancel", "Cancel"), ("clean", "Clean up")])


def mode_question(*, automatic: bool) -> Question:
    """Whether it shall be the other way from now on."""
    if automatic:
        lines = ["From now on a pattern waits until an admin deploys it."]
    else:
        lines = [
            "From now on the newest pattern is deployed as soon as it is here, once,",
            "to all endpoints that threat events name as unresolved at that time.",
        ]
    return Question("Change how patterns are deployed?", lines, [("keep", "Keep"), ("change", "Change")])

"""What the Pattern Deployment page says: lines, rows and questions, apart from how they are shown."""

from collections.abc import Iterator
from typing import TypedDict

from msgspec.structs import replace
from textual.content import Content

from screens.desk.ages import span
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
    "deployment",
    "endpoint_row",
    "going",
    "known",
    "looked",
    "pattern_row",
    "result_row",
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
_HOST = 20

PATTERNS: Columns = {
    "heads": ("No.", "Type", "Version", "State", "Description"), "least": (5, 10, 7, 9)
}  # fmt: skip
ENDPOINTS: Columns = {"heads": ("Endpoint", "Status", "Threat"), "least": (_HOST, 12)}
RESULTS: Columns = {"heads": ("Endpoint", "Result", "Deployer said"), "least": (_HOST, 8)}


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
    cleanup = info.action == "cleanup"
    what = "Cleanup" if cleanup else "Deployment"
    again = f", again in {span(info.retry_in_seconds)}" if info.retry_in_seconds else ""
    word = "" if again else " cleaned up" if cleanup else " deployed"  # a row has 58 cells at 80 columns
    failed = f", {info.failed} failed" if info.failed else ""
    going = ", goes on" if info.state == "running" else again
    done = f"{info.deployed} of {info.endpoints}{word}"
    return f"{what} {info.number}, pattern {info.pattern}: {done}{failed}{going}"


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

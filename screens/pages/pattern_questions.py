"""What the Pattern Deployment page asks, and what it shows whole: a pattern, an endpoint, a result."""

from collections.abc import Iterator, Mapping, Sequence

from screens.desk.desk import Question
from tm_tui.api.patterns import EndpointInfo, EndpointResult, PatternInfo
from tm_tui.spoken import count, local_time, size

__all__ = [
    "cleanup_question",
    "deploy_question",
    "endpoint_question",
    "mode_question",
    "pattern_question",
    "result_question",
    "unmarked",
]

_MOST_NAMED = 5


def pattern_question(one: PatternInfo, hint: str) -> Question:
    """All that is known of a pattern, why it is not here, and what stands between it and a deployment."""
    known = {
        "Type": f"{one.type}, version {one.version}",
        "State": one.state,
        "Size": size(one.bytes) if one.bytes else "",
        "Received": local_time(one.received_at) if one.received_at is not None else "",
        "Deployed": local_time(one.deployed_at) if one.deployed_at is not None else "",
    }
    lines = [one.description, "", *_rows(known)]
    if one.failure is not None:
        lines += ["", f"Not on this appliance: {one.failure.code}.", one.failure.cause, one.failure.remedy]
    elif hint:
        lines += ["", hint]
    return Question(f"Pattern {one.id}", lines, [("close", "Close")])


def endpoint_question(one: EndpointInfo, pattern: PatternInfo | None) -> Question:
    """All that is known of an endpoint that needs a pattern; where one may, `pattern` is offered for it."""
    known = {
        "Address": ", ".join(part for part in (one.ip, one.mac) if part),
        "Status": one.status,
        "Threat": one.threat,
        "Severity": one.severity,
        "Since": local_time(one.since),
    }
    deploy = [] if pattern is None else [("deploy", f"Deploy pattern {pattern.id}")]
    return Question(f"Endpoint {one.hostname}", list(_rows(known)), [("close", "Close"), *deploy])


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
    answers = [("close", "Close"), *([("clean", "Clean up again")] if may else [])]
    return Question(f"Endpoint {one.hostname}", list(_rows(known)), answers)


def unmarked(total: int) -> str:
    """Why nothing is deployed: nobody said to whom."""
    if not total:
        return "No endpoint is named as unresolved: there is nothing to deploy to."
    return "No endpoint is marked: Tab, then Space, or a for all."


def deploy_question(pattern: PatternInfo, names: Sequence[str], number: int) -> Question:
    """Whether this is what shall be deployed."""
    endpoints = count(number, "endpoint")
    lines = [
        f"Pattern {pattern.id}, {pattern.type} {pattern.version}: {pattern.description}",
        "",
        f"It goes to {endpoints}{':' if names else ', all that are named as unresolved.'}",
        *_named(names),
        "Cleanup follows; each result is logged. Unreachable ones are tried for an hour.",
    ]
    return Question("Deploy this pattern?", lines, [("cancel", "Cancel"), ("deploy", "Deploy")])


def cleanup_question(pattern: int, names: Sequence[str]) -> Question:
    """Whether custom cleanup shall be run again at these endpoints."""
    lines = [
        f"Custom cleanup by pattern {pattern} is run again on {count(len(names), 'endpoint')}:",
        *_named(names),
        "The pattern stays as it is there; each result is logged. Unreachable ones are tried for an hour.",
    ]
    return Question("Run custom cleanup again?", lines, [("cancel", "Cancel"), ("clean", "Clean up")])


def mode_question(*, automatic: bool) -> Question:
    """Whether it shall be the other way from now on."""
    if automatic:
        lines = ["From now on a pattern waits until an admin deploys it."]
    else:
        lines = [
            "From now on the newest pattern is deployed as soon as it is here, once.",
            "It goes to all endpoints that threat events name as unresolved at that time.",
        ]
    return Question("Change how patterns are deployed?", lines, [("keep", "Keep"), ("change", "Change")])


def _rows(known: Mapping[str, str]) -> Iterator[str]:
    return (f"{label:<9} {told}" for label, told in known.items() if told)


def _named(names: Sequence[str]) -> Iterator[str]:
    yield from (f"  {name}" for name in names[:_MOST_NAMED])
    if len(names) > _MOST_NAMED:
        yield f"  and {len(names) - _MOST_NAMED} more"

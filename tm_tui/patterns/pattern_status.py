"""Patterns and deployments as the control socket shows them: true at the moment when somebody looks."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from tm_tui.api.patterns import (
    DeployerInfo,
    DeploymentInfo,
    DeploymentProgress,
    EndpointInfo,
    EndpointResult,
    PatternInfo,
    PatternsDocument,
    PatternsStatus,
)
from tm_tui.api.shapes import Unreadable
from tm_tui.patterns.deployer_protocol import DeployerFailure
from tm_tui.patterns.deployment_record import SUCCEEDED, Deployment
from tm_tui.patterns.endpoints import Endpoint
from tm_tui.text import safe_text

if TYPE_CHECKING:
    from tm_tui.patterns.custom_patterns import CustomPatterns
    from tm_tui.patterns.store import StoredPattern

__all__ = ["deployment_info", "document", "status"]

_MOST_ENDPOINTS, _MOST_RESULTS = 1000, 500
_MOST_DEPLOYMENTS = 5


def status(parts: "CustomPatterns") -> PatternsStatus:
    """The part of the snapshot."""
    patterns = parts.fetching.store.patterns
    active = parts.deploying.active()
    now = parts.deploying.now()
    return PatternsStatus(
        state=parts.fetching.state,
        newest_id=max(patterns, default=None),
        new=sum(one.deployed_at is None for one in patterns.values()),
        deployment=None if active is None else DeploymentProgress(**_progress(active, now)),
        last_failure=parts.fetching.last_failure,
    )


def document(parts: "CustomPatterns", unresolved: Sequence[Endpoint], now: float) -> PatternsDocument:
    """Everything to show."""
    fetching, deploying = parts.fetching, parts.deploying
    busy = {one.plan.pattern.id for one in deploying.deployments if not one.done}
    infos = [_stored(one, one.id in busy) for one in fetching.store.patterns.values()]
    infos += [
        PatternInfo(**pattern.model_dump(), state="refused", failure=failure)
        for number, (pattern, failure) in fetching.refused.items()
        if number not in fetching.store.patterns
    ]
    newest = tuple(reversed(deploying.deployments))[:_MOST_DEPLOYMENTS]
    return PatternsDocument(
        state=fetching.state,
        deploy=parts.deploy,
        last_check_at=fetching.last_check_at,
        checks=fetching.checks,
        last_failure=fetching.last_failure,
        deployer=_deployer(parts),
        patterns=tuple(sorted(infos, key=lambda one: -one.id)),
        unresolved=tuple(_endpoint(one) for one in unresolved[:_MOST_ENDPOINTS]),
        unresolved_total=len(unresolved),
        deployments=tuple(deployment_info(one, now) for one in newest),
        unreadable=tuple(_unreadable(fetching.store.damaged, deploying.damaged)),
    )


def _unreadable(patterns: Mapping[int, str], deployments: Mapping[int, str]) -> Iterator[Unreadable]:
    for what, damaged in (("Pattern", patterns), ("Deployment", deployments)):
        for number, cause in sorted(damaged.items(), reverse=True)[:_MOST_RESULTS]:
            yield Unreadable(what=f"{what} {number}", cause=cause)


def _stored(pattern: "StoredPattern", busy: bool) -> PatternInfo:
    new = pattern.deployed_at is None
    return PatternInfo(
        id=pattern.id,
        type=pattern.type,
        version=pattern.version,
        description=pattern.description,
        state="deploying" if busy else "new" if new else "deployed",
        bytes=pattern.length,
        received_at=pattern.received_at,
        deployed_at=pattern.deployed_at,
    )


def _endpoint(one: Endpoint) -> EndpointInfo:
    return EndpointInfo(
        hostname=one.hostname,
        ip=one.ip,
        mac=one.mac,
        status=one.status,
        threat=one.threat,
        severity=one.severity,
        since=one.since,
    )


def _deployer(parts: "CustomPatterns") -> DeployerInfo:
    try:
        found = parts.deploying.deployer()
    except DeployerFailure as failed:
        return DeployerInfo(ready=False, cause=failed.cause, remedy=failed.remedy)
    return DeployerInfo(ready=True, command=safe_text(found.argv[0], 200))


def deployment_info(one: Deployment, now: float) -> DeploymentInfo:
    """A deployment with what came of its first 500 endpoints."""
    return DeploymentInfo(
        **_progress(one, now),
        by=one.plan.by,
        started_at=one.plan.started_at,
        ended_at=one.ended_at,
        results=tuple(_result(one, n) for n in islice(range(len(one.plan.targets)), _MOST_RESULTS)),
    )


def _progress(one: Deployment, now: float) -> dict[str, Any]:
    states = [result.state for result in one.results.values()]
    retrying = states.count("retrying")
    moment = one.next_moment()
    wait = None if moment is None or one.running or one.done else max(0.0, moment - now)
    state: Literal["running", "retrying", "done"] = "running"
    if one.done:
        state = "done"
    elif wait:
        state = "retrying"
    return {
        "action": one.plan.action,
        "number": one.plan.number,
        "pattern": one.plan.pattern.id,
        "state": state,
        "endpoints": len(one.plan.targets),
        "deployed": sum(state in SUCCEEDED for state in states),
        "failed": states.count("failed"),
        "retrying": retrying,
        "retry_in_seconds": round(wait, 3) if wait else None,
    }


def _result(one: Deployment, n: int) -> EndpointResult:
    target, result = one.plan.targets[n], one.results.get(n)
    running = n in one.running and (result is None or not result.final)
    if result is None:
        state: Literal["waiting", "running"] = "running" if running else "waiting"
        return EndpointResult(hostname=target.hostname, ip=target.ip, state=state)
    return EndpointResult(
        hostname=target.hostname,
        ip=target.ip,
        state="running" if running else result.state,
        cleanup=result.cleanup,
        code=result.code,
        detail=result.detail,
        attempts=one.attempts.get(n, 0),
        at=result.at,
    )

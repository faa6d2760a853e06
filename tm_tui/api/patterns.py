"""What patterns and their deployment say over the control socket: frozen shapes, beside api/agent.py."""

from typing import Annotated, Literal

from tm_tui.api.shapes import LastFailure, Shape, Unreadable
from tm_tui.text import SafeText
from tm_tui.values import Bounds, Count, Moment, Number

__all__ = [
    "DeployerInfo",
    "DeploymentInfo",
    "DeploymentProgress",
    "EndpointInfo",
    "EndpointResult",
    "PatternInfo",
    "PatternsDocument",
    "PatternsState",
    "PatternsStatus",
    "RootForgotten",
]

PatternsState = Literal["disabled", "waiting", "checking", "current", "failing"]
"""Waiting: for the first beat that the status server accepts."""


class PatternInfo(Shape, kw_only=True):
    """One pattern. `refused`: it is offered, and its `failure` says why it is not here."""

    id: Count
    type: Literal["bandage", "controlled"]
    version: SafeText
    description: SafeText
    state: Literal["new", "deploying", "deployed", "refused"]
    bytes: Count = 0
    received_at: Moment | None = None
    deployed_at: Moment | None = None
    failure: LastFailure | None = None


class EndpointInfo(Shape, kw_only=True):
    """An endpoint whose newest threat event names an issue."""

    hostname: SafeText
    ip: SafeText | None = None
    mac: SafeText | None = None
    status: SafeText
    threat: SafeText
    severity: SafeText
    since: Moment


class EndpointResult(Shape, kw_only=True):
    """How a deployment, or a custom cleanup, stands at one endpoint.

    `waiting`: its turn has not come; `running`: the deployer works on it; `retrying`: not reached, or the
    deployer failed, and it is tried again; `deployed`, and `done` of a cleanup: `cleanup` is the mitigation
    status that followed; `failed`: the deployer says so, or an hour of retries is over. `code`:
    docs/deployer.md.
    """

    hostname: SafeText
    ip: SafeText | None = None
    state: Literal["waiting", "running", "retrying", "deployed", "done", "failed"]
    cleanup: SafeText | None = None
    code: SafeText | None = None
    detail: SafeText = ""
    attempts: Count = 0
    at: Moment | None = None


class DeploymentProgress(Shape, kw_only=True):
    """How far a deployment has come, in endpoints. Of a cleanup `deployed` counts where it was done."""

    action: Literal["deploy", "cleanup"] = "deploy"
    number: Count
    pattern: Count
    state: Literal["running", "retrying", "done"]
    endpoints: Count
    deployed: Count
    failed: Count
    retrying: Count
    retry_in_seconds: Number | None = None


class DeploymentInfo(DeploymentProgress, kw_only=True):
    """One deployment. At most 500 endpoints are told one by one."""

    by: SafeText
    """Who asked for it; `automatic`: the settings did."""
    started_at: Moment
    ended_at: Moment | None = None
    results: Annotated[tuple[EndpointResult, ...], Bounds(0, 500)] = ()


class DeployerInfo(Shape, kw_only=True):
    """The appliance's mitigation engine, as far as it is known here. `ready` false: `cause` says why."""

    ready: bool
    command: SafeText = ""
    cause: SafeText = ""
    remedy: SafeText = ""


class PatternsDocument(Shape, kw_only=True):
    """The answer to GET /v1/patterns. The newest pattern comes first, and the newest deployment."""

    state: PatternsState
    deploy: Literal["automatic", "manual"]
    last_check_at: Moment | None = None
    checks: Count = 0
    """How many checks have ended since the agent started."""
    last_failure: LastFailure | None = None
    deployer: DeployerInfo
    patterns: tuple[PatternInfo, ...] = ()
    unresolved: Annotated[tuple[EndpointInfo, ...], Bounds(0, 1000)] = ()
    unresolved_total: Count = 0
    deployments: tuple[DeploymentInfo, ...] = ()
    unreadable: Annotated[tuple[Unreadable, ...], Bounds(0, 1000)] = ()


class RootForgotten(Shape, kw_only=True):
    """The answer to DELETE /v1/patterns/root: whether there was anything to forget."""

    forgotten: bool


class PatternsStatus(Shape, kw_only=True):
    """The part of the agent's snapshot."""

    state: PatternsState = "disabled"
    newest_id: Count | None = None
    new: Count = 0
    """Patterns that are here and were not deployed yet."""
    deployment: DeploymentProgress | None = None
    """The one that is under way."""
    last_failure: LastFailure | None = None

"""What patterns and their deployment say over the control socket: frozen shapes, beside api/agent.py."""

from typing import Annotated, Literal

from pydantic import Field

from tm_tui.api.shapes import LastFailure, Shape, Unreadable
from tm_tui.text import SafeText
from tm_tui.values import Count, Moment, Number

__all__ = [
    "DeployRequest",
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


class PatternInfo(Shape):
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


class EndpointInfo(Shape):
    """An endpoint whose newest threat event names an issue."""

    hostname: SafeText
    ip: SafeText | None = None
    mac: SafeText | None = None
    status: SafeText
    threat: SafeText
    severity: SafeText
    since: Moment


class EndpointResult(Shape):
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


class DeploymentProgress(Shape):
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


class DeploymentInfo(DeploymentProgress):
    """One deployment. At most 500 endpoints are told one by one."""

    by: SafeText
    """Who asked for it; `automatic`: the settings did."""
    started_at: Moment
    ended_at: Moment | None = None
    results: Annotated[tuple[EndpointResult, ...], Field(max_length=500)] = ()


class DeployerInfo(Shape):
    """The appliance's mitigation engine, as far as it is known here. `ready` false: `cause` says why."""

    ready: bool
    command: SafeText = ""
    cause: SafeText = ""
    remedy: SafeText = ""


class PatternsDocument(Shape):
    """The answer to GET /v1/patterns. The newest pattern comes first, and the newest deployment."""

    state: PatternsState
    deploy: Literal["automatic", "manual"]
    last_check_at: Moment | None = None
    checks: Count = 0
    """How many checks have ended since the agent started."""
    last_failure: LastFailure | None = None
    deployer: DeployerInfo
    patterns: tuple[PatternInfo, ...] = ()
    unresolved: Annotated[tuple[EndpointInfo, ...], Field(max_length=1000)] = ()
    unresolved_total: Count = 0
    deployments: tuple[DeploymentInfo, ...] = ()
    unreadable: tuple[Unreadable, ...] = Field((), max_length=1000)


class DeployRequest(Shape):
    """The body of POST /v1/patterns/deployments: endpoints by host name, or all `unresolved` ones.

    `cleanup` runs custom cleanup again: at named endpoints, at all where the pattern was `deployed`, or at
    those of them that are `unresolved`.
    """

    action: Literal["deploy", "cleanup"] = "deploy"
    pattern: Annotated[int, Field(ge=1, le=999_999_999)]
    endpoints: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=253)], ...], Field(max_length=1000)
    ] = ()
    unresolved: bool = False
    deployed: bool = False


class RootForgotten(Shape):
    """The answer to DELETE /v1/patterns/root: whether there was anything to forget."""

    forgotten: bool


class PatternsStatus(Shape):
    """The part of the agent's snapshot."""

    state: PatternsState = "disabled"
    newest_id: Count | None = None
    new: Count = 0
    """Patterns that are here and were not deployed yet."""
    deployment: DeploymentProgress | None = None
    """The one that is under way."""
    last_failure: LastFailure | None = None

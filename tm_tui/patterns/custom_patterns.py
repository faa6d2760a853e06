"""Custom patterns as the agent has them: what fetches, what knows the endpoints, what deploys."""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from typing import Literal

from tm_tui.api.patterns import PatternsDocument, PatternsStatus
from tm_tui.api.requests import DeployRequest
from tm_tui.clock import Clock
from tm_tui.errors import TmError
from tm_tui.link.bandwidth import Bandwidth
from tm_tui.link.host_keys import HostKeys
from tm_tui.paths import Home
from tm_tui.patterns.deployment_record import MOST_TARGETS, SUCCEEDED, Deployment, Result, Target
from tm_tui.patterns.deployment_service import DeploymentService
from tm_tui.patterns.endpoint_reader import EndpointReader
from tm_tui.patterns.endpoints import Endpoint
from tm_tui.patterns.pattern_status import document, status
from tm_tui.patterns.service import PatternService
from tm_tui.patterns.store import StoredPattern
from tm_tui.retry import Chance
from tm_tui.spool.store import Spool
from tm_tui.status_server.protocol import Notice
from tm_tui.tasks import Tasks
from tm_tui.text import safe_text

__all__ = ["CustomPatterns", "DeploymentRefused"]

_log = logging.getLogger(__name__)

_MOST_ACTIVE = 10


class DeploymentRefused(TmError):
    """A deployment that cannot begin as things stand. `code` is a stable word."""

    def __init__(self, code: str, cause: str, remedy: str) -> None:
        super().__init__(cause, remedy)
        self.code = code


class CustomPatterns:
    """`services` are the tasks, for the supervisor. `deploy` follows the settings, set by the agent."""

    def __init__(
        self,
        home: Home,
        appliance: str,
        host_keys: HostKeys,
        spool: Spool,
        *,
        bandwidth: Bandwidth,
        changed: Callable[[], None],
        clock: Clock,
        chance: Chance = random.random,
    ) -> None:
        self.deploy: Literal["automatic", "manual"] = "manual"
        self._changed, self._clock = changed, clock
        self.deploying: DeploymentService
        self._automatic = asyncio.Lock()
        self._tasks = Tasks()
        self.fetching = PatternService(
            appliance,
            host_keys,
            home.state / "patterns",
            bandwidth=bandwidth,
            changed=changed,
            arrived=self._arrived,
            in_use=self._in_use,
            clock=clock,
            chance=chance,
        )
        self.reader = EndpointReader(
            home.state / "endpoints", spool, changed=self._endpoints_changed, clock=clock
        )
        self.deploying = DeploymentService(
            home.state / "deployments",
            home.config,
            self.fetching.store,
            spool,
            changed=changed,
            ended=self._ended,
            missing=self.fetching.lost,
            clock=clock,
            chance=chance,
        )
        self.services = (self.fetching, self.reader, self.deploying)

    # --- what the status server says

    def registered(self, root: str | None) -> None:
        """The registration was accepted, with this root."""
        self.fetching.registered(root)

    def noticed(self, notices: tuple[Notice, ...]) -> None:
        """Look after a notice of a pattern."""
        if any(notice.kind == "pattern" for notice in notices):
            self.fetching.look()

    def connection(self, *, connected: bool) -> None:
        """Whether beats are accepted: each time they begin to be, a notice may have been missed."""
        self.fetching.connection(connected=connected)

    def beat_accepted(self) -> None:
        """The status server takes the credentials."""
        self.fetching.beat_accepted()

    # --- what the control socket asks

    def status(self) -> PatternsStatus:
        """The part of the snapshot. Cheap."""
        return status(self)

    async def document(self) -> PatternsDocument:
        """Everything to show."""
        endpoints = await self.reader.fresh()
        await self._loaded()
        return document(self, endpoints.unresolved(self._clock.now()), self._clock.monotonic())

    async def begin(self, request: DeployRequest, by: str) -> Deployment:
        """Begin a deployment or cleanup. Raises DeploymentRefused, DeployerFailure, StorageFailed."""
        await self._loaded()
        pattern = self.fetching.store.patterns.get(request.pattern)
        if pattern is None:
            cause = f"Pattern {request.pattern} is not on this appliance."
            raise DeploymentRefused("no-such-pattern", cause, "See `tm-tui pattern list` for those that are.")
        if request.action == "cleanup" and pattern.deployed_at is None:
            cause = f"Pattern {pattern.id} was not deployed yet: there is no cleanup to repeat."
            raise DeploymentRefused("not-deployed", cause, "Deploy it; custom cleanup follows by itself.")
        targets = await self._targets(request, pattern)
        if not targets:
            cause = "There is no endpoint to deploy to: no threat event names one as unresolved."
            if request.action == "cleanup":
                cause = f"There is no endpoint to clean up: no deployment of pattern {pattern.id} names one."
            raise DeploymentRefused("no-endpoints", cause, "Name the endpoints, or wait for events.")
        if sum(not one.done for one in self.deploying.deployments) >= _MOST_ACTIVE:
            cause = f"{_MOST_ACTIVE} deployments are under way."
            raise DeploymentRefused("too-many-deployments", cause, "Wait until one of them is done.")
        return await self.deploying.begin(pattern, targets, by, request.action)

    async def _loaded(self) -> None:
        await self.fetching.loaded()
        await self.deploying.loaded()

    async def _targets(self, request: DeployRequest, pattern: StoredPattern) -> list[Target]:
        known = await self.reader.fresh()
        before = _reached(self.deploying.deployments, pattern.id)
        targets: list[Target] = []
        for name in request.endpoints:
            named = [_target(one) for one in known.named(name)]
            named = named or [one for one in before if one.hostname.casefold() == name.casefold()]
            unknown = Target(hostname=safe_text(name, 253), threat=f"Pattern {pattern.id}", severity="medium")
            targets += named or [unknown]
        unresolved = [_target(one) for one in known.unresolved(self._clock.now())]
        if request.action == "cleanup" and request.deployed:
            targets += before
        elif request.action == "cleanup" and request.unresolved:
            names = {one.hostname.casefold() for one in before}
            targets += [one for one in unresolved if one.hostname.casefold() in names]
        elif request.unresolved:
            targets += unresolved
        return list(dict.fromkeys(targets))[:MOST_TARGETS]

    # --- by itself

    def _in_use(self) -> frozenset[int]:
        return self.deploying.in_use()

    def _endpoints_changed(self) -> None:
        self._consider()
        self._changed()

    def _arrived(self, patterns: tuple[StoredPattern, ...]) -> None:
        self.deploying.arrived([pattern.id for pattern in patterns])
        self._consider()

    def _consider(self) -> None:
        """Deploy the newest pattern, if the settings say so and it was not."""
        if self.deploy == "automatic" and self._newest_if_new() is not None:
            self._tasks.start(self._deploy_automatically(), "automatic deployment")

    def _newest_if_new(self) -> StoredPattern | None:
        patterns = self.fetching.store.patterns
        newest = patterns[max(patterns)] if patterns else None
        return newest if newest is not None and newest.deployed_at is None else None

    async def _deploy_automatically(self) -> None:
        async with self._automatic:
            pattern = self._newest_if_new()
            unresolved = self.reader.endpoints.unresolved(self._clock.now())
            if pattern is None or not unresolved:
                return
            targets = [_target(one) for one in unresolved[:MOST_TARGETS]]
            try:
                await self.deploying.begin(pattern, targets, "automatic")
            except TmError as failed:
                self.deploying.problem = failed
                _log.warning("Pattern %d is not deployed. %s %s", pattern.id, failed.cause, failed.remedy)

    def _ended(self, target: Target, result: Result) -> None:
        """An endpoint's result is known here before its event is read again."""
        cleanup = result.cleanup if result.state in SUCCEEDED else None
        endpoint = Endpoint(
            target.hostname,
            target.ip,
            target.mac,
            cleanup or "unsuccessful",
            target.threat,
            target.severity,
            result.at.timestamp(),
            0,
        )
        self.reader.endpoints.note([endpoint])

    async def stop(self) -> None:
        """End what was begun by itself."""
        await self._tasks.stop()


def _reached(deployments: Sequence[Deployment], pattern: int) -> list[Target]:
    """Where this pattern was deployed, by the deployments that are kept: the newest first, each once."""
    found = [
        one.plan.targets[result.n]
        for one in reversed(deployments)
        if one.plan.pattern.id == pattern
        for result in one.results.values()
        if result.state == "deployed"
    ]
    return list(dict.fromkeys(found))


def _target(endpoint: Endpoint) -> Target:
    return Target(
        hostname=endpoint.hostname,
        ip=endpoint.ip,
        mac=endpoint.mac,
        threat=endpoint.threat,
        severity=endpoint.severity,
    )

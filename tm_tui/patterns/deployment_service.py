"""Carries patterns to endpoints: one run of the deployer after the other, through restarts and refusals."""

import asyncio
import logging
import random
import re
import secrets
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from tm_tui.atomic import Folder
from tm_tui.clock import Clock, wait_until
from tm_tui.errors import StorageFailed, TmError
from tm_tui.patterns.deployer_protocol import Deployer, DeployerFailure, deployer_in
from tm_tui.patterns.deployment_record import SUCCEEDED, Action, Deployment, Plan, Result, Target, events_of
from tm_tui.patterns.deployment_round import DeploymentRound, Ended
from tm_tui.patterns.pattern import Pattern
from tm_tui.patterns.store import PatternStore, StoredPattern
from tm_tui.retry import DISK, Chance, Pace, Retry
from tm_tui.service import Service
from tm_tui.settings.store import Revision
from tm_tui.spoken import count
from tm_tui.spool.store import Spool
from tm_tui.tasks import threaded, unbroken

__all__ = ["DeploymentService"]

_log = logging.getLogger(__name__)

_MOST_KEPT = 20
_PLAN = re.compile(r"([0-9]{9})\.plan")


class DeploymentService(Service):
    """A task of the agent. It works whether or not sending to TMSP is on: what it needs is here already.

    `ended` is told of each final result of an endpoint, `missing` that a pattern has to be fetched again.
    """

    name = "pattern deployment"

    def __init__(
        self,
        folder: Path,
        config: Path,
        store: PatternStore,
        spool: Spool,
        *,
        changed: Callable[[], None],
        ended: Ended = lambda _target, _result: None,
        missing: Callable[[], None] = lambda: None,
        clock: Clock,
        chance: Chance = random.random,
    ) -> None:
        self._folder, self._config, self._store, self._spool = folder, config, store, spool
        self._changed, self._ended, self._missing = changed, ended, missing
        self._clock, self._chance = clock, chance
        self._disk = Retry(clock, chance, pace=DISK)
        self._wake = asyncio.Event()
        self._beginning = asyncio.Lock()
        self._loaded, self._read = asyncio.Event(), False
        self.deployments: tuple[Deployment, ...] = ()  # the newest last, and all that are not done
        self.damaged: dict[int, str] = {}
        """Those whose plan cannot be read, by number, with the cause: they are left alone."""
        self.problem: TmError | None = None
        """Why the deployer, or the disk, did not do what it should the last time."""

    # --- as the supervisor wants it

    def alerts(self) -> tuple[str, ...]:
        """What an admin must know now."""
        if self.problem is None or self.active() is None:
            return ()
        return (f"Deployment of patterns does not go on as it should. {self.problem.cause}",)

    async def work(self, _revision: Revision) -> None:
        """Work until cancelled."""
        while not await self._load():
            await wait_until(self._clock, self._disk.again, asyncio.Event())
        while True:
            self._wake.clear()
            moments = [(moment, one) for one in self.deployments if (moment := one.next_moment()) is not None]
            moment, one = min(moments, key=lambda pair: pair[0], default=(None, None))
            if moment is None or one is None:
                await self._wake.wait()
            elif moment <= self._clock.monotonic():
                await self._round(one)
            else:
                await wait_until(self._clock, moment, self._wake)

    # --- from outside, in the event loop

    def now(self) -> float:
        """The moment by which retries are planned, in monotonic seconds."""
        return self._clock.monotonic()

    def deployer(self) -> Deployer:
        """The deployer of this moment. Raises DeployerFailure."""
        return deployer_in(self._config)

    def active(self) -> Deployment | None:
        """The oldest deployment that is under way."""
        return next((one for one in self.deployments if not one.done), None)

    def in_use(self) -> frozenset[int]:
        """The patterns that must stay."""
        return frozenset(one.plan.pattern.id for one in self.deployments if not one.done)

    async def find(self, number: int) -> Deployment | None:
        """The deployment of this number, once those of earlier starts are read."""
        await self.loaded()
        return next((one for one in self.deployments if one.plan.number == number), None)

    async def loaded(self) -> None:
        """Wait until those of earlier starts are read: a moment after the agent's start."""
        await self._loaded.wait()

    def arrived(self, numbers: Collection[int]) -> None:
        """These patterns are here (again): what waits for one of them goes on."""
        for one in self.deployments:
            if one.plan.pattern.id in numbers:
                one.hold_until = 0.0
        self._wake.set()

    async def begin(
        self, pattern: StoredPattern, targets: Sequence[Target], by: str, action: Action = "deploy"
    ) -> Deployment:
        """Begin a deployment, or a custom cleanup: it is on the disk when this returns.

        Raises StorageFailed, DeployerFailure.
        """
        self.deployer()
        await self.loaded()
        return await unbroken(self._begin(pattern, targets, by, action))

    async def _begin(
        self, pattern: StoredPattern, targets: Sequence[Target], by: str, action: Action
    ) -> Deployment:
        async with self._beginning:
            there = await threaded(self._numbers)  # those too that cannot be read
            plan = Plan(
                action=action,
                number=max([0, *(one.plan.number for one in self.deployments), *there]) + 1,
                uid=secrets.token_hex(6),
                pattern=Pattern.model_validate(pattern.model_dump()),
                by=by,
                started_at=self._clock.now(),
                targets=tuple(targets),
            )
            made = await threaded(Deployment.begin, self._folder, plan)
            self.deployments = (*self.deployments, made)
            try:
                if action == "deploy":
                    await threaded(self._store.deployed, pattern.id, plan.started_at)
                await self._tidy()
            except StorageFailed as failed:  # it has begun all the same
                self._trouble(failed)
        _log.info("%s %s, by %s.", _named(plan), count(len(targets), "endpoint"), by)
        self._wake.set()
        self._changed()
        return made

    # --- the task

    async def _load(self) -> bool:
        """Read those of earlier starts, once: what happens since then is in memory first."""
        if self._read:
            return True
        try:
            async with self._beginning:
                await threaded(self._read_all)
        except StorageFailed as failed:
            self._trouble(failed)
            self._disk.failed(failed)
        else:
            self._disk.succeeded()
            self._read = True
        self._loaded.set()
        self._changed()
        return self._read

    def _read_all(self) -> None:
        here = {one.plan.number: one for one in self.deployments}
        for number in self._numbers():
            if number in here:
                continue
            one = Deployment.load(self._folder, number)
            if one is None:
                self.damaged[number] = Deployment.damage(self._folder, number)
            else:
                here[number] = one
        self.deployments = tuple(here[number] for number in sorted(here))

    def _numbers(self) -> list[int]:
        with Folder.open(self._folder, create=True) as folder:
            return [int(match[1]) for name in folder.names() if (match := _PLAN.fullmatch(name))]

    async def _tidy(self) -> None:
        done = [one for one in self.deployments if one.done]
        old = done[: max(0, len(done) - _MOST_KEPT)]
        self.deployments = tuple(one for one in self.deployments if one not in old)
        await threaded(self._remove, [one.plan.number for one in old])

    def _remove(self, numbers: Sequence[int]) -> None:
        with Folder.open(self._folder) as folder:
            for number in numbers:
                folder.remove(f"{number:09d}.plan")
                folder.remove(f"{number:09d}.journal")

    async def _round(self, one: Deployment) -> None:
        """The events of what is done, one run of the deployer, the events of that."""
        try:
            await threaded(one.flush)
            await self._tell(one)
            if due := one.due(self._clock.monotonic()):
                await self._deploy(one, due)
                await self._tell(one)
            if one.done:
                self.problem = None
                _log.info("%s %s: %s.", _named(one.plan), count(len(one.plan.targets), "endpoint"), _sum(one))
            self._disk.succeeded()
        except StorageFailed as failed:
            self._trouble(failed)
            self._disk.failed(failed)
            one.hold_until = self._disk.again
        finally:
            one.running = frozenset()
            self._changed()

    async def _deploy(self, one: Deployment, due: list[int]) -> None:
        try:
            deployer = self.deployer()
        except DeployerFailure as failed:
            await self._not_yet(one, Deployer(argv=("/",)), failed)
            return
        this = self._this_round(one, deployer)
        checked = await threaded(self._store.checked, one.plan.pattern.id)
        if checked is None:
            cause = f"Pattern {one.plan.pattern.id} was damaged on this appliance, or is gone from it."
            remedy = "It is fetched again by itself, as soon as the portal is reached, and deployed then."
            self._missing()
            await self._not_yet(one, deployer, DeployerFailure("deployer-no-pattern", cause, remedy))
            return
        some = this.choose(due)
        one.running = frozenset(some)
        self._changed()
        await this.run(some, checked[1])
        if this.problem is not None:
            self._trouble(this.problem)
        else:
            self.problem = None

    async def _not_yet(self, one: Deployment, deployer: Deployer, failed: DeployerFailure) -> None:
        """Something that is needed here is not here: wait for it, as long as endpoints are waited for."""
        self._trouble(failed)
        this = self._this_round(one, deployer)
        if this.over():
            await this.give_up(one.left(), failed)
        else:
            later = Pace.around(deployer.retry_seconds).wait(1, self._chance)
            one.hold_until = self._clock.monotonic() + later

    def _this_round(self, one: Deployment, deployer: Deployer) -> DeploymentRound:
        def ended(target: Target, result: Result) -> None:
            self._ended(target, result)
            self._changed()

        return DeploymentRound(one, deployer, clock=self._clock, chance=self._chance, ended=ended)

    async def _tell(self, one: Deployment) -> None:
        """Hand the events of final results to the log queue; those that it knows already it keeps once."""
        for result in one.untold():
            if one.begun(result.n):  # else nothing happened at this endpoint
                taken = await self._spool.add(events_of(one.plan, result))
                for rejection in taken.rejected:
                    _log.error("An event of a deployment was not taken: %s", rejection.reason)
            await threaded(one.logged, result.n)

    def _trouble(self, problem: TmError) -> None:
        if self.problem is None or self.problem.cause != problem.cause:
            _log.warning("Deployment: %s %s", problem.cause, problem.remedy)
        self.problem = problem


def _named(plan: Plan) -> str:
    """What it is, up to its endpoints."""
    words = ("Custom cleanup", "by", "on") if plan.action == "cleanup" else ("Deployment", "of", "to")
    return f"{words[0]} {plan.number} {words[1]} pattern {plan.pattern.id} {words[2]}"


def _sum(one: Deployment) -> str:
    went = sum(result.state in SUCCEEDED for result in one.results.values())
    word = "deployed" if one.plan.action == "deploy" else "cleaned up"
    return f"done, {went} {word}, {len(one.plan.targets) - went} failed"

"""One run of the deployer over endpoints of one deployment: each result is on the disk before the next."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tm_tui.clock import Clock
from tm_tui.patterns.deployer_process import run_deployer
from tm_tui.patterns.deployer_protocol import Deployer, DeployerFailure, DeployerLine
from tm_tui.patterns.deployment_record import Deployment, Plan, Result, Target
from tm_tui.retry import Chance, Pace
from tm_tui.tasks import threaded

if TYPE_CHECKING:
    from tm_tui.errors import TmError

__all__ = ["DeploymentRound", "Ended"]

_NUMBER = re.compile(r"[0-9]{1,6}")

Ended = Callable[[Target, Result], None]
"""Is told of each final result that says something of its endpoint."""


class DeploymentRound:
    """`problem` is what the deployer did wrong. Methods raise StorageFailed."""

    def __init__(
        self, one: Deployment, deployer: Deployer, *, clock: Clock, chance: Chance, ended: Ended
    ) -> None:
        self._one, self._deployer = one, deployer
        self._clock, self._chance, self._ended = clock, chance, ended
        self.problem: TmError | None = None

    def choose(self, due: Sequence[int]) -> list[int]:
        """The endpoints of this run. One over which the deployer failed is tried alone."""
        suspects = [n for n in due if self._suspect(n)]
        if suspects and len(suspects) == len(due):
            return suspects[:1]
        return [n for n in due if not self._suspect(n)][: self._deployer.at_once]

    def _suspect(self, n: int) -> bool:
        last = self._one.results.get(n)
        return last is not None and (last.code or "").startswith("deployer-")

    async def run(self, some: Sequence[int], file: Path) -> None:
        """Run the deployer, and plan what is to be tried again."""
        self._waiting = set(some)
        request = _request(self._one.plan, file, some)
        problem = await run_deployer(self._deployer, request, len(some), self._took)
        self.problem = problem
        for n in sorted(self._waiting if problem is not None else ()):
            assert problem is not None  # noqa: S101  as the loop says
            await self._again(n, problem)

    async def give_up(self, numbers: Sequence[int], why: DeployerFailure) -> None:
        """End the deployment at these endpoints."""
        for n in numbers:
            await self._final(
                Result(n=n, at=self._clock.now(), state="failed", code=why.code, detail=why.cause)
            )

    def over(self) -> bool:
        """Whether the time in which endpoints are tried again has passed."""
        return self._left() <= 0

    def _left(self) -> float:
        passed = (self._clock.now() - self._one.plan.started_at).total_seconds()
        return self._deployer.give_up_seconds - passed

    async def _took(self, line: DeployerLine) -> bool:
        n = int(line.id) if _NUMBER.fullmatch(line.id) else -1
        if n not in self._waiting:
            return False
        self._waiting.discard(n)
        now = self._clock.now()
        if line.outcome == "unreachable":
            await self._again(n, DeployerFailure("endpoint-unreachable", line.detail, ""))
        elif line.outcome != "failed":
            cleanup = line.cleanup or "cleaned"
            state = "deployed" if self._one.plan.action == "deploy" else "done"
            await self._final(Result(n=n, at=now, state=state, cleanup=cleanup, detail=line.detail))
        else:
            code = "endpoint-failed"
            await self._final(Result(n=n, at=now, state="failed", code=code, detail=line.detail))
        return True

    async def _again(self, n: int, why: DeployerFailure) -> None:
        """Try it again later: each time after twice as long, and for the last time when its time is over."""
        if self.over():
            await self.give_up([n], why)
            return
        again = Result(n=n, at=self._clock.now(), state="retrying", code=why.code, detail=why.cause)
        await threaded(self._one.add, again)
        grown = Pace.around(self._deployer.retry_seconds).wait(self._one.attempts[n], self._chance)
        wait = min(grown, max(0.0, self._left()))
        self._one.next_try[n] = self._clock.monotonic() + wait

    async def _final(self, result: Result) -> None:
        await threaded(self._one.add, result)
        if self._one.begun(result.n):
            self._ended(self._one.plan.targets[result.n], result)


def _request(plan: Plan, file: Path, numbers: Sequence[int]) -> bytes:
    """What the deployer reads (docs/deployer.md)."""
    endpoints = [
        {"id": str(n), **plan.targets[n].model_dump(mode="json", exclude_none=True)} for n in numbers
    ]
    pattern = {**plan.pattern.model_dump(mode="json"), "file": str(file)}
    told = {"version": 1, "action": plan.action, "pattern": pattern, "endpoints": endpoints}
    return json.dumps(told).encode() + b"\n"

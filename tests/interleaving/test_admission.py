"""Who is let in, in any order: never more at once than the rule says, and every place comes back."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncGenerator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from starlette.requests import ClientDisconnect
from starlette.routing import Router

from agents import revision_for, settings_for
from interleaving.loop import LoopClock, played, some_time
from tm_tui.agent.server.costly import RULES as BY_COST
from tm_tui.agent.server.costly import Turns, guarded
from tm_tui.agent.server.routes.probe import probe_routes
from tm_tui.api.agent import StepEvent
from tm_tui.diagnostics.last_test import LastTest
from tm_tui.serving.refusals import Refused

if TYPE_CHECKING:
    from tm_tui.agent.core import Core
    from tm_tui.serving.peers import Role

SEEDS = range(100)
MOST = 4
RULES = list(BY_COST.values())


class Asked:
    """What the route asks of an agent, and how many tests run."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.clock, self.stopping = LoopClock(), asyncio.Event()
        self.revision = revision_for(settings_for(1), None)
        self.last_test = LastTest()
        self.host_keys, self.appliance = None, "tm-lab-1"
        self.store = SimpleNamespace(candidate=lambda *_: self.revision)
        self.drafts = SimpleNamespace(given=lambda *_: {})
        self.running = self.most = self.begun = 0

    async def run_probe(self, *_: Any, **__: Any) -> AsyncGenerator[StepEvent, None]:
        """A test, as far as it can be told from outside."""
        self.running, self.begun = self.running + 1, self.begun + 1
        self.most = max(self.most, self.running)
        try:
            for _ in range(self.chance.randrange(4)):
                await some_time(self.chance)
                yield StepEvent(step="status_server.tcp", outcome="started")
            if self.chance.random() < 0.1:
                raise ZeroDivisionError("a bug")
        finally:
            self.running -= 1

    def scope(self) -> dict[str, Any]:
        async def turn() -> None:
            await some_time(self.chance, 0.01)

        state = {"peer": SimpleNamespace(uid=7), "session": SimpleNamespace(user="root"), "turn": turn}
        head = {"type": "http", "method": "POST", "path": "/v1/probe", "headers": [], "query_string": b""}
        return {**head, "asgi": {"spec_version": "2.4"}, "state": state}


async def ask(core: Asked, app: Router, *, patient: bool = False) -> bool:
    """One request, whose reader may hang up at any moment. True if it was let in."""
    chance, body = core.chance, json.dumps({"settings": settings_for(1)}).encode()
    told = False

    async def receive() -> dict[str, Any]:
        nonlocal told
        await some_time(chance, 0.5)
        if told:
            await asyncio.Event().wait()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(_message: Any) -> None:
        await some_time(chance, 0.2)
        if not patient and chance.random() < 0.15:
            raise OSError("the reader has hung up")

    try:
        await app(core.scope(), receive, send)
    except Refused as refused:
        assert refused.code == "too-many-probes"  # noqa: PT017
        return False
    except (ClientDisconnect, ZeroDivisionError):
        return True
    return True


@pytest.mark.parametrize("seed", SEEDS)
def test_connection_tests_are_counted_from_the_first_moment(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty at once, readers that leave, requests that are cut: four run at most, all places come back."""

    async def story(chance: random.Random) -> None:
        core = Asked(chance)
        monkeypatch.setattr("tm_tui.probe.runner.run_probe", core.run_probe)
        app = Router(guarded(probe_routes(cast("Core", core))))

        async def somebody() -> None:
            await some_time(chance, chance.choice([0.01, 5.0]))
            task = asyncio.create_task(ask(core, app), name="request")
            if chance.random() < 0.3:
                await some_time(chance, 1.0)
                task.cancel()
            await asyncio.wait({task})

        await asyncio.gather(*(asyncio.create_task(somebody()) for _ in range(20)))
        assert core.most <= MOST
        assert core.running == 0
        asked = await asyncio.gather(*(ask(core, app, patient=True) for _ in range(MOST)))
        assert asked == [True] * MOST, "a place was never given back"

    played(seed, story, bugs=True)


@pytest.mark.parametrize("rule", RULES, ids=range(len(RULES)))
@pytest.mark.parametrize("seed", range(40))
def test_turns_are_given_and_come_back(seed: int, rule: Any) -> None:
    """Costly answers: one at a time for a user, few in all, and nobody who may wait is forgotten."""

    async def story(chance: random.Random) -> None:
        turns, under_way = Turns(rule), Counter[tuple[int, str]]()
        ended: list[str] = []

        async def somebody() -> None:
            await some_time(chance, chance.choice([0.01, 5.0]))
            uid, role = chance.randrange(4), cast("Role", chance.choice(["read", "write"]))
            try:
                end = await turns.take(uid, role)
            except Refused:
                ended.append("refused")
                return
            under_way[uid, role] += 1
            assert under_way[uid, role] == 1, "two at once for one user"
            assert sum(n for (_, one), n in under_way.items() if one == role) <= rule.in_all[role]
            try:
                await some_time(chance)
            finally:
                under_way[uid, role] -= 1
                end()
                end()
            ended.append("answered")

        tasks = [asyncio.create_task(somebody(), name="request") for _ in range(25)]
        for task in chance.sample(tasks, 8):
            await some_time(chance, 0.5)
            task.cancel()
        await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled():
                task.result()
        await LoopClock().wait(asyncio.Event(), 300.0)
        for role in ("read", "write"):
            if rule.in_all[role]:
                (await turns.take(99, cast("Role", role)))()

    played(seed, story)
